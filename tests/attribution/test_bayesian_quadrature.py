"""Integrals, and what is expected of their errors, of functions whose integrals are known."""

from typing import Callable, Optional

import numpy
import pytest
import torch

from biome_interpret.attribution.bayesian_quadrature import Belief, Rules
from biome_interpret.attribution.expectation import USUAL
from biome_interpret.attribution.nodes import first_nodes, grown_nodes
from biome_interpret.attribution.pace import EVEN, PACES, Pace

SIZES = [8, 16, 24]

# Of positions. Shape: (positions,) -> (positions, functions).
Functions = Callable[[numpy.ndarray], numpy.ndarray]


def nodes_of(size: int, pace: Pace = EVEN) -> tuple:
    return grown_nodes(pace, first_nodes(USUAL.pace, 8), size)


def values_of(functions: Functions, size: int, pace: Pace = EVEN) -> torch.Tensor:
    return torch.from_numpy(functions(numpy.array(nodes_of(size, pace))))


def believed(functions: Functions, size: int, pace: Pace = EVEN) -> Belief:
    return Rules(nodes_of(size, pace), PACES).belief(values_of(functions, size, pace))


def error(belief: Belief, functions: Functions, size: int, pace: Pace = EVEN) -> float:
    """Σ |error|"""
    nodes, weights = numpy.polynomial.legendre.leggauss(400)
    exact = weights / 2 @ functions((nodes + 1) / 2)
    return float((belief.weights @ values_of(functions, size, pace) - exact).abs().sum())


def smooth_draws(decay: float, pace: Pace, count: int = 200) -> Functions:
    """Functions whose Chebyshev coefficients, at a pace, shrink as a prior says."""
    degrees = numpy.arange(60)
    coefficients = numpy.random.default_rng(1).normal(size=(60, count))
    coefficients *= decay ** (degrees[:, None] / 2)

    def functions(positions: numpy.ndarray) -> numpy.ndarray:
        angles = numpy.arccos(numpy.clip(2 * pace.times(positions) - 1, -1, 1))
        return numpy.cos(numpy.outer(angles, degrees)) @ coefficients

    return functions


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("decay", [0.2, 0.4, 0.6, 0.8])
@pytest.mark.parametrize("pace", [EVEN, Pace(0.2, 0.25)])
def test_errors_are_within_what_is_expected_of_them(size: int, decay: float, pace: Pace) -> None:
    """What functions are like has to be found out from few values: mostly, errors are smaller."""
    functions = smooth_draws(decay, pace)
    belief = believed(functions, size, pace)
    assert belief.error / 100 < error(belief, functions, size, pace) < 1.5 * belief.error
    assert belief.smoothness > (0.7 if decay < 0.5 and size > 8 else 0.3)


def test_what_more_nodes_would_bring_is_foreseen() -> None:
    functions = smooth_draws(0.4, EVEN)
    belief = Rules(nodes_of(16), [EVEN]).belief(values_of(functions, 16))
    more = Rules(nodes_of(20), [EVEN])
    found = more.belief(values_of(functions, 20))
    assert 0.5 * found.error < belief.error_at(more) < belief.error / 1.2


@pytest.mark.parametrize("size", SIZES)
def test_weights_add_up_to_one(size: int) -> None:
    rules = Rules(nodes_of(size), PACES)
    assert rules.weights.sum(dim=1).numpy() == pytest.approx(1, abs=1e-6)
    assert (rules.variances >= 0).all()


@pytest.mark.parametrize(
    "functions",
    [
        lambda x: numpy.exp(2 * x[:, None] - numpy.linspace(0, 1, 5)),
        lambda x: 1 / (1 + x[:, None] + numpy.linspace(0, 1, 5)),
    ],
)
def test_smooth_functions_are_integrated_almost_exactly(functions: Functions) -> None:
    assert error(believed(functions, 16), functions, 16) < 1e-4


def test_the_pace_at_which_functions_change_is_found() -> None:
    def functions(positions: numpy.ndarray) -> numpy.ndarray:
        places = 0.2 + numpy.linspace(-0.05, 0.05, 30)
        return numpy.tanh((positions[:, None] - places) / 0.1)

    plausibilities = believed(functions, 16, Pace(0.2, 0.25)).plausibilities
    by_pace = plausibilities.reshape(len(PACES), -1).sum(axis=1)
    assert PACES[int(by_pace.argmax())].centre == 0.2


@pytest.mark.parametrize("count", [1, 3, 10])
def test_jumps_are_not_taken_for_smooth(count: int) -> None:
    """Forty functions that jump so many times each."""
    generator = numpy.random.default_rng(0)
    places, heights = generator.uniform(size=(count, 40)), generator.normal(size=(count, 40))

    def functions(positions: numpy.ndarray) -> numpy.ndarray:
        return ((positions[:, None, None] > places) * heights).sum(axis=1)

    assert believed(functions, 16).smoothness < 0.3


def test_how_likely_jumps_are_beforehand_counts_with_what_the_values_tell() -> None:
    nodes, values = nodes_of(12), values_of(smooth_draws(0.6, EVEN), 12)
    open_minded, expecting_none = (Rules(nodes, PACES, jumps).belief(values) for jumps in (1, 0.01))
    odds = [1 / belief.smoothness - 1 for belief in (open_minded, expecting_none)]
    assert odds[0] > 0.05
    # Of some priors so little is left that they are left out.
    assert odds[1] == pytest.approx(0.01 * odds[0], rel=0.3)


def test_what_never_changes_has_no_error_and_what_is_nothing_neither() -> None:
    assert believed(lambda x: numpy.zeros((len(x), 4)), 8).error < 1e-100
    belief = believed(lambda x: numpy.ones((len(x), 4)), 8)
    assert belief.error < 1e-6
    assert float(belief.weights.sum()) == pytest.approx(1)


def test_rounding_does_not_change_what_is_believed() -> None:
    """So that a text gives the same numbers whatever it shares its passes with."""
    values = values_of(smooth_draws(0.4, Pace(0.2, 0.35)), 8)
    noise = 1e-7 * torch.randn(values.shape, generator=torch.Generator().manual_seed(0))
    rules = Rules(nodes_of(8), PACES)
    one, other = rules.belief(values), rules.belief(values * (1 + noise))
    assert torch.allclose(one.weights @ values, other.weights @ values, atol=1e-6)
    assert one.error == pytest.approx(other.error, rel=1e-3)


def test_elements_that_are_zero_everywhere_tell_nothing_of_many_others() -> None:
    values = values_of(lambda x: numpy.exp(numpy.outer(x, numpy.linspace(-2, 2, 500))), 8)
    rules = Rules(nodes_of(8), PACES)
    alone = rules.belief(values)
    padded = rules.belief(torch.cat([torch.zeros(8, 300), values, torch.zeros(8, 700)], dim=1))
    assert padded.error == pytest.approx(alone.error, rel=1e-6)
    numpy.testing.assert_allclose(padded.weights, alone.weights, rtol=1e-6)


@pytest.mark.parametrize("place", [None, 1])
def test_next_to_nothing_among_many_elements(place: Optional[int]) -> None:
    values = torch.zeros(8, 600, dtype=torch.float64)
    if place is not None:
        values[:, place] = torch.arange(8)
    belief = Rules(nodes_of(8), PACES).belief(values)
    assert numpy.isfinite(belief.error)
    assert float(belief.weights.sum()) == pytest.approx(1.0)
