"""The loss is explained row by row if it is additive over rows, and as a whole otherwise."""

from typing import Any, Dict, List, Optional

import pytest
import torch
from allennlp.common import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import TensorField
from allennlp.models import BasicClassifier
from allennlp.predictors import Predictor

from biome_interpret import GradientShap, IntegratedGradient, Interpretation
from tests.kinds.others.models.lookalikes import TAGS, OwnTags
from tests.kinds.others.records import maker
from tests.models.execution.test_probing import OddLoss, SumsLoss, as_kind
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

REVIEW = EXAMPLE_INPUTS["lstm"]
DULL = {"sentence": "a dull film"}
TEXTS = [REVIEW, DULL, REVIEW, {"sentence": "surprising"}]


class WeighsLoss(BasicClassifier):
    """Texts with the first label count twice."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        outputs = super().forward(tokens, label, metadata)
        if label is not None:
            outputs["loss"] = outputs["loss"] * (1 + (label == 0).float().mean())
        return outputs


class WeighsTexts(BasicClassifier):
    """Each text's loss counts as often as the text says."""

    def forward(
        self, tokens: Any, weight: Any = None, label: Any = None, metadata: Any = None
    ) -> Dict[str, Any]:
        outputs = super().forward(tokens, label, metadata)
        if label is not None:
            outputs["loss"] = outputs["loss"] * weight.mean()
        return outputs


class WeighsOneWord(BasicClassifier):
    """Texts with one word count twice."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        outputs = super().forward(tokens, label, metadata)
        if label is not None:
            is_dull = tokens["tokens"]["tokens"] == self.vocab.get_token_index("dull", "tokens")
            outputs["loss"] = outputs["loss"] * (1 + is_dull.any(dim=1).float().mean())
        return outputs


class CountsPasses(BasicClassifier):
    """Counts the passes of all such models. A model's own attributes would be put back."""

    passes = 0
    passes_without_label = 0

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        CountsPasses.passes += 1
        CountsPasses.passes_without_label += label is None
        return super().forward(tokens, label, metadata)


def scores_of(result: Interpretation) -> List[float]:
    return [score for field in result.fields.values() for score in field.scores]


@pytest.mark.parametrize("model_class", [BasicClassifier, SumsLoss])
@pytest.mark.parametrize("interpreter", [IntegratedGradient, GradientShap])
def test_a_mean_or_sum_over_rows_is_the_log_probability(
    model_class: type, interpreter: Any
) -> None:
    found = interpreter(as_kind(model_class), inference_mode="loss").interpret_batch_json(TEXTS)
    wanted = interpreter(as_kind(model_class), inference_mode="log_softmax").interpret_batch_json(
        TEXTS
    )
    for [one], [other] in zip(found, wanted):
        assert one.n_evaluations == other.n_evaluations
        assert one.output == pytest.approx(other.output, abs=1e-6)
        assert scores_of(one) == pytest.approx(scores_of(other), abs=1e-6)
        assert one.notes == []


def test_texts_share_passes_for_their_losses_too() -> None:
    interpreter = IntegratedGradient(as_kind(CountsPasses), n_steps=10, inference_mode="loss")
    interpreter.interpret_json(REVIEW)  # Probes whether they may.
    interpreter.saliency_interpret_batch_json([REVIEW] * 8)  # Holds it against rows alone.
    CountsPasses.passes = 0
    interpreter.saliency_interpret_batch_json([REVIEW] * 8)
    assert CountsPasses.passes == 2


def test_a_label_of_its_own_does_not_make_a_text_slower() -> None:
    passes: List[int] = []
    for label in ("positive", "negative"):
        interpreter = IntegratedGradient(as_kind(CountsPasses), n_steps=10, inference_mode="loss")
        reader = interpreter.predictor._dataset_reader
        instance: Any = reader.text_to_instance(REVIEW["sentence"], label)
        interpreter.interpret_instance(instance)
        CountsPasses.passes = 0
        interpreter.interpret_instance(instance)
        passes.append(int(CountsPasses.passes))
    assert passes[0] == passes[1]


@pytest.mark.parametrize("model_class", [OddLoss, WeighsLoss])
def test_another_loss_is_explained_as_it_is(model_class: type) -> None:
    interpreter = IntegratedGradient(as_kind(model_class), n_steps=40, inference_mode="loss")
    plain = IntegratedGradient(as_kind(BasicClassifier), n_steps=40, inference_mode="log_softmax")
    for target, factor in ((0, 2.0 if model_class is WeighsLoss else 1.0), (1, 1.0)):
        [found] = interpreter.interpret_json(REVIEW, target=target)
        [wanted] = plain.interpret_json(REVIEW, target=target)
        expected = [factor * score for score in scores_of(wanted)]
        assert scores_of(found) == pytest.approx(expected, abs=1e-5)


