"""
Quadrature on [0, 1] with as many nodes as it takes: each rule has all nodes of the one before, so
that no evaluation is lost, and both ends of the path, where f is wanted anyway.
"""

from functools import lru_cache
from typing import Dict

import numpy

from biome_interpret.attribution.pace import Pace
from biome_interpret.attribution.quadrature import Rule

FIRST = 9

# How large weights may be, all together: of weights without a minus among them it would be 1, and
# errors of the integrand are multiplied by it.
_LARGEST_WEIGHTS = 1.3
_WEIGHED_AT = 17


@lru_cache(maxsize=16)
def clenshaw_curtis(size: int) -> Rule:
    """
    The rule with a size of 2^k + 1 nodes (Waldvogel, Fast construction of the Fejer and
    Clenshaw-Curtis quadrature rules, 2006): exact for polynomials of degree size - 1.
    """
    n = size - 1
    angles = numpy.pi * numpy.arange(size) / n
    frequencies = numpy.arange(1, n // 2 + 1)
    halved = numpy.where(2 * frequencies == n, 1.0, 2.0) / (4.0 * frequencies**2 - 1)
    weights = (1 - numpy.cos(2 * numpy.outer(angles, frequencies)) @ halved) / n
    weights[[0, -1]] /= 2
    return (1 - numpy.cos(angles)) / 2, weights


class GrowingRule:
    """
    The nodes of the Clenshaw-Curtis rule of `FIRST` nodes, and then one after the other where, at
    a pace, it is farthest from all others: Leja's points (Narayan and Jakeman, Adaptive Leja sparse
    grid constructions, 2014). Exact, with n nodes, for polynomials of degree n - 1 in the time,
    divided by the speed.

    # Parameters

    pace : `Pace`
    """

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._positions, _ = clenshaw_curtis(FIRST)
        self._times = pace.times(self._positions)
        self._weights: Dict[int, numpy.ndarray] = {}

    def nodes(self, size: int) -> numpy.ndarray:
        """In the order of their addition. Shape: (size,)."""
        if size > len(self._times):
            self._grow(size)
        return self._positions[:size]

    def weights(self, size: int) -> numpy.ndarray:
        """Of the first nodes. Shape: (size,)."""
        if size not in self._weights:
            positions = self.nodes(size)
            self._weights[size] = self._time_weights(size) * self.pace.speeds(positions)
        return self._weights[size]

    @property
    def is_stable(self) -> bool:
        return float(numpy.abs(self._time_weights(_WEIGHED_AT)).sum()) <= _LARGEST_WEIGHTS

    def _grow(self, size: int) -> None:
        candidates, times = _candidates(size), list(self._times)
        with numpy.errstate(divide="ignore"):
            distances = sum(numpy.log(numpy.abs(candidates - time)) for time in times)
            while len(times) < size:
                times.append(candidates[numpy.argmax(distances)])
                distances += numpy.log(numpy.abs(candidates - times[-1]))
        added = numpy.array(times[len(self._times) :])
        self._times = numpy.array(times)
        self._positions = numpy.concatenate([self._positions, self.pace.positions(added)])

    def _time_weights(self, size: int) -> numpy.ndarray:
        """Those that integrate the first Chebyshev polynomials in the time exactly."""
        self.nodes(size)
        degrees = numpy.arange(size)
        integrals = numpy.where(degrees % 2, 0.0, 1.0 / (1.0 - (degrees - degrees % 2) ** 2.0))
        polynomials = numpy.polynomial.chebyshev.chebvander(2 * self._times[:size] - 1, size - 1)
        return numpy.linalg.solve(polynomials.T, integrals)


@lru_cache(maxsize=256)
def growing_rule(pace: Pace) -> GrowingRule:
    """At a pace, or at the next more even one at which its weights stay small."""
    rule = GrowingRule(pace)
    return rule if rule.is_stable or pace.is_even else growing_rule(pace.more_even)


def _candidates(size: int) -> numpy.ndarray:
    """Many more than nodes, close to each other at the ends, as the nodes will be."""
    count = 1024
    while count < 8 * size:
        count *= 2
    return (1 - numpy.cos(numpy.pi * numpy.arange(count + 1) / count)) / 2
