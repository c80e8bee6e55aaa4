"""The vectors of special tokens, on models that look up rows in ways of their own."""

from typing import Any

import pytest
import torch

from biome_interpret import IntegratedGradient, InterpretationError
from tests.kinds.others.models.lookups import Hashed, Offset
from tests.kinds.others.records import INPUTS, IdsClassifier, maker

IDS = {"padding": 0, "unknown": 1}
INPUT = {"sentence": "good film"}


class ScaledRows(torch.nn.Embedding):
    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return super().forward(ids) * self.embedding_dim**0.5


class Scaled(IdsClassifier):
    def lookup(self, size: int, dim: int) -> Any:
        return ScaledRows(size, dim)


class RowsWithLengths(torch.nn.Embedding):
    """Its vectors depend on the whole text."""

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return super().forward(ids) + torch.ones(ids.size(-1)).mean() / ids.sum(-1)[..., None, None]


class WithLengths(IdsClassifier):
    def lookup(self, size: int, dim: int) -> Any:
        return RowsWithLengths(size, dim)


def output_at(model: Any, vector: torch.Tensor, label: int) -> float:
    """Of two tokens with this embedding."""
    with torch.no_grad():
        vectors = vector.expand(1, 2, -1)
        return float(model.scores(model.pooled(vectors, torch.ones(1, 2).bool()))[0, label])


@pytest.mark.parametrize("kind", [IdsClassifier, Scaled])
@pytest.mark.parametrize("name", IDS)
def test_a_special_token_is_embedded_as_the_model_embeds_it(kind: Any, name: str) -> None:
    predictor: Any = maker(kind)()
    model = predictor._model
    [found] = IntegratedGradient(predictor, baseline=name).interpret_json(INPUT)
    expected = output_at(model, model.words(torch.tensor(IDS[name])), found.target.index)
    assert found.baseline_output == pytest.approx(expected)


@pytest.mark.parametrize("kind", [IdsClassifier, Scaled, Offset])
def test_the_mean_is_that_of_all_embeddings(kind: Any) -> None:
    predictor: Any = maker(kind)()
    model = predictor._model
    [found] = IntegratedGradient(predictor, baseline="mean").interpret_json(INPUT)
    mean = model.words(torch.arange(len(model.words.weight))).mean(dim=0)
    assert found.baseline_output == pytest.approx(output_at(model, mean, found.target.index))


@pytest.mark.parametrize("name", IDS)
def test_other_ids_than_the_vocabularys_are_refused(name: str) -> None:
    interpreter = IntegratedGradient(maker(Offset)(), baseline=name)
    told = f"of the {name} token cannot be found.*other ids than those of the vocabulary.*'mean'"
    with pytest.raises(InterpretationError, match=told):
        interpreter.interpret_json(INPUT)


@pytest.mark.parametrize("name", ["unknown", "mean"])
def test_vectors_that_are_no_rows_are_refused(name: str) -> None:
    interpreter = IntegratedGradient(maker(WithLengths)(), baseline=name)
    with pytest.raises(InterpretationError, match="not made of rows of the matrix of words"):
        interpreter.interpret_json(INPUT)


def test_a_text_is_refused_in_a_batch_as_it_is_alone() -> None:
    interpreter = IntegratedGradient(maker(Hashed)(), baseline="unknown", n_steps=5)
    inputs = [{"sentence": "a bad cast"}, *INPUTS, {"sentence": "bad cast"}]
    alone = [interpreter.interpret_each([one])[0] for one in inputs]
    refused = [isinstance(one, InterpretationError) for one in alone]
    assert any(refused) and not all(refused)
    together = interpreter.interpret_each(inputs)
    assert [isinstance(one, InterpretationError) for one in together] == refused


def test_a_short_background_text_is_filled_with_the_embedding_of_padding() -> None:
    model: Any
    for kind in (IdsClassifier, Scaled):
        predictor: Any = maker(kind)()
        model = predictor._model
        [found] = IntegratedGradient(predictor, background=["good"]).interpret_json(INPUT)
        ids = torch.tensor([[model.vocab.get_token_index("good"), 0]])
        with torch.no_grad():
            vectors, mask = model.words(ids), torch.ones(1, 2).bool()
            expected = model.scores(model.pooled(vectors, mask))[0, found.target.index]
        assert found.baseline_output == pytest.approx(float(expected))


def test_a_short_background_text_is_refused_if_padding_has_another_id() -> None:
    predictor = maker(Offset)()
    with pytest.raises(InterpretationError, match="padding token cannot be found"):
        IntegratedGradient(predictor, background=["good"]).interpret_json(INPUT)
    [found] = IntegratedGradient(predictor, background=["bad cast"]).interpret_json(INPUT)
    assert abs(found.convergence_delta) < 1e-2
