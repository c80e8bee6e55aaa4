from typing import Callable, List, Optional, Tuple, cast

import numpy
import pytest
import torch

from biome_interpret.attribution.paths import PathMeasure
from biome_interpret.attribution.priors import GENERAL, PRETRAINED_TRANSFORMER, PriorSettings
from biome_interpret.attribution.refinement import (
    AdaptiveQuadrature,
    ErrorEstimate,
    Level,
    level_sizes,
)
from tests.attribution.synthetic import (
    INTEGRANDS,
    Integrand,
    evaluated,
    integral,
    jumps,
    kinks,
    texts,
)

PRIORS = {"general": GENERAL, "transformer": PRETRAINED_TRANSFORMER}


def estimate_of(level: PathMeasure) -> ErrorEstimate:
    estimate = cast(Level, level).estimate
    assert estimate is not None
    return estimate


def estimate_error(
    measure: AdaptiveQuadrature, level: PathMeasure, values: torch.Tensor
) -> Tuple[PathMeasure, float]:
    [found] = measure.estimate_errors([level], [values])
    return found


def refined_of(measure: AdaptiveQuadrature, level: PathMeasure) -> Optional[PathMeasure]:
    [found] = measure.refined([level])
    return found


def estimated(
    measure: AdaptiveQuadrature, level: PathMeasure, integrand: Integrand
) -> Tuple[PathMeasure, float]:
    return estimate_error(measure, level, evaluated(integrand, tuple(level.paths[0].nodes)))


def levels(
    integrand: Integrand, most: int, tolerance: float = 1e-12, prior: PriorSettings = GENERAL
) -> List[Level]:
    """All levels up to the tolerance or the largest one."""
    measure = AdaptiveQuadrature([None], tolerance, most, prior)
    level, found = cast(PathMeasure, measure.initial), []
    while True:
        level, error = estimated(measure, level, integrand)
        found.append(cast(Level, level))
        refined = refined_of(measure, level)
        if error <= tolerance * estimate_of(level).integral.abs().sum() or refined is None:
            return found
        level = refined


def error(level: Level, integrand: Integrand) -> float:
    """Σ |error|"""
    return float((estimate_of(level).integral - integral(integrand)).abs().sum())


@pytest.mark.parametrize(
    "prior, most, sizes",
    [
        (GENERAL, 3, [3]),
        (GENERAL, 4, [4]),
        (GENERAL, 8, [8]),
        (GENERAL, 12, [9]),
        (GENERAL, 24, [9, 13, 17, 21]),
        (GENERAL, 100, [*range(9, 64, 4), 65, 73, 81, 89, 97]),
        (PRETRAINED_TRANSFORMER, 16, [16]),
        (PRETRAINED_TRANSFORMER, 40, [*range(17, 32, 2), 33, 37]),
    ],
)
def test_level_sizes_do_not_exceed_the_maximum(
    prior: PriorSettings, most: int, sizes: List[int]
) -> None:
    assert level_sizes(prior, most) == sizes
    assert level_sizes(prior, 257)[-1] == 257


@pytest.mark.parametrize("name", INTEGRANDS)
def test_each_level_keeps_all_nodes_of_the_one_before(name: str) -> None:
    found = levels(INTEGRANDS[name], 50)
    assert found[0].size == 9 and found[-1].size <= 50
    for last, level in zip(found, found[1:]):
        assert level.paths[0].nodes[: last.size] == last.paths[0].nodes
        assert len(set(level.paths[0].nodes)) == level.size > last.size
        assert sum(level.weights) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", INTEGRANDS)
def test_the_text_is_a_node_and_the_baseline_has_no_weight(name: str) -> None:
    for level in levels(INTEGRANDS[name], 40):
        assert level.paths[0].nodes[0] == 0.0 and 1.0 in level.paths[0].nodes
        assert level.weights[0] == 0.0


@pytest.mark.parametrize("name", INTEGRANDS)
def test_the_estimate_is_neither_far_below_nor_far_above_the_error(name: str) -> None:
    integrand = INTEGRANDS[name]
    for level in levels(integrand, 50):
        estimate = estimate_of(level).error
        assert estimate > 0.5 * error(level, integrand) - 1e-9
        converges_fast = name in ("smooth", "peaked")
        assert converges_fast or estimate < 60 * error(level, integrand) + 1e-6


