"""Values and gradients at points of the embedding space."""

from typing import Any, Dict, List

import pytest
import torch
from allennlp.models import BasicClassifier
from allennlp.predictors import Predictor
from torch.utils.checkpoint import checkpoint

from biome_interpret import IntegratedGradient, InterpretationError
from biome_interpret.models.execution.evaluation import ExplainedBatch
from biome_interpret.models.execution.row_values import PointsByCall, RowsMixed
from biome_interpret.models.objectives.inference_modes import InferenceMode
from tests.models.execution.batches import batch_of
from tests.models.execution.test_probing import MixesRows, as_kind
from tests.tiny_models import build_predictor

LONG, SHORT = "the film is not boring", "a dull film"


def points_for(batch: ExplainedBatch, rows: List[int]) -> PointsByCall:
    """A random point for each row."""
    generator = torch.Generator().manual_seed(0)
    return {
        call.key: torch.randn(
            len(rows), *call.embedded.shape[1:], generator=generator, dtype=call.embedded.dtype
        )
        for call in batch.calls
    }


def classification_layer(predictor: Predictor) -> Any:
    return predictor._model._classification_layer


def test_a_linear_model_has_the_values_and_gradients_of_its_formula() -> None:
    predictor = build_predictor("linear", double=True)
    labels, rows = [0, 1], [0, 1, 1]
    batch = batch_of(predictor, [LONG, SHORT], labels)
    points = points_for(batch, rows)
    found = batch.evaluate(rows, points, want_gradients=True)
    [(key, vectors)] = points.items()
    # SHORT has two positions of padding.
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 0, 0]]).unsqueeze(-1)
    layer = classification_layer(predictor)
    # Shape: (rows, embedding_dim)
    weights = layer.weight[[0, 1, 1]]
    values = ((vectors * mask).sum(dim=1) * weights).sum(dim=1) + layer.bias[[0, 1, 1]]
    assert found.values.tolist() == pytest.approx(values.tolist())
    assert torch.allclose(found.gradients[key], weights.unsqueeze(1) * mask)


def test_the_text_itself_has_the_value_of_the_batch() -> None:
    batch = batch_of(build_predictor("lstm", double=True), [LONG, SHORT], [0, 1])
    points = {call.key: call.embedded for call in batch.calls}
    found = batch.evaluate([0, 1], points, want_gradients=False)
    assert found.values.tolist() == pytest.approx(batch.outputs)
    assert found.gradients == {}


@pytest.mark.parametrize("kind", ["lstm", "cnn", "embedding_and_characters", "bert"])
def test_one_by_one_gives_what_one_pass_gives(kind: str) -> None:
    batch, rows = batch_of(build_predictor(kind, double=True), [LONG, SHORT]), [0, 1, 1]
    points = points_for(batch, rows)
    together = batch.evaluate(rows, points, want_gradients=True)
    one_by_one = batch.evaluate_one_by_one(rows, points, want_gradients=True)
    assert one_by_one.values.tolist() == pytest.approx(together.values.tolist())
    for key, gradients in together.gradients.items():
        assert torch.allclose(one_by_one.gradients[key], gradients)


def test_one_by_one_keeps_rows_from_mixing() -> None:
    rows = [0, 0]
    mixing = batch_of(as_kind(MixesRows), [SHORT])
    points = points_for(mixing, rows)
    expected = batch_of(build_predictor("lstm"), [SHORT]).evaluate(rows, points, True)
    found = mixing.evaluate_one_by_one(rows, points, want_gradients=True)
    assert found.values.tolist() == pytest.approx(expected.values.tolist(), abs=1e-6)


class EmbedsFirstRow(BasicClassifier):
    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        ids = tokens["tokens"]["tokens"]
        outputs = super().forward({"tokens": {"tokens": ids[:1]}})
        return {"logits": outputs["logits"].expand(len(ids), -1)}


def test_an_embedding_without_the_batch_s_rows_is_refused() -> None:
    batch = batch_of(as_kind(EmbedsFirstRow), [SHORT])
    with pytest.raises(RowsMixed, match="in another order or number than before"):
        batch.evaluate([0, 0], points_for(batch, [0, 0]), want_gradients=True)


class LooksUpRowsItself(BasicClassifier):
    """Embeds several rows without its embedder."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        ids = tokens["tokens"]["tokens"]
        embedder: Any = self._text_field_embedder.token_embedder_tokens
        if len(ids) == 1:
            return super().forward(tokens)
        mean = torch.nn.functional.embedding(ids, embedder.weight).mean(dim=1)
        return {"logits": mean[:, :2]}


def test_points_that_do_not_reach_the_model_are_no_zeros() -> None:
    batch = batch_of(as_kind(LooksUpRowsItself), [SHORT])
    with pytest.raises(RowsMixed, match="does not call .* again .* do not reach it"):
        batch.evaluate([0, 0], points_for(batch, [0, 0]), want_gradients=True)


class PositionsFirst(BasicClassifier):
    """Embeds its ids with the positions first."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        embedder: Any = self._text_field_embedder.token_embedder_tokens
        vectors = embedder(tokens["tokens"]["tokens"].t()).transpose(0, 1)
        weights = torch.arange(1.0, 1.0 + vectors.size(1)).to(vectors)
        return {"logits": torch.einsum("s,bsd->bd", weights, vectors.tanh())[:, :2]}


