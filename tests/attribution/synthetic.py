"""Integrands with known integrals."""

from typing import Callable, Dict, Iterator

import numpy
import torch

from biome_interpret.attribution.nodes import Nodes
from biome_interpret.attribution.warping import PathWarp

# Shape: (positions,) -> (positions, elements)
Integrand = Callable[[numpy.ndarray], numpy.ndarray]

_SHIFTS = numpy.linspace(-0.5, 0.5, 40)

# Forty elements, each with its feature at another position.
INTEGRANDS: Dict[str, Integrand] = {
    "smooth": lambda x: numpy.exp(2 * x[:, None] + _SHIFTS),
    "peaked": lambda x: 1 / ((x[:, None] - 0.25 - _SHIFTS / 10) ** 2 + 0.01),
    "kinked": lambda x: numpy.abs(x[:, None] - 0.3 - _SHIFTS / 3),
    "jumping": lambda x: (x[:, None] > 0.37 + _SHIFTS / 3).astype(float),
}


def evaluated(integrand: Integrand, nodes: Nodes) -> torch.Tensor:
    """Shape: (nodes, elements)."""
    return torch.from_numpy(integrand(numpy.array(nodes)))


def integral(integrand: Integrand) -> torch.Tensor:
    """Shape: (elements,)."""
    positions = (numpy.arange(2**12) + 0.5) / 2**12
    return torch.from_numpy(integrand(positions).mean(axis=0))


def kinks(seed: int) -> Integrand:
    """Sums of three kinks at random positions."""
    generator = numpy.random.default_rng(seed)
    places, slopes = generator.uniform(size=(3, 20)), generator.normal(size=(3, 20))
    start = generator.normal(size=20)
    return lambda x: start + (2 * slopes * (x[:, None, None] - places).clip(0)).sum(axis=1)


def jumps(seed: int, count: int = 3) -> Integrand:
    """Sums of jumps at random positions."""
    generator = numpy.random.default_rng(seed)
    places, heights = generator.uniform(size=(count, 20)), generator.normal(size=(count, 20))
    start = 2 * generator.normal(size=20)
    return lambda x: start + (heights * (x[:, None, None] > places)).sum(axis=1)


def chebyshev_series(decay: float, warp: PathWarp, count: int = 100) -> Integrand:
    """Draws from the smooth process of a hypothesis."""
    degrees = numpy.arange(60)
    coefficients = numpy.random.default_rng(1).normal(size=(60, count))
    coefficients *= decay ** (degrees[:, None] / 2)

    def integrand(positions: numpy.ndarray) -> numpy.ndarray:
        angles = numpy.arccos(numpy.clip(2 * warp.warp(positions) - 1, -1, 1))
        return numpy.cos(numpy.outer(angles, degrees)) @ coefficients

    return integrand


def texts(family: Callable[[int], Integrand], number: int = 20) -> Iterator[Integrand]:
    return map(family, range(number))
