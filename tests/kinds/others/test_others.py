"""Both methods are right on the models of other people, or they refuse them and say why."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from allennlp.predictors import Predictor

from tests.kinds.others.checks import (
    check,
    each_alone,
    in_a_batch,
    integrated,
    interpreted,
    predictor_of,
)
from tests.kinds.others.models import KINDS
from tests.kinds.others.records import Other

each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@each_kind
def test_each_text_alone(kind: Other) -> None:
    check(kind, each_alone(kind))


@each_kind
def test_all_texts_in_a_batch(kind: Other) -> None:
    check(kind, in_a_batch(kind))


@each_kind
def test_the_same_texts_are_refused_alone_and_in_a_batch(kind: Other) -> None:
    refused = [
        [isinstance(one, Exception) for one in found]
        for found in (each_alone(kind), in_a_batch(kind))
    ]
    assert refused[0] == refused[1]


@each_kind
def test_all_texts_in_another_order_and_after_others(kind: Other) -> None:
    backwards = [*kind.inputs][::-1]
    # All but the last have come before.
    found = interpreted(kind, [backwards[1:] + backwards])
    check(kind, found[len(backwards) - 1 :][::-1])


@each_kind
def test_one_text_after_the_other(kind: Other) -> None:
    one_by_one = [[one] for one in kind.inputs]
    found = interpreted(kind, one_by_one + one_by_one)
    check(kind, found[: len(one_by_one)])
    check(kind, found[len(one_by_one) :])


@each_kind
def test_gradient_shap_of_one_text_after_the_other(kind: Other) -> None:
    check(kind, interpreted(kind, [[one] for one in kind.inputs], "shap"), "shap")


@each_kind
def test_gradient_shap_in_a_batch(kind: Other) -> None:
    check(kind, in_a_batch(kind, "shap"), "shap")


@each_kind
def test_gradient_shap_of_many_samples_is_the_integral(kind: Other) -> None:
    some = replace(kind, inputs=kind.inputs[-2:-1], tolerance=max(kind.tolerance, 0.05))
    check(some, interpreted(some, [some.inputs], "many samples"), "many samples")


@each_kind
def test_predictions_afterwards_are_those_before(kind: Other) -> None:
    if kind.right is None and kind.noted_as is None:
        pytest.skip("its predictions are random, or the model is refused for its gradient")
    fresh, used = predictor_of(kind), predictor_of(kind)
    try:
        integrated(used, kind).interpret_each(kind.inputs)
    except Exception:  # Refused from the start.
        pass
    for inputs in kind.inputs:
        assert predicted(used, inputs) == pytest.approx(predicted(fresh, inputs))


def predicted(predictor: Predictor, inputs: Any) -> Any:
    """All numbers that the predictor gives for an input; none if it fails."""
    try:
        return numbers_in(predictor.predict_json(dict(inputs)))
    except RuntimeError:
        return []


def numbers_in(value: Any) -> Any:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [number for one in value for number in numbers_in(one)]
    if isinstance(value, torch.Tensor):
        return value.flatten().tolist()
    return [value] if isinstance(value, (int, float)) else []
