"""What is found out once about a model, and what a passing failure does to it."""

from typing import Any, Dict, List, Type

import pytest
import torch
from allennlp.models import Model
from allennlp.predictors import Predictor

from biome_interpret import GradientShap, IntegratedGradient, InterpretationError
from biome_interpret.models.execution.probing import (
    ALONE_NOTE,
    BYPASS_NOTE,
    GRADIENT_NOTE,
    PADDING_NOTE,
)
from tests.kinds.others.models.gradients import Clipped, PartlyDetached, Reversed, StraightThrough
from tests.kinds.others.records import Classifier, IdsClassifier, maker
from tests.kinds.predictors import KINDS, QUESTION
from tests.tiny_models import build_predictor

TEXTS = [{"sentence": text} for text in ("film", "good film", "the plot is very clever")]


def notes_of(model: Type[Model]) -> List[str]:
    return [
        note
        for method in (IntegratedGradient, GradientShap)
        for results in method(maker(model)()).interpret_batch_json(TEXTS)
        for note in results[0].notes
    ]


@pytest.mark.parametrize("model", [Reversed, Clipped, PartlyDetached, StraightThrough])
def test_a_gradient_that_is_not_that_of_the_output_is_noted(model: Type[Model]) -> None:
    assert notes_of(model).count(GRADIENT_NOTE) == 2 * len(TEXTS)


def test_an_ordinary_model_has_no_notes() -> None:
    assert notes_of(Classifier) == []


# It has the logits of a model that is sure of all its predictions.
_SURE = 100.0


@pytest.mark.parametrize("mode", ["log_softmax", "loss"])
@pytest.mark.parametrize("kind", ["lstm", "bert"])
def test_the_rounding_of_a_log_probability_near_0_is_no_fault(kind: str, mode: str) -> None:
    predictor = build_predictor(kind)
    with torch.no_grad():
        for parameter in predictor._model._classification_layer.parameters():
            parameter.mul_(_SURE / float(parameter.abs().max()))
    for text in TEXTS:
        # A new one looks at the model anew.
        interpreter = IntegratedGradient(predictor, inference_mode=mode, n_steps=3)
        [result] = interpreter.interpret_json(text)
        assert result.output > -1e-4
        known = {PADDING_NOTE, ALONE_NOTE, BYPASS_NOTE, GRADIENT_NOTE}
        assert not known & {*result.notes}


class CountsWords(IdsClassifier):
    """Beside its words' vectors it uses their ids."""

    def vector(self, tokens: Any) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        return super().vector(tokens) + (ids % 3).sum(dim=1, keepdim=True)


def test_words_that_pass_by_their_embeddings_are_noted() -> None:
    assert notes_of(CountsWords).count(BYPASS_NOTE) == 2 * len(TEXTS)


class CachesLast(IdsClassifier):
    """Keeps the embeddings of the last batch."""

    last: Any = (None, None)

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        if self.last[0] is None or not torch.equal(ids, self.last[0]):
            self.last = ids, super().embedded(ids)
        return self.last[1]


def test_a_model_that_keeps_embeddings_is_refused_and_left_as_it_was() -> None:
    predictor = maker(CachesLast)()
    before = predictor.predict_batch_json(TEXTS)
    for found in IntegratedGradient(predictor).interpret_each(TEXTS):
        assert isinstance(found, InterpretationError)
        assert "keeps the embeddings of texts that it saw" in str(found)
    assert predictor.predict_batch_json(TEXTS) == before


def shares(predictor: Predictor, texts: List[Any]) -> Any:
    return IntegratedGradient(predictor, n_steps=5).saliency_interpret_batch_json(texts)


class FailsOnce(Classifier):
    """One of its first passes fails."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:  # type: ignore
        Seen.passes += 1
        if Seen.passes == Seen.failing:
            raise RuntimeError("out of order")
        return super().forward(tokens, label, metadata)


class Seen:
    """Counts the passes of all models: their own attributes are put back."""

    passes, failing = 0, 0


@pytest.mark.parametrize("failing", range(3, 16))
def test_one_failing_pass_does_not_slow_the_texts_after_it(failing: int) -> None:
    interpreter = IntegratedGradient(maker(FailsOnce)(), n_steps=5)
    Seen.passes, Seen.failing = 0, failing
    for _ in range(5):
        interpreter.interpret_each(TEXTS[-1:])
    Seen.passes, Seen.failing = 0, 0
    [results] = interpreter.interpret_each(TEXTS[-1:])
    assert not isinstance(results, Exception) and results[0].notes == []
    # The prediction, the points and the baseline.
    assert Seen.passes == 3


class OneRowOnly(Classifier):
    def vector(self, tokens: Any) -> torch.Tensor:
        assert len(tokens["tokens"]["tokens"]) == 1
        return super().vector(tokens)


def test_a_model_that_takes_one_row_says_so_on_every_text() -> None:
    interpreter = IntegratedGradient(maker(OneRowOnly)(), n_steps=5)
    expected = shares(maker(Classifier)(), TEXTS)
    assert interpreter.saliency_interpret_batch_json(TEXTS) == expected
    assert all(
        results[0].notes == [ALONE_NOTE] for results in interpreter.interpret_batch_json(TEXTS * 2)
    )


def test_a_passage_of_one_token_is_right_whatever_came_before() -> None:
    """BiDAF fails on several rows of it."""
    kind = KINDS.kinds["span of a passage, BiDAF"]
    short = {"question": "who ?", "passage": "Mary"}
    interpreter = IntegratedGradient(kind.build(), n_steps=5)
    first = interpreter.interpret_json(short)
    ordinary = interpreter.interpret_json(QUESTION)
    again = interpreter.interpret_json(short)
    other = IntegratedGradient(kind.build(), n_steps=5)
    assert other.interpret_json(QUESTION)[0].fields == ordinary[0].fields
    for found in (again, other.interpret_json(short)):
        for name, field in first[0].fields.items():
            assert found[0].fields[name].scores == pytest.approx(field.scores, abs=1e-9)


class TakesItsArgumentsApart(Classifier):
    """Removes the text from its arguments."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:  # type: ignore
        own = {"tokens": tokens.pop("tokens")}
        return super().forward(own, label)


def test_a_model_may_take_items_out_of_its_arguments() -> None:
    assert shares(maker(TakesItsArgumentsApart)(), TEXTS) == shares(maker(Classifier)(), TEXTS)
