"""Random positions on the path from baseline to input, and how far their mean may be off."""

from typing import Callable, Dict, List, Optional

import numpy
import torch

Strata = List[List[int]]


def independent_strata(n: int) -> Strata:
    """All draws from the whole of [0, 1]."""
    return [list(range(n))]


def paired_strata(n: int) -> Strata:
    """
    Two draws from each of ⌊n/2⌋ intervals (three from the last, where n is odd).

    One draw from each of n intervals would vary a little less, but its variance could not be
    estimated without bias from the draws themselves; two suffice (Cochran, Sampling Techniques,
    1977, §5A).
    """
    cuts = list(range(0, n - 1, 2)) or [0]
    return [list(range(start, stop)) for start, stop in zip(cuts, cuts[1:] + [n])]


STRATA: Dict[str, Callable[[int], Strata]] = {
    "stratified": paired_strata,
    "independent": independent_strata,
}


def stratified_uniform(strata: Strata, generator: numpy.random.Generator) -> numpy.ndarray:
    """
    For each stratum of m out of n draws, m independent uniform draws from an interval of length
    m/n. Shape: (n,).
    """
    n = sum(len(stratum) for stratum in strata)
    draws = generator.random(n)
    for stratum in strata:
        draws[stratum] = (stratum[0] + len(stratum) * draws[stratum]) / n
    return draws


def standard_error(samples: torch.Tensor, strata: Strata) -> Optional[torch.Tensor]:
    """
    The standard error of the mean of stratified samples: its square is an unbiased estimate of
    that mean's variance, Σ (m/n)² s²/m over the strata.

    # Parameters

    samples : `torch.Tensor`
        Shape: (n, ...), ordered as the strata index them.

    # Returns

    `Optional[torch.Tensor]`
        Shape: (...). `None` where a stratum has a single draw, which allows no estimate.
    """
    if any(len(stratum) < 2 for stratum in strata):
        return None
    variance = sum(len(s) * samples[s].var(dim=0, unbiased=True) for s in strata)
    return torch.sqrt(torch.as_tensor(variance)) / len(samples)