@pytest.mark.parametrize("name", INTEGRANDS)
@pytest.mark.parametrize("tolerance", [0.05, 0.01, 0.001])
@pytest.mark.parametrize("prior", PRIORS)
def test_a_tolerance_is_met_with_any_prior(name: str, tolerance: float, prior: str) -> None:
    last = levels(INTEGRANDS[name], 1000, tolerance, PRIORS[prior])[-1]
    assert last.size < 500
    # An estimate, not a bound.
    size = estimate_of(last).integral.abs().sum()
    assert error(last, INTEGRANDS[name]) < 1.2 * tolerance * size


@pytest.mark.parametrize("family, tolerance", [(jumps, 0.01), (kinks, 0.001)])
def test_the_largest_error_of_twenty_texts_is_a_little_below_the_tolerance(
    family: Callable[[int], Integrand], tolerance: float
) -> None:
    """So neither the safety factor nor the calibration is too small or too large."""
    largest = 0.0
    for integrand in texts(family):
        last = levels(integrand, 257, tolerance)[-1]
        size = float(estimate_of(last).integral.abs().sum())
        largest = max(largest, error(last, integrand) / size / tolerance)
    assert 0.5 < largest < 1


def test_errors_are_taken_for_at_least_a_fifth_of_their_expectation() -> None:
    """However little the integrals change from level to level."""
    found = levels(lambda x: numpy.exp(numpy.outer(x, numpy.linspace(-2, 2, 20))), 30)
    calibrations = [estimate_of(level).calibration for level in found]
    assert calibrations[0] == 1
    assert min(calibrations) == pytest.approx(0.2, abs=0.02)


def test_a_smooth_integrand_needs_the_initial_nodes_only() -> None:
    assert [level.size for level in levels(INTEGRANDS["smooth"], 257, 0.01)] == [9]


def test_nodes_are_added_where_a_smooth_integrand_changes() -> None:
    shifts = numpy.linspace(-0.05, 0.05, 40)
    last = levels(lambda x: numpy.tanh((x[:, None] - 0.25 - shifts) / 0.1), 40)[-1]
    assert estimate_of(last).piecewise is None
    assert sum(0.05 <= node <= 0.45 for node in last.paths[0].nodes) > last.size / 2


def test_nodes_are_added_where_an_integrand_jumps() -> None:
    shifts = numpy.linspace(-0.5, 0.5, 40)
    last = levels(lambda x: (x[:, None] > 0.66 + shifts / 100) * (1 + shifts), 40)[-1]
    assert estimate_of(last).piecewise is not None
    # The first two levels are integrated as smooth or divide every interval.
    added = [node for node in last.paths[0].nodes[17:] if 0.6 <= node <= 0.72]
    assert len(added) > (last.size - 17) / 2


@pytest.mark.parametrize(
    "prior, sizes", [("general", [9, 17, 21, 25, 29, 37]), ("transformer", [17, 21, 27, 33, 41])]
)
def test_levels_of_a_smooth_integrand_grow_by_at_most_30_percent_after_the_second(
    prior: str, sizes: List[int]
) -> None:
    found = levels(INTEGRANDS["peaked"], sizes[-1], prior=PRIORS[prior])
    assert [level.size for level in found] == sizes


@pytest.mark.parametrize(
    "prior, sizes", [("general", [9, 17, 33, 65]), ("transformer", [17, 21, 27, 33, 41, 53])]
)
def test_levels_of_a_rough_integrand_grow_as_the_prior_says(prior: str, sizes: List[int]) -> None:
    found = levels(INTEGRANDS["jumping"], sizes[-1], prior=PRIORS[prior])
    assert [level.size for level in found] == sizes


def test_an_integrand_is_rough_if_smooth_hypotheses_have_less_than_half_the_probability() -> None:
    measure = AdaptiveQuadrature([None], 1e-12, 17)
    second = refined_of(measure, estimated(measure, measure.initial, INTEGRANDS["peaked"])[0])
    assert second is not None
    nodes, smoothness = tuple(second.paths[0].nodes), []
    smooth, rough = (evaluated(INTEGRANDS[name], nodes) for name in ("smooth", "jumping"))
    for size in numpy.geomspace(1e-4, 1, 60):
        estimate = estimate_of(estimate_error(measure, second, smooth + size * rough)[0])
        assert estimate.posterior is not None
        smoothness.append(estimate.posterior.smoothness)
        assert (estimate.piecewise is None) == (smoothness[-1] >= 0.5)
    assert any(0.25 < one < 0.5 for one in smoothness)
    assert any(0.5 < one < 1 for one in smoothness)


