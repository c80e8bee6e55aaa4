"""Both methods are right on the models of other people, or they refuse them and say why."""

import re
from functools import lru_cache
from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from biome_interpret import GradientShap, IntegratedGradient
from biome_interpret.errors import InterpretationError
from biome_interpret.interpretation import Interpretation
from tests.kinds.others.models import KINDS
from tests.kinds.others.records import BLAMES_THE_MODEL, BLAMES_THE_TEXT, Other, Says
from tests.kinds.others.reference import (
    Expected,
    Points,
    by_row,
    expected,
    gauss_legendre,
    said,
    tensors_of,
)

NODES = 10

# The results of one text, or why there are none.
Found = Any


@pytest.mark.parametrize("name", KINDS)
def test_each_text_alone(name: str) -> None:
    check(name, "gradient", [interpreted(name, [one])[0] for one in KINDS[name].inputs])


@pytest.mark.parametrize("name", KINDS)
def test_all_texts_in_a_batch(name: str) -> None:
    check(name, "gradient", interpreted(name, KINDS[name].inputs))


@pytest.mark.parametrize("name", KINDS)
def test_all_texts_in_another_order_and_after_others(name: str) -> None:
    inputs = KINDS[name].inputs
    backwards = [*range(len(inputs))][::-1]
    # The first ones have come before, alone and beside others.
    order = [*backwards[1:], *backwards]
    found = interpreted(name, [inputs[k] for k in order])[len(inputs) - 1 :]
    check(name, "gradient", found[::-1])


@pytest.mark.parametrize("name", KINDS)
def test_one_text_after_the_other(name: str) -> None:
    kind = KINDS[name]
    try:
        interpreter = IntegratedGradient(predictor_of(name), **integrated(kind))
    except Exception as error:
        found: List[Found] = [error for _ in kind.inputs]
    else:
        found = [interpreter.interpret_each([one])[0] for one in kind.inputs]
        found = [interpreter.interpret_each([one])[0] for one in kind.inputs]
    check(name, "gradient", found)


@pytest.mark.parametrize("name", KINDS)
def test_gradient_shap(name: str) -> None:
    check(name, "shap", interpreted(name, KINDS[name].inputs, "shap"))


def integrated(kind: Other) -> Dict[str, Any]:
    return {"n_steps": NODES, "quadrature": "gauss-legendre", **kind.options}


def shap(predictor: Predictor, kind: Other) -> GradientShap:
    return GradientShap(predictor, n_perturbations=8, noise_std=0.0, seed=3, **kind.options)


def predictor_of(name: str) -> Predictor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return KINDS[name].build()


def interpreted(name: str, inputs: Sequence[Any], method: str = "gradient") -> List[Found]:
    """With a predictor and an interpreter that have seen nothing."""
    kind, predictor = KINDS[name], predictor_of(name)
    try:
        interpreter: Any = (
            shap(predictor, kind)
            if method == "shap"
            else IntegratedGradient(predictor, **integrated(kind))
        )
    except Exception as error:
        return [error for _ in inputs]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        found: List[Found] = interpreter.interpret_each(inputs)
    return found


def check(name: str, method: str, found: Sequence[Found]) -> None:
    """All texts are looked at before the first fault is raised."""
    kind = KINDS[name]
    faults = []
    for k, (inputs, results) in enumerate(zip(kind.inputs, found)):
        fault = fault_of(name, method, k, results)
        if fault:
            faults.append(f"{inputs}: {fault}")
    if faults:
        summed = f"{name}: {len(faults)} of {len(found)} texts"
        pytest.fail("\n".join([summed, *faults]), pytrace=False)


def fault_of(name: str, method: str, text: int, results: Found) -> Optional[str]:
    kind = KINDS[name]
    if isinstance(results, Exception):
        return fault_of_refusal(kind, results)
    if kind.noted_only and all(has_note(kind.noted_only, one) for one in results):
        return None
    if kind.right is None and kind.noted_as is None:
        return f"is not refused, but gives {summary(results)}"
    # With another f the probability may be unknown.
    ways: List[Tuple[Optional[Says], Optional[str], bool]] = [
        (kind.right, kind.noted, False),
        (kind.noted_as, kind.noted_as_note, True),
    ]
    ids = ids_of(name, text)
    faults = [
        fault_of_results(kind, wanted(name, method, text, says), ids, results, note, says_less)
        for says, note, says_less in ways
        if says is not None
    ]
    return None if None in faults else faults[-1]


