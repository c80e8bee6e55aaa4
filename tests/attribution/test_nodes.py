import numpy
import pytest

from biome_interpret.attribution.expectation import USUAL
from biome_interpret.attribution.nodes import first_nodes, grown_nodes
from biome_interpret.attribution.pace import EVEN, PACES, Pace


@pytest.mark.parametrize("pace", [*PACES, Pace(0.9, 0.3)])
def test_times_and_positions_are_each_other_s_inverse(pace: Pace) -> None:
    times = numpy.linspace(0, 1, 11)
    assert pace.times(pace.positions(times)) == pytest.approx(times)
    assert pace.positions(times)[[0, -1]] == pytest.approx([0, 1], abs=1e-14)


def test_the_path_is_walked_slowly_at_the_centre() -> None:
    pace = Pace(0.3, 0.1)
    steps = numpy.diff(pace.positions(numpy.linspace(0, 1, 101)))
    assert pace.positions(numpy.linspace(0, 1, 101))[steps.argmin()] == pytest.approx(0.3, abs=0.02)
    even = numpy.diff(EVEN.positions(numpy.linspace(0, 1, 101)))
    assert even.max() / even.min() < 1.01


@pytest.mark.parametrize("size", [2, 3, 5, 8, 12])
@pytest.mark.parametrize("pace", [USUAL.pace, EVEN])
def test_the_first_nodes_integrate_polynomials_exactly(size: int, pace: Pace) -> None:
    """Radau's rule is exact to degree 2n - 2, in the time of the pace."""
    nodes = numpy.array(first_nodes(pace, size))
    assert len(nodes) == size and (numpy.diff(nodes) > 0).all()
    assert nodes[0] > 0 and nodes[-1] == 1.0
    times = pace.times(nodes)
    powers = numpy.arange(2 * size - 1)
    weights = numpy.linalg.solve((times ** powers[:size, None]), 1 / (powers[:size] + 1))
    assert (times ** powers[:, None]) @ weights == pytest.approx(1 / (powers + 1), abs=1e-9)


@pytest.mark.parametrize("pace", PACES)
def test_nodes_grow_the_same_way_in_large_steps_and_small_ones(pace: Pace) -> None:
    first = first_nodes(USUAL.pace, 8)
    at_once = grown_nodes(pace, first, 40)
    in_steps = grown_nodes(pace, grown_nodes(pace, first, 17), 40)
    assert at_once == in_steps
    assert at_once[:8] == first and len(set(at_once)) == 40
    assert 0 < min(at_once) and max(at_once) == 1.0


def test_nodes_go_where_the_path_is_walked_slowly() -> None:
    nodes = grown_nodes(Pace(0.3, 0.1), first_nodes(USUAL.pace, 8), 40)
    assert sum(0.1 < node < 0.5 for node in nodes) > 20
