"""Integrals, and what is expected of their errors, of functions whose integrals are known."""

import numpy
import pytest

from biome_interpret.attribution.bayesian_quadrature import Rules
from biome_interpret.attribution.nodes import first_nodes, grown_nodes
from biome_interpret.attribution.pace import EVEN, PACES, Pace

SIZES = [8, 16, 24]


def nodes_of(size: int, pace: Pace = EVEN) -> tuple:
    return grown_nodes(pace, first_nodes(8), size)


def exact(function) -> numpy.ndarray:
    nodes, weights = numpy.polynomial.legendre.leggauss(400)
    return weights / 2 @ function((nodes + 1) / 2)


def smooth_draws(decay: float, pace: Pace, count: int = 200):
    """Functions whose Chebyshev coefficients, at a pace, shrink as a prior says."""
    degrees = numpy.arange(60)
    coefficients = numpy.random.default_rng(1).normal(size=(60, count))
    coefficients *= decay ** (degrees[:, None] / 2)

    def function(positions: numpy.ndarray) -> numpy.ndarray:
        angles = numpy.arccos(numpy.clip(2 * pace.times(positions) - 1, -1, 1))
        return numpy.cos(numpy.outer(angles, degrees)) @ coefficients

    return function


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("decay", [0.2, 0.4, 0.6, 0.8])
@pytest.mark.parametrize("pace", [EVEN, Pace(0.2, 0.2)])
def test_errors_are_within_what_is_expected_of_them(size: int, decay: float, pace: Pace) -> None:
    """And not a class better: what functions are like has to be found out from few values."""
    function = smooth_draws(decay, pace)
    values = function(numpy.array(nodes_of(size, pace)))
    belief = Rules(nodes_of(size, pace), PACES).belief(values)
    error = numpy.abs(belief.weights @ values - exact(function)).sum()
    assert belief.error / 30 < error < 1.5 * belief.error
    assert belief.smoothness > 0.5


def test_what_more_nodes_would_bring_is_foreseen() -> None:
    function = smooth_draws(0.4, EVEN)
    belief = Rules(nodes_of(16), [EVEN]).belief(function(numpy.array(nodes_of(16))))
    more = Rules(nodes_of(20), [EVEN])
    found = more.belief(function(numpy.array(nodes_of(20))))
    assert 0.5 * found.error < belief.error_at(more) < belief.error / 1.2


@pytest.mark.parametrize("size", SIZES)
def test_weights_add_up_to_one(size: int) -> None:
    rules = Rules(nodes_of(size), PACES)
    assert rules.weights.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert (rules.variances >= 0).all()


def test_smooth_functions_are_integrated_almost_exactly() -> None:
    shifts = numpy.linspace(0, 1, 5)
    functions = (
        lambda x: numpy.exp(2 * x[:, None] - shifts),
        lambda x: 1 / (1 + x[:, None] + shifts),
    )
    for function in functions:
        nodes = numpy.array(nodes_of(16))
        belief = Rules(nodes_of(16), PACES).belief(function(nodes))
        assert belief.weights @ function(nodes) == pytest.approx(exact(function), rel=1e-6)


def test_the_pace_at_which_functions_change_is_found() -> None:
    def function(positions: numpy.ndarray) -> numpy.ndarray:
        places = 0.2 + numpy.linspace(-0.05, 0.05, 30)
        return numpy.tanh((positions[:, None] - places) / 0.1)

    nodes = nodes_of(16, Pace(0.2, 0.2))
    plausible = Rules(nodes, PACES).belief(function(numpy.array(nodes))).plausibilities
    by_pace = plausible.reshape(len(PACES), -1).sum(axis=1)
    assert PACES[by_pace.argmax()].centre == 0.2


@pytest.mark.parametrize("count", [1, 3, 10])
def test_jumps_are_not_taken_for_smooth(count: int) -> None:
    """Forty functions that jump so many times each."""
    generator = numpy.random.default_rng(0)
    places, heights = generator.uniform(size=(count, 40)), generator.normal(size=(count, 40))
    nodes = numpy.array(nodes_of(16))
    values = ((nodes[:, None, None] > places) * heights).sum(axis=1)
    assert Rules(nodes_of(16), PACES).belief(values).smoothness < 0.3


def test_what_never_changes_has_no_error_and_what_is_nothing_neither() -> None:
    rules = Rules(nodes_of(8), PACES)
    assert rules.belief(numpy.zeros((8, 4))).error == pytest.approx(0, abs=1e-100)
    belief = rules.belief(numpy.ones((8, 4)))
    assert belief.error < 1e-6
    assert belief.weights.sum() == pytest.approx(1)


def test_rounding_does_not_change_what_is_believed() -> None:
    """So that a text gives the same numbers whatever it shares its passes with."""
    values = smooth_draws(0.4, Pace(0.2, 0.35))(numpy.array(nodes_of(8)))
    noise = 1e-7 * numpy.random.default_rng(0).normal(size=values.shape)
    rules = Rules(nodes_of(8), PACES)
    one, other = rules.belief(values), rules.belief(values * (1 + noise))
    assert one.weights @ values == pytest.approx(other.weights @ values, abs=1e-6)
    assert one.error == pytest.approx(other.error, rel=1e-3)
