"""Models get the right scores even if their rows depend on each other."""

from typing import Any, Dict, List, Optional

import pytest
import torch
from allennlp.common.testing.interpret_test import (
    FakeModelForTestingInterpret,
    FakePredictorForTestingInterpret,
)
from allennlp.data import Vocabulary
from allennlp.data.dataset_readers import TextClassificationJsonReader
from allennlp.data.tokenizers import WhitespaceTokenizer
from allennlp.models import BasicClassifier
from allennlp.predictors import Predictor, TextClassifierPredictor

from biome_interpret import GradientShap, IntegratedGradient, InterpretationError
from biome_interpret.models.execution.probing import SUM, probe
from biome_interpret.models.tensors import to_tensors
from tests.kinds import embedders
from tests.kinds.embedders import PAIR
from tests.kinds.models import TwoEmbedders
from tests.models.execution.batches import batch_of
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

REVIEW = EXAMPLE_INPUTS["lstm"]
KINDS = embedders.KINDS.kinds


class MixesRows(BasicClassifier):
    """Subtracts the mean over the batch, as batch normalisation in training does."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        outputs = super().forward(tokens, label, metadata)
        if len(outputs["logits"]) > 1:
            outputs["logits"] = outputs["logits"] - outputs["logits"].mean(dim=0)
        return outputs


class MixesGradients(BasicClassifier):
    """Each row's value is its own, but not its gradient."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        outputs = super().forward(tokens, label, metadata)
        if len(outputs["logits"]) > 1:
            mean = outputs["logits"].mean(dim=0)
            outputs["logits"] = outputs["logits"] + mean - mean.detach()
        return outputs


class OneOnly(BasicClassifier):
    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        assert len(tokens["tokens"]["tokens"]) == 1, "one text at a time"
        return super().forward(tokens, label, metadata)


class FirstRowOnly(BasicClassifier):
    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        outputs = super().forward(tokens, label, metadata)
        return {**outputs, "logits": outputs["logits"][:1]}


class SumsLoss(BasicClassifier):
    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        outputs = super().forward(tokens, label, metadata)
        if label is not None:
            outputs["loss"] = outputs["loss"] * len(outputs["logits"])
        return outputs


class OddLoss(BasicClassifier):
    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        outputs = super().forward(tokens, label, metadata)
        if label is not None:
            outputs["loss"] = outputs["loss"] * len(outputs["logits"]) ** 0.5
        return outputs


class MixesLongTexts(BasicClassifier):
    """Rows mix in longer texts only. Probing a short text does not show it."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        outputs = super().forward(tokens, label, metadata)
        if tokens["tokens"]["tokens"].size(1) > 3 and len(outputs["logits"]) > 1:
            outputs["logits"] = outputs["logits"] - outputs["logits"].mean(dim=0)
        return outputs


class MixesLongTextsMildly(BasicClassifier):
    """As `MixesLongTexts`, but the others change a row only a little."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        outputs = super().forward(tokens, label, metadata)
        if tokens["tokens"]["tokens"].size(1) > 3 and len(outputs["logits"]) > 1:
            outputs["logits"] = outputs["logits"] + 0.2 * outputs["logits"].mean(dim=0)
        return outputs


class WritesIntoItsEmbedding(BasicClassifier):
    """As some Hugging Face models add positions in place."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        embedder = self._text_field_embedder.token_embedder_tokens
        # Registered last, it is the last to get the output of the embedder.
        handle = embedder.register_forward_hook(lambda m, i, output: output.add_(1))
        try:
            return super().forward(tokens, label, metadata)
        finally:
            handle.remove()


class Forgetful(BasicClassifier):
    """Gives another output each time that it is called."""

    calls = 0

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        self.calls += 1
        outputs = super().forward(tokens, label, metadata)
        return {**outputs, "logits": outputs["logits"] * self.calls}


def test_a_model_may_write_into_its_embedding() -> None:
    predictor = as_kind(WritesIntoItsEmbedding)
    [result] = IntegratedGradient(predictor, n_steps=60).interpret_json(REVIEW)
    assert abs(result.convergence_delta) < 1e-5


class CountsPositions(BasicClassifier):
    """Ignores its mask."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        outputs = super().forward(tokens, label, metadata)
        outputs["logits"] = outputs["logits"] * tokens["tokens"]["tokens"].size(1)
        return outputs


def test_a_note_says_that_padding_matters() -> None:
    [result] = IntegratedGradient(as_kind(CountsPositions)).interpret_json(REVIEW)
    assert "changes when padding is appended" in result.notes[0]
    assert IntegratedGradient(as_kind(BasicClassifier)).interpret_json(REVIEW)[0].notes == []


def test_a_model_with_another_output_each_time_is_refused() -> None:
    with pytest.raises(InterpretationError, match="does not give the same output again"):
        IntegratedGradient(as_kind(Forgetful)).interpret_json(REVIEW)


