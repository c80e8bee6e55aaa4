import numpy
import pytest

from biome_interpret.attribution.nodes import initial_nodes
from biome_interpret.attribution.piecewise import PiecewiseConstant
from biome_interpret.attribution.priors import GENERAL

NODES = initial_nodes(GENERAL.warp, 12)


def steps(places: numpy.ndarray, heights: numpy.ndarray) -> numpy.ndarray:
    """Functions of one jump each, at the nodes. Shape: (nodes, functions)."""
    return (numpy.array(NODES)[:, None] > places) * heights


def test_weights_are_those_of_the_trapezoid_in_any_order_of_the_nodes() -> None:
    values = numpy.linspace(0, 1, 12)[:, None]
    weights = PiecewiseConstant(NODES, values).weights
    assert weights.sum() == pytest.approx(1)
    # From 0 to the first node the function is taken for its value there.
    # numpy 2 has another name for it.
    trapezoid = getattr(numpy, "trapezoid", None) or numpy.trapz
    expected = trapezoid(numpy.array(NODES) ** 2, NODES) + NODES[0] ** 3
    assert weights @ numpy.array(NODES) ** 2 == pytest.approx(expected)
    order = numpy.random.default_rng(0).permutation(12)
    shuffled = PiecewiseConstant(tuple(numpy.array(NODES)[order]), values[order])
    assert shuffled.weights == pytest.approx(weights[order])


def test_the_expected_error_is_that_of_uniformly_distributed_jumps() -> None:
    generator = numpy.random.default_rng(0)
    places = generator.uniform(NODES[0], 1, 4000)
    heights = generator.normal(size=4000)
    model = PiecewiseConstant(NODES, steps(places, heights))
    error = numpy.abs(model.weights @ steps(places, heights) - (1 - places) * heights).sum()
    # E|x| of a uniform error is √3/2 · √(π/2) times that of a normal one.
    expected = model.error * numpy.sqrt(3) / 2 * numpy.sqrt(numpy.pi / 2)
    assert error == pytest.approx(expected, rel=0.05)


def test_new_nodes_divide_the_interval_with_the_largest_error() -> None:
    model = PiecewiseConstant(NODES, steps(numpy.array([0.5, 0.51]), numpy.array([3.0, 2.0])))
    nodes, error = model.refined(12 + 5)
    end = next(node for node in NODES if node > 0.5)
    start = max(node for node in NODES if node < 0.5)
    assert nodes[:12] == NODES
    assert nodes[12:] == pytest.approx(numpy.linspace(start, end, 7)[1:-1])
    assert error == pytest.approx(model.error / 6)


def test_of_equal_jumps_the_longest_interval_is_divided() -> None:
    nodes, _ = PiecewiseConstant((0.1, 0.2, 0.3, 1.0), numpy.arange(4.0)[:, None]).refined(7)
    assert nodes[4:] == pytest.approx([0.475, 0.65, 0.825])


def test_a_constant_has_no_error() -> None:
    model = PiecewiseConstant(NODES, numpy.ones((12, 3)))
    assert model.error == 0
    assert model.weights @ numpy.ones((12, 3)) == pytest.approx(1)
