"""
Where on the path from 0, the baseline, to 1, the text, the integrand is looked at: a few nodes to
begin with, and then more, one after the other, so that no evaluation is lost.
"""

from functools import lru_cache
from typing import List, Tuple

import numpy

from biome_interpret.attribution.pace import Pace
from biome_interpret.attribution.quadrature import gauss_radau

Nodes = Tuple[float, ...]


@lru_cache(maxsize=64)
def first_nodes(pace: Pace, size: int) -> Nodes:
    """
    Radau's nodes, at a pace. The text itself is one of them, since it is run in any case. The
    baseline is none: there the gradient is like nowhere else, since zeros tie in every maximum and
    are divided by their own length in a normalisation.

    # Returns

    `Nodes`
        In ascending order.
    """
    nodes, _ = gauss_radau(size)
    return (*pace.positions(nodes[:-1]).tolist(), 1.0)


@lru_cache(maxsize=1024)
def grown_nodes(pace: Pace, first: Nodes, size: int) -> Nodes:
    """
    The first nodes, and behind them, one after the other, those that at a pace are farthest from
    all before: Leja's points (Narayan and Jakeman, Adaptive Leja sparse grid constructions, 2014).
    """
    candidates = _candidates(size)
    times = pace.times(numpy.array(first))
    with numpy.errstate(divide="ignore"):
        distances = sum(numpy.log(numpy.abs(candidates - time)) for time in times)
        added: List[float] = []
        while len(first) + len(added) < size:
            added.append(candidates[numpy.argmax(distances)])
            distances += numpy.log(numpy.abs(candidates - added[-1]))
    return (*first, *pace.positions(numpy.array(added)).tolist())


def _candidates(size: int) -> numpy.ndarray:
    """Many more than nodes, and close to each other at the ends, as the nodes will be."""
    count = 1024
    while count < 8 * size:
        count *= 2
    # Without the ends themselves: the one is a node already, the other is to be none.
    return (1 - numpy.cos(numpy.pi * numpy.arange(1, count) / count)) / 2
