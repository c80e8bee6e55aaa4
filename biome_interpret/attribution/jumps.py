"""
Integrals of functions that jump here and there, as gradients of networks with maxima and kinks do,
from their values at some nodes; by how much they may be off, and where more nodes would help.
"""

import heapq
from typing import List, NamedTuple

import numpy

from biome_interpret.attribution.nodes import Nodes

# Of a normal variable: its mean absolute value, in units of the standard deviation.
_MEAN_SIZE = float(numpy.sqrt(2 / numpy.pi))


class Jumps(NamedTuple):
    """
    Between two nodes each function jumps once, anywhere alike: then the trapezoid is the expected
    integral, and its error has a standard deviation of |jump| · length / √12. In front of the first
    node is a stretch of the same kind, of which the values at its beginning are not known: as far
    from those at the first node, say, as the ones at the second are.

    # Parameters

    places : `numpy.ndarray`
        The indices of the nodes, in ascending order. Shape: (nodes,).
    positions : `numpy.ndarray`
        0 and the nodes, in ascending order. Shape: (nodes + 1,).
    jumps : `numpy.ndarray`
        Between two positions. Shape: (nodes, elements).
    """

    places: numpy.ndarray
    positions: numpy.ndarray
    jumps: numpy.ndarray

    @classmethod
    def between(cls, nodes: Nodes, values: numpy.ndarray) -> "Jumps":
        """
        # Parameters

        nodes : `Nodes`
            At least two, in any order; 1 is among them, 0 is not.
        values : `numpy.ndarray`
            At the nodes. Shape: (nodes, elements).
        """
        places = numpy.argsort(nodes)
        positions = numpy.array([0.0, *numpy.array(nodes)[places]])
        jumps = numpy.diff(values[places], axis=0)
        return cls(places, positions, numpy.concatenate([jumps[:1], jumps]))

    @property
    def weights(self) -> numpy.ndarray:
        """In the order in which the nodes were given; they add up to 1. Shape: (nodes,)."""
        lengths = numpy.diff(self.positions)
        in_order = (lengths + numpy.append(lengths[1:], 0.0)) / 2
        in_order[0] += lengths[0] / 2
        weights = numpy.empty_like(in_order)
        weights[self.places] = in_order
        return weights

    def error(self, parts: numpy.ndarray) -> float:
        """
        The expected Σ |error| over all elements, were each stretch divided into so many equal parts
        and did the jump stay what it is. Shape: (nodes,).
        """
        deviations = self.jumps * (numpy.diff(self.positions) / parts)[:, None]
        return _MEAN_SIZE * float(numpy.sqrt((deviations**2).sum(axis=0) / 12).sum())

    def divided(self, number: int) -> numpy.ndarray:
        """
        Into how many parts each stretch is best divided by so many more nodes. Shape: (nodes,).
        """
        sizes = (numpy.abs(self.jumps).sum(axis=1) * numpy.diff(self.positions)).tolist()
        parts = [1] * len(sizes)
        # Errors of stretches add up as squares: the next node goes where it lessens them most.
        waiting = [(-size, stretch) for stretch, size in enumerate(sizes)]
        heapq.heapify(waiting)
        for _ in range(number):
            _, stretch = heapq.heappop(waiting)
            parts[stretch] += 1
            heapq.heappush(waiting, (-sizes[stretch] / parts[stretch] ** 1.5, stretch))
        return numpy.array(parts)

    def nodes_between(self, parts: numpy.ndarray) -> List[float]:
        """Those that divide the stretches so."""
        found: List[float] = []
        for start, end, number in zip(self.positions, self.positions[1:], parts):
            found += (start + (end - start) * numpy.arange(1, number) / number).tolist()
        return found
