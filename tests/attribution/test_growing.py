import numpy
import pytest

from biome_interpret.attribution.growing import GrowingRule, clenshaw_curtis, growing_rule
from biome_interpret.attribution.pace import EVEN, Pace, pace_for

SIZES = [3, 5, 9, 17, 33, 65, 129, 257]
PACES = [EVEN, Pace(0.24, 0.15), Pace(0.9, 0.3), Pace(0.5, 1.0)]


@pytest.mark.parametrize("size", SIZES)
def test_polynomials_are_integrated_exactly(size: int) -> None:
    nodes, weights = clenshaw_curtis(size)
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    assert (weights > 0).all()
    for power in range(min(size, 30)):
        assert weights @ nodes**power == pytest.approx(1 / (power + 1), abs=1e-13)


@pytest.mark.parametrize("size", SIZES[1:])
def test_every_other_node_is_the_smaller_rule_s(size: int) -> None:
    smaller, _ = clenshaw_curtis((size + 1) // 2)
    assert clenshaw_curtis(size)[0][::2] == pytest.approx(smaller, abs=1e-15)


@pytest.mark.parametrize("pace", PACES)
def test_times_and_positions_are_each_other_s_inverse(pace: Pace) -> None:
    times = numpy.linspace(0, 1, 11)
    assert pace.times(pace.positions(times)) == pytest.approx(times)
    assert pace.positions(times)[[0, -1]] == pytest.approx([0, 1], abs=1e-14)
    step = 1e-6
    slopes = (pace.positions(times + step) - pace.positions(times - step)) / (2 * step)
    assert pace.speeds(pace.positions(times)) == pytest.approx(slopes, rel=1e-6)


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("size", [17, 21, 33, 97])
def test_polynomials_in_the_time_are_integrated_exactly(pace: Pace, size: int) -> None:
    rule = GrowingRule(pace)
    nodes, weights = rule.nodes(size), rule.weights(size)
    for power in range(0, size, 4):
        polynomial = pace.times(nodes) ** power / pace.speeds(nodes)
        assert weights @ polynomial == pytest.approx(1 / (power + 1), rel=1e-6)


@pytest.mark.parametrize("pace", PACES)
def test_a_rule_grows_the_same_way_in_large_steps_and_small_ones(pace: Pace) -> None:
    in_steps = GrowingRule(pace)
    for size in (17, 21, 33):
        in_steps.nodes(size)
    assert (in_steps.nodes(33) == GrowingRule(pace).nodes(33)).all()


@pytest.mark.parametrize("centre", [0.0, 0.02, 0.24, 0.5, 0.98, 1.0])
@pytest.mark.parametrize("width", [0.001, 0.01, 0.1, 1.0])
def test_weights_stay_small_however_narrow_a_pace_is_wanted(centre: float, width: float) -> None:
    rule = growing_rule(Pace(centre, width))
    assert rule.pace.width >= width
    for size in (17, 25, 65, 257, 513):
        times = rule.weights(size) / rule.pace.speeds(rule.nodes(size))
        assert numpy.abs(times).sum() < 2


def test_the_pace_is_slow_where_the_values_change() -> None:
    nodes = numpy.linspace(0, 1, 101)
    values = numpy.tanh((nodes[:, None] - [0.28, 0.32]) / 0.05)
    pace = pace_for(nodes, values)
    assert pace.centre == pytest.approx(0.3, abs=0.03)
    assert 0.03 < pace.width < 0.15
    assert pace_for(nodes, numpy.ones((101, 3))) == EVEN
