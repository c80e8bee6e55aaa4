"""
How fast a path is walked. A gradient that changes within a short stretch of the path and hardly
outside it needs nodes there: the path is walked slowly where it does, by a change of variables.
"""

import math
from dataclasses import dataclass

import numpy

# The pace is one of a grid, so that rounding in the gradients does not change it.
_CENTRES = 50
_WIDENING = 1.25

# A width at which the pace is as good as even.
_EVEN = 8.0

# In units of how far the changes are spread. Set on trained LSTM, CNN, pair and transformer
# classifiers.
_SPREADS = 1.3


@dataclass(frozen=True)
class Pace:
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

    def speeds(self, positions: numpy.ndarray) -> numpy.ndarray:
        """dα/du, so that ∫ g(α) dα = ∫ g(α(u)) dα/du du."""
        from_centre = (positions - self.centre) / self.width
        return self.width * self._sweep * (1 + from_centre**2)

    @property
    def is_even(self) -> bool:
        return self.width >= _EVEN

    @property
    def more_even(self) -> "Pace":
        return Pace(self.centre, self.width * _WIDENING)


EVEN = Pace(0.5, _EVEN)


def pace_for(nodes: numpy.ndarray, values: numpy.ndarray) -> Pace:
    """
    A pace by where the values change.

    # Parameters

    nodes : `numpy.ndarray`
        Positions, in ascending order. Shape: (nodes,).
    values : `numpy.ndarray`
        A function of the position. Shape: (nodes, elements).
    """
    changes = numpy.abs(numpy.diff(values, axis=0)).sum(axis=1)
    if not changes.any():
        return EVEN
    shares = changes / changes.sum()
    middles, lengths = (nodes[1:] + nodes[:-1]) / 2, numpy.diff(nodes)
    centre = float(shares @ middles)
    # Within an interval a change may be anywhere.
    spread = math.sqrt(shares @ ((middles - centre) ** 2 + lengths**2 / 12))
    steps = round(math.log(_SPREADS * spread, _WIDENING))
    return Pace(round(centre * _CENTRES) / _CENTRES, _WIDENING**steps)