def test_a_text_s_own_weight_is_not_lost() -> None:
    predictor = as_kind(WeighsTexts)
    interpreter = IntegratedGradient(predictor, n_steps=20, inference_mode="loss")
    plain = IntegratedGradient(as_kind(BasicClassifier), n_steps=20, inference_mode="log_softmax")
    [wanted] = plain.interpret_json(REVIEW)
    for weight in [1.0] * 5 + [3.0]:
        instance: Any = predictor._dataset_reader.text_to_instance(REVIEW["sentence"])
        instance.add_field("weight", TensorField(torch.tensor(weight)))
        [found] = interpreter.interpret_instance(instance)
        expected = [weight * score for score in scores_of(wanted)]
        assert scores_of(found) == pytest.approx(expected, abs=1e-5)


def test_a_loss_that_is_another_one_for_later_texts_only() -> None:
    interpreter = IntegratedGradient(as_kind(WeighsOneWord), n_steps=20, inference_mode="loss")
    plain = IntegratedGradient(as_kind(BasicClassifier), n_steps=20, inference_mode="log_softmax")
    for text, factor in [(REVIEW, 1.0)] * 5 + [(DULL, 2.0), (REVIEW, 1.0)]:
        [found] = interpreter.interpret_json(text, target=0)
        [expected] = plain.interpret_json(text, target=0)
        assert found.output == pytest.approx(factor * expected.output, rel=1e-5)
        doubled = [factor * score for score in scores_of(expected)]
        assert scores_of(found) == pytest.approx(doubled, abs=1e-5)


@pytest.mark.parametrize("mode", ["log_softmax", "loss"])
def test_every_pass_with_the_label_has_the_model_s_loss(mode: str) -> None:
    """Only the prediction, made before the label is known, has none."""
    interpreter = IntegratedGradient(as_kind(CountsPasses), n_steps=10, inference_mode=mode)
    interpreter.interpret_json(REVIEW)
    CountsPasses.passes = CountsPasses.passes_without_label = 0
    interpreter.interpret_json(REVIEW)
    assert CountsPasses.passes > 0
    assert CountsPasses.passes_without_label == (1 if mode == "loss" else CountsPasses.passes)


def test_rounding_in_bfloat16_is_not_taken_for_another_loss() -> None:
    passes: List[int] = []
    for mode in ("log_softmax", "loss"):
        predictor = as_kind(CountsPasses)
        CountsPasses.passes = 0
        interpreter = IntegratedGradient(
            predictor, n_steps=10, inference_mode=mode, autocast=True, batch_size=4
        )
        interpreter.interpret_batch_json(TEXTS)
        passes.append(CountsPasses.passes)
        assert not interpreter._pipeline._item_maker.non_additive
    assert passes[0] == passes[1]


def test_a_loss_that_is_additive_for_the_first_text_only() -> None:
    """A tagger's is the mean over tokens: of one token, it is that token's."""
    predictor = build_predictor("simple_tagger")
    review = EXAMPLE_INPUTS["simple_tagger"]
    words = review["sentence"].split()
    interpreter = IntegratedGradient(predictor, n_steps=20, inference_mode="loss")
    for word in words:
        interpreter.interpret_json({"sentence": word})
    found = interpreter.interpret_json(review)
    wanted = IntegratedGradient(
        build_predictor("simple_tagger"), n_steps=20, inference_mode="loss"
    ).interpret_json(review)
    assert found and len(found) == len(wanted)
    for one, other in zip(found, wanted):
        assert scores_of(one) == pytest.approx(scores_of(other), abs=1e-6)
        difference = one.output - (one.baseline_output or 0.0)
        assert sum(scores_of(one)) == pytest.approx(difference, abs=1e-3)


def test_a_loss_that_is_not_finite_is_refused() -> None:
    predictor = as_kind(BasicClassifier)
    with torch.no_grad():
        predictor._model._classification_layer.weight.fill_(float("nan"))
    interpreter = IntegratedGradient(predictor, inference_mode="loss")
    with pytest.raises(Exception, match="not finite"):
        interpreter.interpret_json(REVIEW)


class PlainPredictor(Predictor):
    """Labels nothing."""

    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return self._dataset_reader.text_to_instance(json_dict["sentence"])


class TakesTheFlag(OwnTags):
    """As AllenNLP's taggers."""

    def forward(  # type: ignore[override]
        self,
        tokens: Any,
        tags: Optional[torch.Tensor] = None,
        metadata: Any = None,
        ignore_loss_on_o_tags: Optional[bool] = None,
    ) -> Dict[str, Any]:
        if tags is not None and ignore_loss_on_o_tags:
            tags = tags.masked_fill(tags == 0, -100)
        return super().forward(tokens, tags, metadata)


@pytest.mark.parametrize(("model", "is_noted"), [(OwnTags, True), (TakesTheFlag, False)])
def test_a_loss_of_all_tags_has_a_note(model: Any, is_noted: bool) -> None:
    predictor = maker(model, PlainPredictor, vocab={"tags": TAGS})()
    results = IntegratedGradient(predictor, n_steps=5, inference_mode="loss").interpret_json(
        {"sentence": "a dull story with a bad cast"}
    )
    assert results
    for result in results:
        assert any("is that of all tags of the text" in note for note in result.notes) == is_noted
    # The logits are those of the span alone.
    for result in IntegratedGradient(predictor, n_steps=5).interpret_json({"sentence": "a film"}):
        assert not any("all tags" in note for note in result.notes)
