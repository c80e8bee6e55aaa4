"""Stratified random positions on a path, and the standard error of means over them."""

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

import numpy
import torch

from biome_interpret.attribution.warping import PathWarp

# Intervals are equal in its coordinate, since gradients of trained classifiers change nearer to the
# baseline than to the text. It is more even than the warps of quadrature nodes: the noise of draws
# with larger weights counts more.
_WARP = PathWarp(0.0, 1.0)

# A sum of standard errors is enlarged by so many of its own standard deviations, since stopping
# where an estimate happens to be small would be stopping too early.
_MARGIN = 1.5

# The indices of dependent draws: a single one, or one and its mirror image.
Unit = List[int]


class Stratum(NamedTuple):
    # Independent ones of equal size, from the same interval.
    units: List[Unit]
    # The length of the interval; if several samples are joined, times the sample's share of all
    # draws. The shares of all strata sum to one.
    share: float

    @property
    def size(self) -> int:
        return sum(map(len, self.units))


Strata = List[Stratum]


class Draws(NamedTuple):
    """Draws from [0, 1]. All lists have one entry for each."""

    positions: List[float]
    # The number of its noise. A draw and its mirror image share one.
    noises: List[int]
    # The sign of its noise: 1, or -1 for a mirror image.
    signs: List[int]
    weights: List[float]
    strata: Strata


def independent_strata(n: int) -> Strata:
    """All draws from the whole of [0, 1]."""
    return [Stratum([[i] for i in range(n)], 1.0)]


def antithetic_strata(n: int) -> Strata:
    """
    Two draws and their mirror images from each of about n/4 intervals. Over an interval the part of
    the integrand that is linear in position or noise cancels between a draw and its image. For odd
    n, three draws have no image; for n below 4 none has.

    One pair from each of n/2 intervals would vary less, but its variance could not be estimated
    without bias from the draws. Two pairs suffice (Cochran, Sampling Techniques, 1977, §5A).
    """
    if n < 4 or n == 5:
        return independent_strata(n)
    num_paired = n if n % 2 == 0 else n - 3
    pairs = [[i, i + 1] for i in range(0, num_paired, 2)]
    # The last interval has three pairs if their number is odd.
    cuts = list(range(0, len(pairs) - 1, 2))
    parts = [pairs[start:stop] for start, stop in zip(cuts, [*cuts[1:], len(pairs)])]
    if num_paired < n:
        parts.append([[i] for i in range(num_paired, n)])
    ends = numpy.cumsum([sum(map(len, units)) for units in parts]) / n
    lengths = numpy.diff([0.0, *_WARP.unwarp(ends[:-1]), 1.0])
    return [Stratum(units, length) for units, length in zip(parts, lengths.tolist())]


def mirrored_strata(n: int) -> Strata:
    """
    All draws from the whole of [0, 1], each followed by its mirror image. Single ones if n is odd,
    or below 4: the error of a mean is that of several independent draws.
    """
    is_paired = n % 2 == 0 and n >= 4
    return (
        [Stratum([[i, i + 1] for i in range(0, n, 2)], 1.0)] if is_paired else independent_strata(n)
    )


STRATA: Dict[str, Callable[[int], Strata]] = {
    "stratified": antithetic_strata,
    "independent": independent_strata,
}


def draw(strata: Strata, generator: numpy.random.Generator) -> Draws:
    """
    Draws each stratum from an interval as long as its share. A mirror image is as far from the end
    of the interval as its draw is from the start.
    """
    n = sum(stratum.size for stratum in strata)
    positions, noises, signs, weights = [0.0] * n, [0] * n, [1] * n, [0.0] * n
    start = 0.0
    for stratum in strata:
        for unit in stratum.units:
            drawn = generator.random()
            for i, place, sign in zip(unit, (drawn, 1 - drawn), (1, -1)):
                positions[i] = min(1.0, start + stratum.share * place)
                noises[i], signs[i] = unit[0], sign
                weights[i] = stratum.share / stratum.size
        start += stratum.share
    return Draws(positions, noises, signs, weights, strata)


def standard_error(samples: torch.Tensor, strata: Strata) -> Optional[torch.Tensor]:
    """
    The standard error of the mean of stratified samples. Its square is an unbiased estimate of that
    mean's variance, Σ share² s²/m over the strata of m units, with s² the variance of the units'
    means (Cochran, Sampling Techniques, 1977, §5.3). `None` if a stratum has a single unit.

    # Parameters

    samples : `torch.Tensor`
        Shape: (n, ...), in the order of the strata's indices.

    # Returns

    `Optional[torch.Tensor]`
        Shape: (...).
    """
    if any(len(stratum.units) < 2 for stratum in strata):
        return None
    variance = torch.zeros_like(samples[0])
    for stratum in strata:
        units = samples[torch.tensor(stratum.units)].mean(dim=1)
        variance += stratum.share**2 * units.var(dim=0, unbiased=True) / len(units)
    return variance.sqrt()


def cautious_error(samples: torch.Tensor, strata: Strata) -> float:
    """
    The sum of the standard errors of all elements, enlarged if there are few samples; infinite if
    they allow no estimate.

    # Parameters

    samples : `torch.Tensor`
        Shape: (n, elements).
    """
    errors = standard_error(samples, strata)
    if errors is None:
        return float("inf")
    degrees_of_freedom = sum(len(stratum.units) - 1 for stratum in strata)
    enlargement: float = _MARGIN / (2 * degrees_of_freedom) ** 0.5
    return float(errors.sum()) * (1 + enlargement)


def joined(rounds: Sequence[Strata]) -> Strata:
    """The strata of several samples, one after the other, as those of one."""
    sizes = [sum(stratum.size for stratum in strata) for strata in rounds]
    found: Strata = []
    first = 0
    for strata, size in zip(rounds, sizes):
        for units, share in strata:
            moved = [[first + i for i in unit] for unit in units]
            found.append(Stratum(moved, share * size / sum(sizes)))
        first += size
    return found
