import numpy
import pytest

from biome_interpret.attribution.priors import UNIFORM, WARPS
from biome_interpret.attribution.warping import PathWarp


@pytest.mark.parametrize("warp", [*WARPS, PathWarp(0.9, 0.3)])
def test_unwarp_inverts_warp(warp: PathWarp) -> None:
    warped = numpy.linspace(0, 1, 11)
    assert warp.warp(warp.unwarp(warped)) == pytest.approx(warped)
    assert warp.unwarp(warped)[[0, -1]] == pytest.approx([0, 1], abs=1e-14)


def test_the_slope_is_largest_at_the_centre_and_half_of_that_a_width_away() -> None:
    warp = PathWarp(0.3, 0.1)
    positions = numpy.array([0.2, 0.3, 0.4, 0.5])
    slopes = (warp.warp(positions + 1e-6) - warp.warp(positions - 1e-6)) / 2e-6
    assert slopes / slopes[1] == pytest.approx([0.5, 1, 0.5, 0.2], rel=1e-6)


def test_the_uniform_warp_hardly_changes_distances() -> None:
    steps = numpy.diff(UNIFORM.unwarp(numpy.linspace(0, 1, 101)))
    assert steps.max() / steps.min() < 1.01
