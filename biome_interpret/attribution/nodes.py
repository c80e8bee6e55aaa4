"""Where a path is evaluated: Radau's nodes first, then Leja points, so that all are reused."""

from functools import lru_cache
from typing import List, Tuple

import numpy
from numpy.typing import NDArray

from biome_interpret.attribution.quadrature import gauss_radau
from biome_interpret.attribution.warping import PathWarp

Nodes = Tuple[float, ...]


@lru_cache(maxsize=64)
def initial_nodes(warp: PathWarp, size: int) -> Nodes:
    """
    Radau's nodes in the warped coordinate, in ascending order. The text, at 1, is one of them: it
    is evaluated in any case. The baseline is not: zeros tie in every maximum and are divided by
    their own length in a normalisation, so the gradient there differs from that anywhere near.
    """
    nodes, _ = gauss_radau(size)
    return (*warp.unwarp(nodes[:-1]).tolist(), 1.0)


@lru_cache(maxsize=1024)
def leja_nodes(warp: PathWarp, nodes: Nodes, size: int) -> Nodes:
    """
    The given nodes, followed by Leja points up to `size`: each maximises the product of its
    distances to all nodes before it, in the warped coordinate (Narayan and Jakeman, Adaptive Leja
    sparse grid constructions, 2014).
    """
    candidates = _candidates(size)
    with numpy.errstate(divide="ignore"):
        log_products = sum(
            numpy.log(numpy.abs(candidates - node)) for node in warp.warp(numpy.array(nodes))
        )
        added: List[float] = []
        while len(nodes) + len(added) < size:
            added.append(candidates[numpy.argmax(log_products)])
            log_products += numpy.log(numpy.abs(candidates - added[-1]))
    return (*nodes, *warp.unwarp(numpy.array(added)).tolist())


def _candidates(size: int) -> NDArray[numpy.float64]:
    """Chebyshev points between 0 and 1, at least 8 for each node; without both ends."""
    count = 1024
    while count < 8 * size:
        count *= 2
    cosines: NDArray[numpy.float64] = numpy.cos(numpy.pi * numpy.arange(1, count) / count)
    return (1 - cosines) / 2