@pytest.mark.parametrize("size, stays_rough", [(33, False), (37, True)])
def test_with_more_than_32_nodes_a_rough_integrand_stays_rough(
    size: int, stays_rough: bool
) -> None:
    prior = GENERAL._replace(growth=1.0)
    measure = AdaptiveQuadrature([None], 1e-12, 100, prior)
    level = levels(INTEGRANDS["jumping"], size - 4, prior=prior)[-1]
    refined = refined_of(measure, level)
    assert refined is not None and cast(Level, refined).size == size
    smooth, _ = estimated(measure, refined, INTEGRANDS["smooth"])
    assert (estimate_of(smooth).piecewise is not None) == stays_rough


def test_jumps_are_found_if_the_prior_makes_them_improbable() -> None:
    last = levels(INTEGRANDS["jumping"], 100, prior=PRETRAINED_TRANSFORMER)[-1]
    assert estimate_of(last).piecewise is not None


def test_the_prior_odds_of_rough_integrands_are_a_hundredth_for_transformers() -> None:
    odds = []
    for rough_odds in (GENERAL.rough_odds, PRETRAINED_TRANSFORMER.rough_odds, 1.0):
        prior = GENERAL._replace(rough_odds=rough_odds)
        posterior = estimate_of(levels(jumps(0), 9, prior=prior)[0]).posterior
        assert posterior is not None
        odds.append(1 / posterior.smoothness - 1)
    assert odds[0] == odds[2]
    assert odds[1] == pytest.approx(0.01 * odds[0], rel=0.3)


def test_rounding_in_the_integrand_changes_neither_nodes_nor_integrals() -> None:
    """So that a text has the same scores in any batch."""
    measure = AdaptiveQuadrature([None], 0.01, 257)
    values = evaluated(INTEGRANDS["peaked"], tuple(measure.initial.paths[0].nodes))
    noise = 1e-7 * torch.randn(values.shape, generator=torch.Generator().manual_seed(0))
    one, other = (
        estimate_error(measure, measure.initial, v)[0] for v in (values, values * (1 + noise))
    )
    refined = [refined_of(measure, level) for level in (one, other)]
    assert refined[0] is not None and refined[1] is not None
    assert refined[0].paths == refined[1].paths
    assert estimate_of(one).integral == pytest.approx(estimate_of(other).integral, rel=1e-6)


def test_an_integrand_of_zeros_has_no_error() -> None:
    measure = AdaptiveQuadrature([None, None], 0.01, 18)
    level, found = estimate_error(measure, measure.initial, torch.zeros(18, 5).double())
    assert found == pytest.approx(0, abs=1e-100)
    assert refined_of(measure, level) is None


def test_paths_are_averaged_before_errors_are_estimated() -> None:
    measure = AdaptiveQuadrature([0, 1], 0.01, 100)
    assert [path.background for path in measure.initial.paths] == [0, 1]
    values = evaluated(INTEGRANDS["peaked"], tuple(measure.initial.paths[0].nodes))
    alone = estimate_of(levels(INTEGRANDS["peaked"], 9)[0])
    together, found = estimate_error(measure, measure.initial, torch.cat([values, 0 * values]))
    assert estimate_of(together).integral == pytest.approx(alone.integral / 2)
    assert found == pytest.approx(alone.error / 2)
    assert estimate_error(measure, measure.initial, torch.cat([values, -values]))[1] < 1e-12
    refined = refined_of(measure, together)
    assert refined is not None and [len(path.nodes) for path in refined.paths] == [17, 17]


def test_a_sample_of_many_elements_gives_similar_weights_and_errors() -> None:
    measure = AdaptiveQuadrature([None], 0.01, 100)
    values = evaluated(INTEGRANDS["peaked"], tuple(measure.initial.paths[0].nodes))
    few, error_of_few = estimate_error(measure, measure.initial, values)
    many, error_of_many = estimate_error(measure, measure.initial, values.repeat(1, 101))
    assert many.weights == pytest.approx(few.weights, abs=0.01)
    assert error_of_many == pytest.approx(101 * error_of_few, rel=0.2)