def test_each_point_goes_to_its_row_and_position() -> None:
    batch, rows = batch_of(as_kind(PositionsFirst), [LONG, SHORT]), [0, 1, 1]
    points = points_for(batch, rows)
    together = batch.evaluate(rows, points, want_gradients=True)
    alone = batch.evaluate_one_by_one(rows, points, want_gradients=True)
    assert torch.allclose(together.values, alone.values)
    for key, gradients in together.gradients.items():
        assert torch.allclose(gradients, alone.gradients[key])


class FirstRowOnly(InferenceMode):
    def __call__(self, outputs: Any, choices: Any) -> torch.Tensor:
        return choices.logits[:1, 0, 0]


def test_an_output_without_the_batch_s_rows_is_refused() -> None:
    batch = batch_of(build_predictor("lstm"), [SHORT], mode=FirstRowOnly())
    with pytest.raises(RowsMixed, match="cannot be split into the rows"):
        batch.evaluate([0, 0], points_for(batch, [0, 0]), want_gradients=True)


def test_an_output_that_is_not_finite_is_refused() -> None:
    predictor = build_predictor("linear")
    batch = batch_of(predictor, [SHORT])
    points = {key: point / 0 for key, point in points_for(batch, [0]).items()}
    with pytest.raises(
        InterpretationError, match="the explained output is not finite.*another `baseline`"
    ):
        batch.evaluate([0], points, want_gradients=False)
    classification_layer(predictor).bias.data[:] = float("nan")
    with pytest.raises(InterpretationError, match=r"the explained output is not finite: \[nan\]"):
        batch_of(predictor, [SHORT])


class CutsGradients(BasicClassifier):
    """Its output depends on the text, but is detached from it."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        return {"logits": super().forward(tokens)["logits"].detach()}


class IsConstant(BasicClassifier):
    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        return {"logits": torch.ones_like(super().forward(tokens)["logits"])}


def test_a_gradient_that_is_cut_off_is_refused() -> None:
    batch = batch_of(as_kind(CutsGradients), [SHORT])
    with pytest.raises(InterpretationError, match="the model cuts its gradient off, by `detach"):
        batch.evaluate([0], points_for(batch, [0]), want_gradients=True)


def test_the_gradient_of_a_constant_output_is_zero() -> None:
    batch = batch_of(as_kind(IsConstant), [SHORT])
    found = batch.evaluate([0], points_for(batch, [0]), want_gradients=True)
    assert not any(gradient.any() for gradient in found.gradients.values())


def test_checkpointing_changes_no_gradient() -> None:
    """The encoder's activations are not kept. The backward pass computes them again."""
    plain, checkpointed = build_predictor("lstm"), build_predictor("lstm")
    encoder: Any = checkpointed._model._seq2vec_encoder
    forward = encoder.forward
    encoder.forward = lambda embedded, mask: checkpoint(forward, embedded, mask)
    first, second = [
        IntegratedGradient(predictor, n_steps=4).interpret_json({"sentence": LONG})[0]
        for predictor in (plain, checkpointed)
    ]
    assert second.output == pytest.approx(first.output)
    scores = first.fields["tokens"].scores
    assert second.fields["tokens"].scores == pytest.approx(scores, abs=1e-6)
    assert all(parameter.grad is None for parameter in checkpointed._model.parameters())


class GivesLossOnly(BasicClassifier):
    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        outputs = super().forward(tokens, label)
        return {"loss": outputs["loss"]} if label is not None else {}


@pytest.mark.skipif(not hasattr(torch, "compile"), reason="this PyTorch has no torch.compile")
def test_a_compiled_model_has_the_scores_of_the_plain_one() -> None:
    """Its graph is traced before the embeddings are replaced, and must be traced again."""
    inputs = {"sentence": LONG}
    [expected] = IntegratedGradient(build_predictor("bert")).interpret_json(inputs)
    predictor = build_predictor("bert")
    predictor._model.forward = torch.compile(predictor._model.forward, backend="aot_eager")
    predictor.predict_json(inputs)
    [found] = IntegratedGradient(predictor).interpret_json(inputs)
    assert found.scores == pytest.approx(expected.scores, abs=1e-5)


def test_minus_the_loss_is_explained_if_there_are_no_logits() -> None:
    batch = batch_of(as_kind(GivesLossOnly), [SHORT])
    assert batch.objective.needs_loss and not batch.given_objective.needs_loss
    expected = batch_of(build_predictor("lstm"), [SHORT], mode="log_softmax")
    assert batch.outputs == pytest.approx(expected.outputs)
    found = batch.evaluate([0, 0], points_for(batch, [0, 0]), want_gradients=True)
    assert found.values.shape == (1,)
