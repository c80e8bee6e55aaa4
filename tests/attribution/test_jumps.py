import numpy
import pytest

from biome_interpret.attribution.expectation import USUAL
from biome_interpret.attribution.jumps import Jumps
from biome_interpret.attribution.nodes import first_nodes

NODES = first_nodes(USUAL.pace, 12)


def steps(nodes: numpy.ndarray, places: numpy.ndarray, heights: numpy.ndarray) -> numpy.ndarray:
    """Functions of one jump each. Shape: (nodes, functions)."""
    return (numpy.asarray(nodes)[:, None] > places) * heights


def test_weights_are_the_trapezoid_s_whatever_the_order_of_the_nodes() -> None:
    values = numpy.linspace(0, 1, 12)[:, None]
    weights = Jumps.between(NODES, values).weights
    assert weights.sum() == pytest.approx(1)
    # In front of the first node nothing is known but what is there.
    inside = numpy.trapz(numpy.array(NODES) ** 2, NODES) + NODES[0] ** 3
    assert weights @ numpy.array(NODES) ** 2 == pytest.approx(inside)
    order = numpy.random.default_rng(0).permutation(12)
    shuffled = Jumps.between(tuple(numpy.array(NODES)[order]), values[order])
    assert shuffled.weights == pytest.approx(weights[order])


def test_the_expected_error_is_that_of_jumps_anywhere() -> None:
    generator = numpy.random.default_rng(0)
    places = generator.uniform(NODES[0], 1, 4000)
    heights = generator.normal(size=4000)
    values = steps(numpy.array(NODES), places, heights)
    jumps = Jumps.between(NODES, values)
    error = numpy.abs(jumps.weights @ values - (1 - places) * heights).sum()
    # A uniform error's mean size is √3/2 · √(π/2) times what a normal one's would be.
    expected = jumps.error(numpy.ones(12)) * numpy.sqrt(3) / 2 * numpy.sqrt(numpy.pi / 2)
    assert error == pytest.approx(expected, rel=0.05)


def test_new_nodes_go_where_the_largest_errors_are() -> None:
    values = steps(numpy.array(NODES), numpy.array([0.5, 0.51]), numpy.array([3.0, 2.0]))
    jumps = Jumps.between(NODES, values)
    parts = jumps.divided(5)
    assert parts.sum() == 12 + 5
    [place] = numpy.flatnonzero(parts > 1)
    start, end = jumps.positions[place : place + 2]
    assert start < 0.5 < end
    added = jumps.nodes_between(parts)
    assert added == pytest.approx(numpy.linspace(start, end, 7)[1:-1])
    assert jumps.error(parts) == pytest.approx(jumps.error(numpy.ones(12)) / 6)


def test_where_all_jump_alike_long_stretches_are_divided() -> None:
    nodes = (0.1, 0.2, 0.3, 1.0)
    parts = Jumps.between(nodes, numpy.arange(4.0)[:, None]).divided(3)
    assert parts.tolist() == [1, 1, 1, 4]


def test_what_never_changes_has_no_error() -> None:
    jumps = Jumps.between(NODES, numpy.ones((12, 3)))
    assert jumps.error(numpy.ones(12)) == 0
    assert jumps.weights @ numpy.ones((12, 3)) == pytest.approx(1)
