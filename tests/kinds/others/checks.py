"""What comes out for a model, and what is wrong with it."""

import re
from functools import lru_cache
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from biome_interpret import GradientShap, IntegratedGradient
from biome_interpret.errors import InterpretationError
from biome_interpret.interpretation import Interpretation
from biome_interpret.interpreters.path_interpreter import PathInterpreter
from tests.kinds.others.records import BLAMES_THE_MODEL, BLAMES_THE_TEXT, Other, Says
from tests.kinds.others.reference import Expected, Points, by_row, expected, gauss_legendre

NODES = 10
# So many that the sum is the integral.
MANY_NODES = 48

# The results of one text, or why there are none.
Found = Union[List[Interpretation], Exception]


def integrated(predictor: Predictor, kind: Other) -> PathInterpreter:
    return IntegratedGradient(predictor, n_steps=NODES, quadrature="gauss-legendre", **kind.options)


def shap(predictor: Predictor, kind: Other) -> PathInterpreter:
    """Without noise, so that its paths are those of the reference."""
    return GradientShap(predictor, n_perturbations=8, noise_std=0.0, seed=3, **kind.options)


def many_samples(predictor: Predictor, kind: Other) -> PathInterpreter:
    return GradientShap(predictor, n_perturbations=400, noise_std=0.0, seed=3, **kind.options)


METHODS = {"integrated": integrated, "shap": shap, "many samples": many_samples}


