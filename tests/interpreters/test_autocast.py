"""Gradients in bfloat16."""

from typing import List

import pytest

from biome_interpret import (
    GradientShap,
    IntegratedGradient,
    Interpretation,
    InterpretationError,
)
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor


def scores(result: Interpretation) -> List[float]:
    return [s for field in result.fields.values() for s in field.scores]


@pytest.mark.parametrize("kind", ["bert", "cnn", "lstm"])
@pytest.mark.parametrize("interpreter", [IntegratedGradient, GradientShap])
def test_scores_are_close_and_a_note_gives_their_error(kind: str, interpreter: type) -> None:
    predictor = build_predictor(kind)
    inputs = EXAMPLE_INPUTS[kind]
    [exact] = interpreter(predictor).interpret_json(inputs)
    [found] = interpreter(predictor, autocast=True).interpret_json(inputs)
    size = sum(map(abs, scores(exact)))
    error = sum(abs(a - b) for a, b in zip(scores(exact), scores(found))) / size
    assert 0 < error < 0.15
    assert found.output == pytest.approx(exact.output, rel=1e-5)
    [note] = [note for note in found.notes if note.startswith("autocast")]
    assert "in bfloat16" in note and "in full precision" in note
    assert not any(note.startswith("autocast") for note in exact.notes)


def test_it_does_not_refine_below_the_precision_of_bfloat16() -> None:
    predictor = build_predictor("bert")
    inputs = EXAMPLE_INPUTS["bert"]
    [exact] = IntegratedGradient(predictor).interpret_json(inputs)
    [found] = IntegratedGradient(predictor, autocast=True).interpret_json(inputs)
    assert found.n_evaluations <= 2 * exact.n_evaluations


def test_a_model_without_autocast_is_refused() -> None:
    interpreter = IntegratedGradient(build_predictor("esim"), autocast=True)
    with pytest.raises(InterpretationError, match="ESIM does not run under autocast"):
        interpreter.interpret_json(EXAMPLE_INPUTS["esim"])
