"""Changes of variable that stretch the part of a path where the gradient changes."""

import math
from typing import NamedTuple, Tuple

import numpy
from numpy.typing import NDArray


class PathWarp(NamedTuple):
    """
    The map u = φ(α) of [0, 1] onto itself with a slope proportional to 1/((α − c)² + w²), so that
    nodes that are even in u are dense around c. A function of α with a pole at c ± iw, or with a
    smooth step of width w at c, is much better approximated by polynomials in u (as by the maps of
    Hale and Tee, Conformal maps to multiply slit domains and applications, 2009).

    # Parameters

    centre : `float`
        c, the position where nodes are densest.
    width : `float`
        w. The larger, the more even they are.
    """

    centre: float
    width: float

    @property
    def _angles(self) -> Tuple[float, float]:
        """Those of both ends of the path, seen from the pole."""
        return math.atan(-self.centre / self.width), math.atan((1 - self.centre) / self.width)

    def warp(self, positions: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
        """α -> φ(α)"""
        start, end = self._angles
        angles: NDArray[numpy.float64] = numpy.arctan((positions - self.centre) / self.width)
        return (angles - start) / (end - start)

    def unwarp(self, warped: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
        """φ(α) -> α"""
        start, end = self._angles
        tangents: NDArray[numpy.float64] = numpy.tan(start + warped * (end - start))
        return self.centre + self.width * tangents
