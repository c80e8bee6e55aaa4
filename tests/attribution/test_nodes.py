import numpy
import pytest

from biome_interpret.attribution.nodes import initial_nodes, leja_nodes
from biome_interpret.attribution.priors import (
    GENERAL,
    PRETRAINED_TRANSFORMER,
    UNIFORM,
    WARPS,
    PriorSettings,
)
from biome_interpret.attribution.warping import PathWarp


@pytest.mark.parametrize("size", [2, 3, 5, 8, 12])
@pytest.mark.parametrize("warp", [GENERAL.warp, UNIFORM])
def test_initial_nodes_integrate_polynomials_in_the_warped_coordinate(
    size: int, warp: PathWarp
) -> None:
    """Radau's rule is exact to degree 2n - 2."""
    nodes = numpy.array(initial_nodes(warp, size))
    assert len(nodes) == size and (numpy.diff(nodes) > 0).all()
    assert nodes[0] > 0 and nodes[-1] == 1.0
    warped = warp.warp(nodes)
    powers = numpy.arange(2 * size - 1)
    weights = numpy.linalg.solve((warped ** powers[:size, None]), 1 / (powers[:size] + 1))
    assert (warped ** powers[:, None]) @ weights == pytest.approx(1 / (powers + 1), abs=1e-9)


@pytest.mark.parametrize("prior, median", [(GENERAL, 0.354), (PRETRAINED_TRANSFORMER, 0.268)])
def test_initial_nodes_are_denser_near_the_baseline(prior: PriorSettings, median: float) -> None:
    nodes = initial_nodes(prior.warp, prior.size - 1)
    assert numpy.median(nodes) == pytest.approx(median, abs=0.01)


@pytest.mark.parametrize("warp", WARPS)
def test_leja_nodes_are_the_same_in_large_and_small_steps(warp: PathWarp) -> None:
    first = initial_nodes(GENERAL.warp, 8)
    at_once = leja_nodes(warp, first, 40)
    assert at_once == leja_nodes(warp, leja_nodes(warp, first, 17), 40)
    assert at_once[:8] == first and len(set(at_once)) == 40
    assert 0 < min(at_once) and max(at_once) == 1.0


def test_a_leja_node_maximises_the_product_of_distances() -> None:
    *nodes, added = leja_nodes(UNIFORM, (0.1, 0.5, 1.0), 4)
    candidates = numpy.linspace(0, 1, 10001)[:, None]
    products = numpy.abs(UNIFORM.warp(candidates) - UNIFORM.warp(numpy.array(nodes))).prod(axis=1)
    assert added == pytest.approx(candidates[products.argmax(), 0], abs=1e-3)


def test_leja_nodes_are_dense_at_the_centre_of_the_warp() -> None:
    nodes = leja_nodes(PathWarp(0.3, 0.1), initial_nodes(GENERAL.warp, 8), 40)
    assert sum(0.1 < node < 0.5 for node in nodes) > 20
