"""
How fast a path is walked. A gradient that changes within a short stretch of the path and hardly
outside it needs nodes there: the path is walked slowly where it does, by a change of variables.
"""

import math
from typing import NamedTuple

import numpy


class Pace(NamedTuple):
    """
    The path's position α as a function of the time u, both in [0, 1]: equal times pass between
    equal angles, seen from a point beside the path. A function of α with a pole at that point, or
    one that makes a smooth step there, is much better approximated by polynomials in u (as with
    the maps of Hale and Tee, Conformal maps to multiply slit domains and applications, 2009).

    # Parameters

    centre : `float`
        The position that the point stands beside, where the path is walked most slowly.
    width : `float`
        How far it stands from there. The larger, the more even the pace.
    """

    centre: float
    width: float

    @property
    def _start(self) -> float:
        return math.atan(-self.centre / self.width)

    @property
    def _sweep(self) -> float:
        return math.atan((1 - self.centre) / self.width) - self._start

    def times(self, positions: numpy.ndarray) -> numpy.ndarray:
        angles = numpy.arctan((positions - self.centre) / self.width)
        return (angles - self._start) / self._sweep

    def positions(self, times: numpy.ndarray) -> numpy.ndarray:
        return self.centre + self.width * numpy.tan(self._start + times * self._sweep)


EVEN = Pace(0.5, 8.0)
PACES = (EVEN, *(Pace(c, w) for c in (0.0, 0.2, 0.4) for w in (0.12, 0.25, 0.5)))