def as_kind(kind: type) -> Predictor:
    predictor = build_predictor("lstm")
    predictor._model.__class__ = kind
    return predictor


@pytest.mark.parametrize("interpreter", [IntegratedGradient, GradientShap])
@pytest.mark.parametrize("mode", ["logits", "log_softmax", "loss"])
@pytest.mark.parametrize(
    "kind",
    [
        MixesRows,
        MixesGradients,
        OneOnly,
        FirstRowOnly,
        SumsLoss,
        OddLoss,
        MixesLongTexts,
        MixesLongTextsMildly,
    ],
)
def test_the_scores_are_right_if_rows_mix(kind: type, mode: str, interpreter: Any) -> None:
    expected = interpreter(build_predictor("lstm"), inference_mode=mode).interpret_json(REVIEW)
    odd = interpreter(as_kind(kind), inference_mode=mode)
    odd.interpret_json({"sentence": "dull film"})
    [found] = odd.interpret_json(REVIEW)
    assert found.fields["tokens"].scores == pytest.approx(
        expected[0].fields["tokens"].scores, abs=1e-5
    )
    assert found.convergence_delta == pytest.approx(expected[0].convergence_delta, abs=1e-5)


@pytest.mark.parametrize(
    "kind, reduction",
    [(BasicClassifier, SUM), (MixesRows, None), (MixesGradients, None), (OneOnly, None)],
)
def test_the_probe_finds_rows_that_mix(kind: type, reduction: Optional[int]) -> None:
    """Without it each text would be run twice, until its own rows show that they mix."""
    assert probe(batch_of(as_kind(kind), ["a dull film"])).loss_reduction == reduction


class NoisyHypothesis(TwoEmbedders):
    """The hypothesis only matters by rounding errors, which depend on the number of rows."""

    def vector(self, tokens: Any) -> torch.Tensor:
        vector = super().vector(tokens)
        noise = self.hypothesis_embedder(tokens[1]).sum(dim=(1, 2)) * len(vector)
        return vector + 1e-9 * noise.unsqueeze(-1)


@pytest.mark.parametrize("mode", ["logits", "loss"])
def test_a_text_that_does_not_matter_does_not_mix_rows(mode: str) -> None:
    predictor = KINDS["two embedders"].build()
    model: Any = predictor._model
    model.__class__ = NoisyHypothesis
    model.linear.weight.data[:, model.premise_embedder.get_output_dim() :] = 0
    interpreter = IntegratedGradient(predictor, n_steps=40, inference_mode=mode)
    interpreter.interpret_json(PAIR)  # With what is found out once.
    passes: List[int] = []
    model.register_forward_hook(lambda *_: passes.append(1))
    interpreter.interpret_json(PAIR)
    # Row by row it would be one for each of the 40 nodes.
    assert 0 < len(passes) < 10


def test_equal_words_do_not_look_like_rows_that_mix() -> None:
    """Of equal words, rounding decides which one is the maximum. Their baselines are not equal."""
    background = [{"sentence": "a boring film"}, {"sentence": "the story is good , but long"}]
    interpreter = IntegratedGradient(
        build_predictor("cnn"), max_evaluations=12, background=background, target=1
    )
    [found] = interpreter.interpret_json({"sentence": "zu zv zw zx boring zy"})
    assert not any("each point was run alone" in note for note in found.notes)


def fake_predictor() -> Predictor:
    """AllenNLP's own. It has only an embedding layer, and takes one text at a time."""
    words = REVIEW["sentence"].split()
    vocab = Vocabulary()
    vocab.add_tokens_to_namespace(words)
    torch.manual_seed(0)
    model = FakeModelForTestingInterpret(vocab, max_tokens=len(words))
    reader = TextClassificationJsonReader(tokenizer=WhitespaceTokenizer())
    return FakePredictorForTestingInterpret(model, reader)


@pytest.mark.parametrize("interpreter", [IntegratedGradient, GradientShap])
def test_the_predictor_may_name_its_embedding_layer(interpreter: Any) -> None:
    predictor = fake_predictor()
    assert isinstance(predictor, TextClassifierPredictor)
    options = {"noise_std": 0} if interpreter is GradientShap else {}
    [result] = interpreter(predictor, **options).interpret_json(REVIEW)
    model = predictor._model
    [instance] = predictor.json_to_labeled_instances(REVIEW)
    ids = to_tensors([instance], model)["tokens"]["tokens"]["tokens"][0]
    weight = model.linear.weight[instance["label"].label].reshape(len(ids), -1)
    expected = (model.embedder(ids) * weight).sum(dim=-1).tolist()
    assert result.fields["tokens"].scores == pytest.approx(expected, abs=1e-5)
    assert len(interpreter(predictor).saliency_interpret_from_json(REVIEW)["instance_1"]) == 1
