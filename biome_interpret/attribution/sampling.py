"""Random positions on the path from baseline to input, and how far their mean may be off."""

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence

import numpy
import torch

from biome_interpret.attribution.pace import Pace

# Gradients of trained classifiers change nearer to the baseline, zero, than to the text. Less
# uneven than where nodes are set, since the noise of draws that stand for more weighs more.
_PACE = Pace(0.0, 1.0)

# Draws that belong together: one alone, or one and its mirror image.
Unit = List[int]


class Stratum(NamedTuple):
    """
    # Parameters

    units : `List[Unit]`
        Independent ones of one size, drawn from one and the same interval.
    share : `float`
        For how much of all paths they stand: the length of the interval, where the strata are those
        of one sample. Over all strata the shares sum to one.
    """

    units: List[Unit]
    share: float

    @property
    def size(self) -> int:
        return sum(map(len, self.units))


Strata = List[Stratum]


class Draws(NamedTuple):
    """
    # Parameters

    positions : `List[float]`
        In [0, 1].
    noises : `List[int]`
        For each draw the number of its noise: a draw and its mirror image share one.
    signs : `List[int]`
        For each draw 1, or -1 where it is a mirror image and takes the negative of the noise.
    weights : `List[float]`
        For how much of the path each draw stands.
    strata : `Strata`
    """

    positions: List[float]
    noises: List[int]
    signs: List[int]
    weights: List[float]
    strata: Strata


def independent_strata(n: int) -> Strata:
    """All draws from the whole of [0, 1]."""
    return [Stratum([[i] for i in range(n)], 1.0)]


def antithetic_strata(n: int) -> Strata:
    """
    Two draws and the mirror images of both from each of about n/4 intervals, which are the shorter
    the more the integrand usually changes there. Over an interval the part of the integrand that is
    linear in position or noise cancels between a draw and its image. (Where n is odd, three of the
    draws are without an image; of less than four all are.)

    One pair from each of n/2 intervals would vary less, but its variance could not be estimated
    without bias from the draws themselves; two suffice (Cochran, Sampling Techniques, 1977, §5A).
    """
    if n < 4 or n == 5:
        return independent_strata(n)
    num_paired = n if n % 2 == 0 else n - 3
    pairs = [[i, i + 1] for i in range(0, num_paired, 2)]
    cuts = list(range(0, len(pairs) - 1, 2))
    parts = [pairs[start:stop] for start, stop in zip(cuts, [*cuts[1:], len(pairs)])]
    if num_paired < n:
        parts.append([[i] for i in range(num_paired, n)])
    ends = numpy.cumsum([sum(map(len, units)) for units in parts]) / n
    lengths = numpy.diff([0.0, *_PACE.positions(ends[:-1]), 1.0])
    return [Stratum(units, length) for units, length in zip(parts, lengths.tolist())]


STRATA: Dict[str, Callable[[int], Strata]] = {
    "stratified": antithetic_strata,
    "independent": independent_strata,
}


def draw(strata: Strata, generator: numpy.random.Generator) -> Draws:
    """
    For each stratum, positions in an interval as long as its share. The mirror image of a draw
    stands as far from the end of the interval as that from its beginning.
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
    The standard error of the mean of stratified samples: its square is an unbiased estimate of
    that mean's variance, Σ share² s²/m over the strata of m units, with s² the variance of the
    units' means (Cochran, Sampling Techniques, 1977, §5.3).

    # Parameters

    samples : `torch.Tensor`
        Shape: (n, ...), ordered as the strata index them.

    # Returns

    `Optional[torch.Tensor]`
        Shape: (...). `None` where a stratum has a single unit, which allows no estimate.
    """
    if any(len(stratum.units) < 2 for stratum in strata):
        return None
    variance = torch.zeros_like(samples[0])
    for stratum in strata:
        units = samples[torch.tensor(stratum.units)].mean(dim=1)
        variance += stratum.share**2 * units.var(dim=0, unbiased=True) / len(units)
    return variance.sqrt()


# An estimated variance varies itself, and to stop where it happens to be small would be to stop too
# early: standard errors are taken for so many of their own standard deviations more.
_CAUTION = 1.5


def cautious_error(samples: torch.Tensor, strata: Strata) -> float:
    """
    The standard errors of all elements, added up, with a margin for what few samples do not tell;
    infinite where they tell nothing.

    # Parameters

    samples : `torch.Tensor`
        Shape: (n, elements).
    """
    errors = standard_error(samples, strata)
    if errors is None:
        return float("inf")
    degrees_of_freedom = sum(len(stratum.units) - 1 for stratum in strata)
    return float(errors.sum()) * (1 + _CAUTION / (2 * degrees_of_freedom) ** 0.5)


def joined(rounds: Sequence[Strata]) -> Strata:
    """The strata of several samples, one after the other, as those of one."""
    sizes = [sum(stratum.size for stratum in one) for one in rounds]
    strata: Strata = []
    first = 0
    for one, size in zip(rounds, sizes):
        for units, share in one:
            moved = [[first + i for i in unit] for unit in units]
            strata.append(Stratum(moved, share * size / sum(sizes)))
        first += size
    return strata