def fault_of_refusal(kind: Other, error: Exception) -> Optional[str]:
    words = f"{type(error).__name__}: {error}"
    if kind.refused is None:
        return f"is refused: {words}"
    if not isinstance(error, (InterpretationError, ConfigurationError)):
        return f"fails with a raw error: {words}"
    if not re.search(kind.refused, words):
        return f"is refused in words without /{kind.refused}/: {words}"
    blamed = rf"{BLAMES_THE_MODEL}|\b{type(reference_of(kind.name)._model).__name__}\b"
    if not re.search(blamed, words) or re.search(BLAMES_THE_TEXT, words):
        return f"is refused in words that do not blame the model: {words}"
    return None


def fault_of_results(
    kind: Other,
    right: Sequence[Expected],
    ids: Sequence[List[int]],
    results: Sequence[Interpretation],
    note: Optional[str],
    says_less: bool,
) -> Optional[str]:
    if len(results) != len(right):
        return f"has {len(results)} results and not {len(right)}: {summary(results)}"
    for one, result, own in zip(right, results, ids):
        scores = by_row(kind, own, result.fields[kind.text_field].scores)
        size = max([abs(score) for score in one.scores] + [1e-2]) * kind.tolerance
        target = result.target
        if target.label != one.label:
            return f"names {target.label!r} and not {one.label!r}; notes {result.notes}"
        if not near(result.output, one.output, max(abs(one.output), 1.0) * kind.tolerance):
            return f"has f(x) {result.output:.6f} and not {one.output:.6f}; notes {result.notes}"
        if len(scores) != len(one.scores) or not all(
            near(got, want, size) for got, want in zip(scores, one.scores)
        ):
            return f"has {rounded(scores)} and not {rounded(one.scores)}; notes {result.notes}"
        unknown = target.probability is None and says_less
        if one.probability is not None and not unknown:
            if not near(target.probability, one.probability, 10 * kind.tolerance):
                return f"has probability {target.probability} and not {one.probability:.6f}"
        if note is not None and not has_note(note, result):
            return f"has no note like /{note}/, but {result.notes}"
    return None


def has_note(note: str, result: Interpretation) -> bool:
    return any(re.search(note, text) for text in result.notes)


def near(found: Optional[float], wanted: float, bound: float) -> bool:
    return found is not None and abs(found - wanted) <= bound


def rounded(scores: Sequence[float]) -> List[float]:
    return [round(score, 5) for score in scores]


def summary(results: Sequence[Interpretation]) -> str:
    parts = [
        f"{one.target.label!r} f={one.output:.4f} delta={one.convergence_delta} {one.notes}"
        for one in results
    ]
    return "; ".join(parts) or "nothing"


@lru_cache(maxsize=None)
def reference_of(name: str) -> Predictor:
    twin = KINDS[name].twin
    if twin is None:
        return predictor_of(name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return twin()


@lru_cache(maxsize=None)
def points_of(name: str, method: str) -> Points:
    if method != "shap":
        return gauss_legendre(NODES)
    measure: Any = shap(predictor_of(name), KINDS[name]).path_measure(0)
    points = [(node, weight) for (_, node), weight in zip(measure.nodes, measure.weights)]
    assert sum(weight for _, weight in points) == pytest.approx(1.0)
    assert all(0.0 <= node <= 1.0 for node, _ in points)
    return points


@lru_cache(maxsize=None)
def wanted(name: str, method: str, text: int, says: Says) -> Sequence[Expected]:
    kind = KINDS[name]
    inputs = kind.inputs[text]
    return expected(kind, reference_of(name), inputs, says, points_of(name, method))


@lru_cache(maxsize=None)
def ids_of(name: str, text: int) -> Sequence[List[int]]:
    """Those of each result."""
    kind, predictor = KINDS[name], reference_of(name)
    found: List[List[int]] = []
    for instance in kind.instances(predictor, kind.inputs[text]):
        own = kind.ids(tensors_of(predictor, instance))[0].tolist()
        count = len(wanted_results(name, instance))
        found += [own] * count
    return found


def wanted_results(name: str, instance: Any) -> Sequence[Any]:
    kind, predictor = KINDS[name], reference_of(name)
    says = kind.right or kind.noted_as
    assert says is not None
    return said(kind, predictor, tensors_of(predictor, instance), says)
