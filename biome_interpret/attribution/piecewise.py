"""Quadrature of rough integrands, as the gradients of networks with maxima and ReLUs are."""

import math
from typing import Any, Tuple

import numpy
from numpy.typing import NDArray

from biome_interpret.attribution.nodes import Nodes

# E|x| of a standard normal x.
MEAN_ABSOLUTE_NORMAL = math.sqrt(2 / math.pi)


class PiecewiseConstant:
    """
    A model of functions that jump once between two neighbouring nodes, at a uniformly distributed
    position. The expected integral is the trapezoid's, and its error over an interval has a
    standard deviation of |jump| · length / √12. The stretch from 0 to the first node is taken for
    one more interval with the same jump as the next.

    # Parameters

    nodes : `Nodes`
        At least two, in any order; 1 is among them, 0 is not.
    values : `numpy.ndarray`
        Shape: (nodes, elements).
    """

    def __init__(self, nodes: Nodes, values: NDArray[numpy.float64]) -> None:
        self._nodes = nodes
        order = numpy.argsort(nodes)
        self._ends = numpy.array([0.0, *numpy.array(nodes)[order]])
        self._lengths = numpy.diff(self._ends)
        jumps = numpy.diff(values[order], axis=0)
        # One for each interval. Shape: (nodes, elements).
        self._jumps = numpy.concatenate([jumps[:1], jumps])
        sorted_weights = (self._lengths + numpy.append(self._lengths[1:], 0.0)) / 2
        sorted_weights[0] += self._lengths[0] / 2
        # In the given order. They add up to 1. Shape: (nodes,).
        self.weights = numpy.empty_like(sorted_weights)
        self.weights[order] = sorted_weights
        # The expected Σ |error| over all elements.
        self.error = self._error(numpy.ones(len(nodes)))

    def refined(self, size: int) -> Tuple[Nodes, float]:
        """
        All nodes with more added up to `size`, each where it reduces the expected error most, and
        the error that is expected with them.
        """
        variations = numpy.abs(self._jumps).sum(axis=1) * self._lengths
        parts: NDArray[Any] = numpy.ones(len(self._nodes), dtype=int)
        # An interval in p parts adds variation² / p² to the squared error. One more part reduces it
        # by about 2 variation² / p³.
        for _ in range(size - len(self._nodes)):
            parts[numpy.argmax(variations / parts**1.5)] += 1
        added = [
            start + length * i / count
            for start, length, count in zip(self._ends, self._lengths, parts)
            for i in range(1, count)
        ]
        return (*self._nodes, *map(float, added)), self._error(parts)

    def _error(self, parts: NDArray[Any]) -> float:
        """With intervals divided into so many equal parts, if the jumps stay. Shape: (nodes,)."""
        deviations = self._jumps * (self._lengths / parts)[:, None]
        variances = (deviations**2).sum(axis=0) / 12
        return MEAN_ABSOLUTE_NORMAL * float(numpy.sqrt(variances).sum())
