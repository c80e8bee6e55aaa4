"""
Clenshaw-Curtis quadrature by doubling: each rule has all nodes of the one before, so that no
evaluation is lost, and both ends of the path, where f is wanted anyway.
"""

from functools import lru_cache
from typing import Iterator, List, Optional, Sequence

import numpy
import torch

from biome_interpret.attribution.paths import Path, PathMeasure, RefinedMeasure
from biome_interpret.attribution.quadrature import Rule

_SMALLEST, _FIRST = 3, 9

# An integrand counts as smooth where its changes shrink by a factor that is small, and itself
# shrinks like this power. Set, as those below are, on trained LSTM, CNN, pair and transformer
# classifiers.
SMOOTH_POWER = 1.3
SMOOTH_RATIO = 0.15
CAUTION = 0.75

# Else changes are taken to go on shrinking by no smaller a factor than this one, and than so much
# of the one before.
SLOWEST_SURE = 0.5
REMEMBERED = 0.7


@lru_cache(maxsize=16)
def nested_rule(size: int) -> Rule:
    """
    The Clenshaw-Curtis rule on [0, 1] with a size of 2^k + 1 nodes (Waldvogel, Fast construction of
    the Fejer and Clenshaw-Curtis quadrature rules, 2006): exact for polynomials of degree size - 1.
    """
    n = size - 1
    angles = numpy.pi * numpy.arange(size) / n
    frequencies = numpy.arange(1, n // 2 + 1)
    halved = numpy.where(2 * frequencies == n, 1.0, 2.0) / (4.0 * frequencies**2 - 1)
    weights = (1 - numpy.cos(2 * numpy.outer(angles, frequencies)) @ halved) / n
    weights[[0, -1]] /= 2
    return (1 - numpy.cos(angles)) / 2, weights


def level_sizes(max_size: int) -> List[int]:
    """9, 17, 33, ... up to the given size; where that is less than 9, the one rule that fits it."""
    sizes = [2**k + 1 for k in range(1, 31) if 2**k + 1 <= max(max_size, _SMALLEST)]
    return [size for size in sizes if size >= _FIRST] or sizes[-1:]


def nested_measure(
    backgrounds: Sequence[Optional[int]], tolerance: float, max_evaluations: int
) -> RefinedMeasure:
    """
    Straight paths without noise, looked at more and more closely.

    # Parameters

    backgrounds : `Sequence[Optional[int]]`
        The baseline of each path.
    tolerance, max_evaluations
        As in `RefinedMeasure`.
    """

    def levels() -> Iterator[PathMeasure]:
        for size in level_sizes(max_evaluations // len(backgrounds)):
            nodes, weights = nested_rule(size)
            share = (weights / len(backgrounds)).tolist()
            yield PathMeasure([Path(nodes.tolist(), share, b) for b in backgrounds])

    return RefinedMeasure(levels, estimated_error, tolerance, max_evaluations)


def estimated_error(terms: torch.Tensor, level: PathMeasure) -> float:
    """
    How far the finest rule is off, summed over all elements, judged by the coarser ones inside it.

    Let d be the last change and q the factor by which changes shrank at the last doubling. On a
    smooth integrand that factor itself shrinks from one doubling to the next, so that d · q would
    be ample; since chance may make one change small, d · q^`CAUTION` is taken, and only where q is
    small. On an integrand with kinks q stays what it is, up to chance, and the changes to come add
    up to d · q / (1 - q); there q is taken for no less than `SLOWEST_SURE`, and than `REMEMBERED`
    of what it was before.

    # Parameters

    terms : `torch.Tensor`
        The integrand at the nodes of the finest rule. Shape: (nodes of all paths, elements).

    # Returns

    `float`
        An estimate of Σ |error|, not a bound.
    """
    size = len(level.paths[0].nodes)
    mean = terms.reshape(len(level.paths), size, -1).mean(dim=0)
    integrals = _rules_inside(size) @ mean
    changes = (integrals[1:] - integrals[:-1]).abs().sum(dim=1).tolist()[-3:]
    ratios = [_ratio(b, a) for a, b in zip(changes, changes[1:])]
    if not ratios:
        return changes[-1] if changes else float("inf")
    ratio, before = ratios[-1], ratios[0] if len(ratios) == 2 else 0.0
    if ratio < SMOOTH_RATIO and ratio <= before**SMOOTH_POWER:
        return changes[-1] * ratio**CAUTION
    shrinkage = min(max(ratio, REMEMBERED * before, SLOWEST_SURE), 0.9)
    return changes[-1] * shrinkage / (1 - shrinkage)


@lru_cache(maxsize=16)
def _rules_inside(size: int) -> torch.Tensor:
    """The weights of each rule inside the finest, coarsest first. Shape: (rules, size)."""
    strides = [2**k for k in reversed(range((size - 1).bit_length())) if (size - 1) // 2**k >= 2]
    weights = torch.zeros(len(strides), size, dtype=torch.float64)
    for row, stride in zip(weights, strides):
        row[::stride] = torch.from_numpy(nested_rule((size - 1) // stride + 1)[1])
    return weights


def _ratio(change: float, before: float) -> float:
    return min(1.0, change / before) if before > 0 else 0.0