def predictor_of(kind: Other, twin: bool = False) -> Predictor:
    """A new one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return kind.twin() if twin and kind.twin is not None else kind.build()


def interpreted(
    kind: Other, batches: Sequence[Sequence[Any]], method: str = "integrated"
) -> List[Found]:
    """One batch after the other, by an interpreter that has seen nothing before."""
    predictor = predictor_of(kind)
    try:
        interpreter = METHODS[method](predictor, kind)
    except Exception as error:
        return [error for batch in batches for _ in batch]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return [one for batch in batches for one in interpreter.interpret_each(batch)]


@lru_cache(maxsize=None)
def each_alone(kind: Other) -> List[Found]:
    return [interpreted(kind, [[one]])[0] for one in kind.inputs]


@lru_cache(maxsize=None)
def in_a_batch(kind: Other, method: str = "integrated") -> List[Found]:
    return interpreted(kind, [kind.inputs], method)


def check(kind: Other, found: Sequence[Found], method: str = "integrated") -> None:
    """All texts are looked at before the test fails."""
    faults = []
    for inputs, results in zip(kind.inputs, found):
        fault = _fault(kind, method, inputs, results)
        if fault is not None:
            faults.append(f"{inputs}: {fault}")
    if faults:
        summed = f"{kind.name}: {len(faults)} of {len(found)} texts"
        pytest.fail("\n".join([summed, *faults]), pytrace=False)


def _fault(kind: Other, method: str, inputs: Any, results: Found) -> Optional[str]:
    if isinstance(results, Exception):
        return _fault_of_refusal(kind, results)
    if method == "shap" and kind.shows_in_many_samples:
        return None
    if kind.noted_only and all(_has_note(kind.noted_only, one) for one in results):
        return None
    if kind.right is None and kind.noted_as is None:
        return f"is not refused, but gives {_summary(results)}"
    # With another f the probability may be unknown.
    ways: List[Tuple[Optional[Says], Optional[str], bool]] = [
        (kind.right, kind.noted, False),
        (kind.noted_as, kind.noted_as_note, True),
    ]
    try:
        faults = [
            _fault_of_results(kind, _wanted(kind, method, inputs, says), results, note, says_less)
            for says, note, says_less in ways
            if says is not None
        ]
    except RuntimeError as error:
        return f"is not refused, but the model itself fails on the text alone: {error}"
    return None if None in faults else faults[-1]


def _fault_of_refusal(kind: Other, error: Exception) -> Optional[str]:
    words = f"{type(error).__name__}: {error}"
    if kind.refused is None:
        return f"is refused: {words}"
    if not isinstance(error, (InterpretationError, ConfigurationError)):
        return f"fails with a raw error: {words}"
    if not re.search(kind.refused, words):
        return f"is refused in words without /{kind.refused}/: {words}"
    blamed = rf"{BLAMES_THE_MODEL}|\b{type(_reference_model(kind)._model).__name__}\b"
    if not re.search(blamed, words) or re.search(BLAMES_THE_TEXT, words):
        return f"is refused in words that do not blame the model: {words}"
    return None


def _fault_of_results(
    kind: Other,
    right: Sequence[Expected],
    results: Sequence[Interpretation],
    note: Optional[str],
    says_less: bool,
) -> Optional[str]:
    if len(results) != len(right):
        return f"has {len(results)} results and not {len(right)}: {_summary(results)}"
    for one, result in zip(right, results):
        missing = [name for name in one.fields if name not in result.fields]
        if missing:
            return f"has no scores of {missing}; notes {result.notes}"
        found = [score for name in one.fields for score in result.fields[name].scores]
        scores = by_row(kind, one.ids, found)
        size = max([abs(score) for score in one.scores] + [1e-2]) * kind.tolerance
        target, notes = result.target, result.notes
        if target.label != one.label:
            return f"names {target.label!r} and not {one.label!r}; notes {notes}"
        if not _near(result.output, one.output, max(abs(one.output), 1.0) * kind.tolerance):
            return f"has f(x) {result.output:.6f} and not {one.output:.6f}; notes {notes}"
        if len(scores) != len(one.scores) or not all(
            _near(got, want, size) for got, want in zip(scores, one.scores)
        ):
            return f"has {_rounded(scores)} and not {_rounded(one.scores)}; notes {notes}"
        is_known = target.probability is not None or not says_less
        if one.probability is not None and is_known:
            if not _near(target.probability, one.probability, 10 * kind.tolerance):
                return f"has probability {target.probability} and not {one.probability:.6f}"
        if note is not None and not _has_note(note, result):
            return f"has no note like /{note}/, but {notes}"
    return None


def _has_note(note: str, result: Interpretation) -> bool:
    return any(re.search(note, text) for text in result.notes)


def _near(found: Optional[float], wanted: float, bound: float) -> bool:
    return found is not None and abs(found - wanted) <= bound


def _rounded(scores: Sequence[float]) -> List[float]:
    return [round(score, 5) for score in scores]


def _summary(results: Sequence[Interpretation]) -> str:
    parts = [
        f"{one.target.label!r} f={one.output:.4f} delta={one.convergence_delta} {one.notes}"
        for one in results
    ]
    return "; ".join(parts) or "nothing"


@lru_cache(maxsize=None)
def _reference_model(kind: Other) -> Predictor:
    return predictor_of(kind, twin=True)


@lru_cache(maxsize=None)
def _points(kind: Other, method: str) -> Points:
    """
    Those of the reference. GradientSHAP's few random ones are its own. Many of them have to give
    the integral.
    """
    if method != "shap":
        return gauss_legendre(NODES if method == "integrated" else MANY_NODES)
    measure: Any = shap(predictor_of(kind), kind).path_measure(0)
    points = [(node, weight) for (_, node), weight in zip(measure.nodes, measure.weights)]
    assert sum(weight for _, weight in points) == pytest.approx(1.0)
    assert all(0.0 <= node <= 1.0 for node, _ in points)
    return points


# By the model, the method, the text and what the model says.
_KNOWN: Dict[Any, Sequence[Expected]] = {}


def _wanted(kind: Other, method: str, inputs: Any, says: Says) -> Sequence[Expected]:
    key = kind, method, str(inputs), says
    if key not in _KNOWN:
        points = _points(kind, method)
        _KNOWN[key] = expected(kind, _reference_model(kind), inputs, says, points)
    return _KNOWN[key]
