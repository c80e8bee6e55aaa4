from typing import Callable, List

import numpy
import pytest
import torch

from biome_interpret.attribution.expectation import OF_TRANSFORMERS, USUAL, Expectation
from biome_interpret.attribution.quadrature import gauss_radau
from biome_interpret.attribution.refinement import Level, RefinedPaths, level_sizes

EXPECTATIONS = {"usual": USUAL, "of transformers": OF_TRANSFORMERS}


@pytest.mark.parametrize(
    "expectation, most, sizes",
    [
        (USUAL, 1, [3]),
        (USUAL, 4, [4]),
        (USUAL, 8, [8]),
        (USUAL, 12, [9]),
        (USUAL, 24, [9, 13, 17, 21]),
        (USUAL, 100, [*range(9, 64, 4), 65, 73, 81, 89, 97]),
        (OF_TRANSFORMERS, 16, [16]),
        (OF_TRANSFORMERS, 40, [*range(17, 32, 2), 33, 37]),
    ],
)
def test_level_sizes_stay_within_what_is_allowed(
    expectation: Expectation, most: int, sizes: list
) -> None:
    assert level_sizes(expectation, most) == sizes
    assert level_sizes(expectation, 257)[-1] == 257


INTEGRANDS = {
    "smooth": lambda x, shift: numpy.exp(2 * x + shift),
    "peaked": lambda x, shift: 1 / ((x - 0.25 - shift / 10) ** 2 + 0.01),
    "kinked": lambda x, shift: numpy.abs(x - 0.3 - shift / 3),
    "jumping": lambda x, shift: (x > 0.37 + shift / 3).astype(float),
}


def terms(integrand: Callable, nodes: List[float]) -> torch.Tensor:
    """Forty elements with their features at forty places."""
    shifts = numpy.linspace(-0.5, 0.5, 40)
    return torch.tensor(integrand(numpy.asarray(nodes)[:, None], shifts[None]))


def judged(measure: RefinedPaths, integrand: Callable, level: Level):
    return judged_alone(measure, level, terms(integrand, level.paths[0].nodes))


def judged_alone(measure: RefinedPaths, level: Level, values: torch.Tensor):
    [found] = measure.judged([level], [values])
    return found


def levels(
    integrand: Callable, most: int, tolerance: float = 1e-12, expectation: Expectation = USUAL
) -> List[Level]:
    """As judged, until there are no more nodes or the tolerance is reached."""
    measure = RefinedPaths([None], tolerance, most, expectation)
    level, found = measure.first, []
    while level is not None:
        level, error = judged(measure, integrand, level)
        found.append(level)
        if error <= tolerance * level.judgement.integral.abs().sum():
            break
        level = measure.following(level, is_cheap=False)
    return found


def error(level: Level, integrand: Callable) -> float:
    fine = (numpy.arange(2**15) + 0.5) / 2**15
    found = torch.tensor(level.weights, dtype=torch.float64) @ terms(
        integrand, level.paths[0].nodes
    )
    return float((found - terms(integrand, fine).mean(dim=0)).abs().sum())


@pytest.mark.parametrize("name", INTEGRANDS)
def test_each_level_has_all_nodes_of_the_one_before(name: str) -> None:
    found = levels(INTEGRANDS[name], 130)
    assert found[0].size == 9 and found[-1].size <= 130
    for last, level in zip(found, found[1:]):
        assert level.paths[0].nodes[: last.size] == last.paths[0].nodes
        assert len(set(level.paths[0].nodes)) == level.size > last.size
        assert sum(level.weights) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", INTEGRANDS)
def test_both_ends_are_among_the_nodes_and_the_baseline_weighs_nothing(name: str) -> None:
    for level in levels(INTEGRANDS[name], 60):
        assert level.paths[0].nodes[0] == 0.0 and 1.0 in level.paths[0].nodes
        assert level.weights[0] == 0.0


@pytest.mark.parametrize("name", INTEGRANDS)
def test_the_estimate_is_neither_far_below_nor_far_above_the_error(name: str) -> None:
    integrand = INTEGRANDS[name]
    for level in levels(integrand, 130):
        assert level.judgement.error > 0.5 * error(level, integrand) - 1e-9
        is_fast = name in ("smooth", "peaked")
        assert level.judgement.error < 60 * error(level, integrand) + 1e-6 or is_fast


@pytest.mark.parametrize("name", INTEGRANDS)
@pytest.mark.parametrize("tolerance", [0.05, 0.01, 0.001])
@pytest.mark.parametrize("expected", EXPECTATIONS)
def test_a_tolerance_is_kept(name: str, tolerance: float, expected: str) -> None:
    """Whatever was expected, right or wrong."""
    last = levels(INTEGRANDS[name], 1000, tolerance, EXPECTATIONS[expected])[-1]
    assert last.size < 500
    # An estimate, no bound.
    assert error(last, INTEGRANDS[name]) < 1.2 * tolerance * last.judgement.integral.abs().sum()


def test_a_smooth_integrand_takes_no_more_than_the_first_nodes() -> None:
    assert [level.size for level in levels(INTEGRANDS["smooth"], 257, 0.01)] == [9]


def test_nodes_go_where_a_smooth_integrand_changes() -> None:
    def integrand(x: numpy.ndarray, shift: numpy.ndarray) -> numpy.ndarray:
        return numpy.tanh((x - 0.25 - shift / 10) / 0.1)

    last = levels(integrand, 40)[-1]
    assert last.judgement.jumps is None
    assert sum(0.05 <= node <= 0.45 for node in last.paths[0].nodes) > last.size / 2


