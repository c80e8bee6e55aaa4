from typing import Callable, List

import numpy
import pytest
import torch

from biome_interpret.attribution.growing import clenshaw_curtis
from biome_interpret.attribution.refinement import Level, level_sizes, refined_measure


@pytest.mark.parametrize(
    "most, sizes",
    [
        (1, [3]),
        (4, [3]),
        (8, [5]),
        (16, [9]),
        (24, [9, 17, 21]),
        (100, [9, 17, 21, 25, 33, 41, 49, 65, 81, 97]),
    ],
)
def test_level_sizes_stay_within_what_is_allowed(most: int, sizes: list) -> None:
    assert level_sizes(most) == sizes


INTEGRANDS = {
    "smooth": lambda x, shift: numpy.exp(2 * x + shift),
    "peaked": lambda x, shift: 1 / ((x - 0.25 - shift / 10) ** 2 + 0.01),
    "kinked": lambda x, shift: numpy.abs(x - 0.3 - shift / 3),
    "jumping": lambda x, shift: (x > 0.37 + shift / 3).astype(float),
}


def terms(integrand: Callable, nodes: numpy.ndarray) -> torch.Tensor:
    """Forty elements with their features at forty places."""
    shifts = numpy.linspace(-0.5, 0.5, 40)
    return torch.tensor(integrand(numpy.asarray(nodes)[:, None], shifts[None]))


def levels(integrand: Callable, most: int) -> List[Level]:
    measure = refined_measure([None], 0.01, most)
    found = [measure.first]
    while True:
        following = measure.following(found[-1], terms(integrand, found[-1].paths[0].nodes))
        if following is None:
            return found
        found.append(following)


def integral(level: Level, integrand: Callable) -> torch.Tensor:
    weights = torch.tensor(level.weights, dtype=torch.float64)
    return weights @ terms(integrand, level.paths[0].nodes)


def error(level: Level, integrand: Callable) -> float:
    return error_of(integral(level, integrand), integrand)


def error_of(found: torch.Tensor, integrand: Callable) -> float:
    nodes, weights = clenshaw_curtis(2**13 + 1)
    exact = torch.tensor(weights) @ terms(integrand, nodes)
    return float((found - exact).abs().sum())


@pytest.mark.parametrize("name", INTEGRANDS)
def test_each_level_has_all_nodes_of_the_one_before(name: str) -> None:
    found = levels(INTEGRANDS[name], 130)
    assert [level.size for level in found] == level_sizes(130)
    for last, level in zip(found, found[1:]):
        assert level.paths[0].nodes[: last.size] == last.paths[0].nodes
        assert len(set(level.paths[0].nodes)) == level.size
        assert 0.0 in level.paths[0].nodes and 1.0 in level.paths[0].nodes
        assert sum(level.weights) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("name", INTEGRANDS)
def test_the_estimate_is_neither_far_below_nor_far_above_the_error(name: str) -> None:
    integrand = INTEGRANDS[name]
    for level in levels(integrand, 130)[4:]:
        estimate = refined_measure([None], 0.01, 130).error(
            terms(integrand, level.paths[0].nodes), level
        )
        assert estimate > 0.4 * error(level, integrand) - 1e-12
        assert estimate < 60 * error(level, integrand) + 1e-9 or name in ("smooth", "peaked")


def test_nodes_go_where_the_integrand_changes() -> None:
    def integrand(x: numpy.ndarray, shift: numpy.ndarray) -> numpy.ndarray:
        return numpy.tanh((x - 0.25 - shift / 10) / 0.05)

    [level] = [level for level in levels(integrand, 40) if level.size == 33]
    in_step = [node for node in level.paths[0].nodes if 0.05 <= node <= 0.45]
    assert len(in_step) > 16
    even_nodes, even_weights = clenshaw_curtis(33)
    even = torch.tensor(even_weights) @ terms(integrand, even_nodes)
    assert error(level, integrand) < error_of(even, integrand) / 10


def test_rounding_in_the_integrand_does_not_move_the_nodes() -> None:
    """So that a text gives the same numbers whatever it shares its passes with."""
    measure = refined_measure([None], 0.01, 257)
    values = terms(INTEGRANDS["peaked"], measure.first.paths[0].nodes)
    noise = 1e-7 * torch.randn(values.shape, generator=torch.Generator().manual_seed(0))
    one, other = (measure.following(measure.first, v) for v in (values, values * (1 + noise)))
    assert one.paths == other.paths


def test_an_integrand_of_nothing_has_no_error() -> None:
    measure = refined_measure([None, None], 0.01, 18)
    assert measure.error(torch.zeros(18, 5, dtype=torch.float64), measure.first) == 0
    assert measure.following(measure.first, torch.zeros(18, 5, dtype=torch.float64)) is None


def test_an_integrand_that_never_changes_is_followed_all_the_same() -> None:
    measure = refined_measure([None], 0.01, 33)
    level = measure.following(measure.first, torch.ones(9, 5, dtype=torch.float64))
    assert level.size == 17
    assert sum(level.weights) == pytest.approx(1, abs=1e-4)


def test_paths_are_averaged_before_their_errors_are_judged() -> None:
    measure = refined_measure([0, 1], 0.01, 100)
    values = terms(INTEGRANDS["peaked"], measure.first.paths[0].nodes)
    level = measure.following(measure.first, torch.cat([values, 0 * values]))
    one = terms(INTEGRANDS["peaked"], level.paths[0].nodes)
    assert [path.background for path in level.paths] == [0, 1]
    assert measure.error(torch.cat([one, -one]), level) == pytest.approx(0, abs=1e-12)
