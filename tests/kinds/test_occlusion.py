"""Occlusion on every kind of model: each score is a change of the output that a hook can make."""

from typing import Any, Dict, List

import pytest
import torch
from allennlp.data import Vocabulary

from biome_interpret import Baseline, IntegratedGradient, InterpretationError, Occlusion
from biome_interpret.interpretation import Interpretation
from biome_interpret.models.embedding import SiteCall
from tests.kinds.measure import stretched
from tests.kinds.registry import Kind
from tests.kinds.test_kinds import INTERPRETED, KINDS, PROBED, kind_of, predictor_of

# How far a token's embedding moves. It is so little that the model predicts the same.
STEP = 0.02
# Options of path methods only.
_OF_PATHS = {"reduction", "input_x_gradient", "granularity_aggregation_strategy"}


class Nearer(Baseline):
    """A small step from the text to another baseline."""

    def __init__(self, baseline: Any) -> None:
        self._baseline = Baseline.of(baseline)

    def vectors(self, call: SiteCall, vocabulary: Vocabulary) -> torch.Tensor:
        far = self._baseline.vectors(call, vocabulary).to(call.embedded)
        return call.embedded + STEP * (far - call.embedded)


def options_of(kind: Kind) -> Dict[str, Any]:
    return {name: value for name, value in kind.options.items() if name not in _OF_PATHS}


def scores(results: List[Interpretation]) -> List[float]:
    return [s for one in results for field in one.fields.values() for s in field.scores]


@pytest.mark.parametrize("name", PROBED)
def test_a_score_is_the_change_of_the_output(name: str) -> None:
    kind, predictor = kind_of(name), predictor_of(name)
    options = options_of(kind)
    nearer = Nearer(options.pop("baseline", None))
    results = Occlusion(predictor, baseline=nearer, **options).interpret_json(kind.inputs)
    reader = IntegratedGradient(predictor, n_steps=1, quadrature="riemann-right", **options)
    with stretched(predictor._model, kind.probes, 1.0 - STEP):
        changed = reader.interpret_json(kind.inputs)
    probe = kind.probes[0]
    found = [
        one.fields[probe.field or next(iter(one.fields))].scores[probe.token] for one in results
    ]
    expected = [one.output - other.output for one, other in zip(results, changed)]
    assert any(abs(one) > 1e-6 for one in expected)
    # Of numbers that a model computes in float32, the difference is rounded.
    rounding = 1e-12 if kind.tolerance <= 1e-4 else 1e-6
    size = max(abs(one.output) for one in results)
    assert found == pytest.approx(expected, rel=kind.tolerance, abs=rounding * (1 + size))


@pytest.mark.parametrize("name", INTERPRETED)
def test_the_scores_in_a_batch_are_the_scores_alone(name: str) -> None:
    kind = kind_of(name)
    interpreter = Occlusion(predictor_of(name), **options_of(kind))
    alone = interpreter.interpret_json(kind.inputs)
    for found in interpreter.interpret_batch_json([kind.inputs] * 2):
        assert scores(found) == pytest.approx(scores(alone), rel=1e-5, abs=1e-5)
    assert not any("gradient" in note for one in alone for note in one.notes)


@pytest.mark.parametrize("name", INTERPRETED)
def test_words_are_left_out_or_it_is_said_what_to_do(name: str) -> None:
    kind = kind_of(name)
    options = {n: v for n, v in options_of(kind).items() if n not in ("baseline", "background")}
    interpreter = Occlusion(predictor_of(name), removal="delete", **options)
    try:
        results = interpreter.interpret_json(kind.inputs)
    except InterpretationError as error:
        assert str(error).startswith("no token can be left out of the ")
        assert str(error).endswith(": remove words by a baseline instead, such as 'unknown'")
    else:
        assert any(scores(results))
    assert KINDS[name].refused is None