@pytest.mark.parametrize("expected, first", [("usual", 9), ("of transformers", 17)])
def test_the_first_nodes_stand_where_they_are_expected_to_be_needed(
    expected: str, first: int
) -> None:
    expectation = EXPECTATIONS[expected]
    [found] = levels(INTEGRANDS["peaked"], first, expectation=expectation)
    times = expectation.pace.times(numpy.array(found.nodes_of_path))
    assert found.size == first
    assert times == pytest.approx(gauss_radau(first - 1)[0])


@pytest.mark.parametrize("expected, second", [("usual", 17), ("of transformers", 21)])
def test_levels_grow_no_faster_than_is_expected_to_be_needed(expected: str, second: int) -> None:
    measure = RefinedPaths([None], 1e-9, 257, EXPECTATIONS[expected])
    level, _ = judged(measure, INTEGRANDS["peaked"], measure.first)
    assert measure.following(level, is_cheap=False).size == second


def test_jumps_that_were_not_expected_are_found_all_the_same() -> None:
    last = levels(INTEGRANDS["jumping"], 100, expectation=OF_TRANSFORMERS)[-1]
    assert last.judgement.jumps is not None


def test_nodes_go_where_an_integrand_jumps() -> None:
    def integrand(x: numpy.ndarray, shift: numpy.ndarray) -> numpy.ndarray:
        return (x > 0.66 + shift / 100) * (1 + shift)

    last = levels(integrand, 40)[-1]
    assert last.judgement.jumps is not None
    # The first levels cannot know yet.
    added = [node for node in last.paths[0].nodes[17:] if 0.6 <= node <= 0.72]
    assert len(added) > (last.size - 17) / 2


def test_rounding_in_the_integrand_moves_neither_nodes_nor_integrals() -> None:
    """So that a text gives the same numbers whatever it shares its passes with."""
    measure = RefinedPaths([None], 0.01, 257)
    values = terms(INTEGRANDS["peaked"], measure.first.paths[0].nodes)
    noise = 1e-7 * torch.randn(values.shape, generator=torch.Generator().manual_seed(0))
    one, other = (
        judged_alone(measure, measure.first, v)[0] for v in (values, values * (1 + noise))
    )
    assert (
        measure.following(one, is_cheap=False).paths
        == measure.following(other, is_cheap=False).paths
    )
    assert one.judgement.integral == pytest.approx(other.judgement.integral, rel=1e-6)


def test_an_integrand_of_nothing_has_no_error() -> None:
    measure = RefinedPaths([None, None], 0.01, 18)
    level, found = judged_alone(measure, measure.first, torch.zeros(18, 5, dtype=torch.float64))
    assert found == pytest.approx(0, abs=1e-100)
    assert measure.following(level, is_cheap=False) is None


def test_paths_are_averaged_before_their_errors_are_judged() -> None:
    measure = RefinedPaths([0, 1], 0.01, 100)
    assert [path.background for path in measure.first.paths] == [0, 1]
    values = terms(INTEGRANDS["peaked"], measure.first.paths[0].nodes)
    [alone] = levels(INTEGRANDS["peaked"], 9)
    together, found = judged_alone(measure, measure.first, torch.cat([values, 0 * values]))
    assert together.judgement.integral == pytest.approx(alone.judgement.integral / 2)
    assert found == pytest.approx(alone.judgement.error / 2)
    assert judged_alone(measure, measure.first, torch.cat([values, -values]))[1] < 1e-12
    assert [len(path.nodes) for path in measure.following(together, is_cheap=False).paths] == [
        17,
        17,
    ]


def test_texts_are_judged_together_as_alone() -> None:
    measure = RefinedPaths([None], 0.01, 100)
    many = [terms(integrand, measure.first.paths[0].nodes) for integrand in INTEGRANDS.values()]
    many.append(many[0][:, :7])
    together = measure.judged([measure.first] * len(many), many)
    for values, (level, found) in zip(many, together):
        alone, expected = judged_alone(measure, measure.first, values)
        assert found == pytest.approx(expected, rel=1e-9)
        assert level.weights == pytest.approx(alone.weights, abs=1e-12)
        assert (
            measure.following(level, is_cheap=False).paths
            == measure.following(alone, is_cheap=False).paths
        )


def test_many_elements_are_judged_by_some_of_them() -> None:
    measure = RefinedPaths([None], 0.01, 100)
    values = terms(INTEGRANDS["peaked"], measure.first.paths[0].nodes)
    few, error_of_few = judged_alone(measure, measure.first, values)
    many, error_of_many = judged_alone(measure, measure.first, values.repeat(1, 101))
    assert many.weights == pytest.approx(few.weights, abs=0.01)
    assert error_of_many == pytest.approx(101 * error_of_few, rel=0.2)


@pytest.mark.parametrize("name", ["peaked", "jumping"])
def test_where_points_are_cheap_levels_grow_faster(name: str) -> None:
    measure = RefinedPaths([None], 1e-9, 257)
    level, _ = judged(measure, INTEGRANDS[name], measure.first)
    careful, cheap = (measure.following(level, is_cheap) for is_cheap in (False, True))
    assert (careful.size, cheap.size) == (17, 25)
    assert cheap.nodes_of_path[:16] == careful.nodes_of_path
