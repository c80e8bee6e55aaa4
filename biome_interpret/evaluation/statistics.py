"""How sure the means over texts are, and the differences between methods."""

from itertools import combinations
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy
from numpy.typing import NDArray
from scipy.stats import bootstrap, permutation_test, rankdata

# One number for each text, `None` where a metric is not defined.
Values = Sequence[Optional[float]]

_NUM_BOOTSTRAPS = 4999
_NUM_PERMUTATIONS = 2999
# Rows of resampled texts are made in batches of about so many numbers.
_BATCH = 500_000

# Figures that differ by less than this, or by this share of their size, do so by rounding.
_ROUNDING = 1e-12


class Interval(NamedTuple):
    """
    # Parameters

    mean : `float`
        Over the texts.
    low : `float`, optional
        The lower end of the confidence interval. `None` for a single text.
    high : `float`, optional
        The upper end.
    num_texts : `int`
        The number of texts that have a value.
    """

    mean: float
    low: Optional[float]
    high: Optional[float]
    num_texts: int


class Comparison(NamedTuple):
    """
    Two methods on the same texts.

    # Parameters

    first : `str`
        A method.
    second : `str`
        Another one.
    difference : `Interval`, optional
        Of the first one's number less the second one's. `None` if no text has both.
    p_value : `float`
        The chance of a mean difference at least as far from 0 if neither method is better.
    adjusted : `float`
        The same for all pairs at once, by Holm's correction.
    """

    first: str
    second: str
    difference: Optional[Interval]
    p_value: float
    adjusted: float


def interval(values: Values, confidence: float = 0.95, seed: int = 0) -> Optional[Interval]:
    """
    The mean over texts, with a bootstrap confidence interval. Texts are drawn with replacement.

    The interval is bias-corrected and accelerated (BCa; Efron, JASA 1987), as it covers the mean of
    skewed figures a little more often than one of plain percentiles. With fewer than ten texts it
    covers too seldom, as every bootstrap does.

    The draws depend on the number of texts and the seed only. So the intervals of several methods
    come from the same drawn texts. For the difference of two methods give the differences.

    # Parameters

    values : `Sequence[Optional[float]]`
        One for each text. `None` is left out.
    confidence : `float`, optional (default = `0.95`)
        The wanted coverage.
    seed : `int`, optional (default = `0`)
        Of the draws.

    # Returns

    `Optional[Interval]`
        `None` without values. If all are the same, both ends are that number.
    """
    found = numpy.array([value for value in values if value is not None], dtype=float)
    if not len(found):
        return None
    mean = float(found.mean())
    if len(found) == 1:
        return Interval(mean, None, None, 1)
    if _all_same(found):
        return Interval(mean, mean, mean, len(found))
    resampled = bootstrap(
        (found,),
        numpy.mean,
        n_resamples=_NUM_BOOTSTRAPS,
        batch=max(1, _BATCH // len(found)),
        vectorized=True,
        confidence_level=confidence,
        method="BCa",
        random_state=numpy.random.default_rng(seed),
    )
    low, high = resampled.confidence_interval
    return Interval(mean, float(low), float(high), len(found))


def compare(rows: Dict[str, Values], seed: int = 0) -> List[Comparison]:
    """
    Each pair of methods, on the texts for which both have a value.

    The test is a paired permutation test of the mean difference (Fisher, 1935): under the null
    hypothesis both numbers of a text may be swapped. It tests the mean, which is what is reported,
    and it assumes no distribution; Wilcoxon's test is about ranks, and drops texts without a
    difference. Up to 11 texts it is exact. Otherwise 2,999 random swaps are made. Both signs of the
    mean count, so no p-value is below 1/1500.

    # Parameters

    rows : `Dict[str, Sequence[Optional[float]]]`
        For each method one number for each text, in the same order.
    seed : `int`, optional (default = `0`)
        Of the swaps, and of the intervals.
    """
    pairs = list(combinations(rows, 2))
    differences = [differences_of(rows[first], rows[second]) for first, second in pairs]
    p_values = [p_value(difference, seed) for difference in differences]
    return [
        Comparison(first, second, interval(difference, seed=seed), found, adjusted)
        for (first, second), difference, found, adjusted in zip(
            pairs, differences, p_values, holm(p_values)
        )
    ]


def differences_of(first: Values, second: Values) -> List[float]:
    """On the texts for which both have a value."""
    return [a - b for a, b in zip(first, second) if a is not None and b is not None]


def holm(p_values: Sequence[float]) -> List[float]:
    """
    Adjusted p-values: below α, the chance that any true null hypothesis is rejected is at most α.

    Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979. The smallest of m values is
    multiplied by m, the next one by m − 1, and so on. None is smaller than the one before, none
    larger than 1.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = largest
    return adjusted


def kendalls_w(table: Sequence[Sequence[float]]) -> Optional[float]:
    """
    Kendall's coefficient of concordance: 1 if all rank the methods alike, 0 if the ranks have
    nothing in common. With the correction for ties.

    Kendall and Gibbons, Rank Correlation Methods, 1990, chapter 6:
    W = 12 S / (m² (n³ − n) − m Σ (t³ − t)), for m rankings of n methods, with S the sum of squares
    of the rank sums about their mean, and t the sizes of groups of ties. Numbers that differ by
    rounding are tied.

    # Parameters

    table : `Sequence[Sequence[float]]`
        The numbers of the methods, for instance for each removal operator.
        Shape: (rankings, methods).

    # Returns

    `Optional[float]`
        `None` with a single ranking, with fewer than two methods, or if every ranking ties all.
    """
    ranks = numpy.array([rankdata(_rounded(row)) for row in table])
    if len(ranks) < 2 or ranks.shape[1] < 2:
        return None
    m, n = ranks.shape
    sums = ranks.sum(axis=0)
    groups = [numpy.unique(row, return_counts=True)[1] for row in ranks]
    ties = sum(int((sizes**3 - sizes).sum()) for sizes in groups)
    denominator = m**2 * (n**3 - n) - m * ties
    if denominator == 0:
        return None
    return float(12 * ((sums - sums.mean()) ** 2).sum() / denominator)


def _rounded(values: Sequence[float]) -> NDArray[Any]:
    """Equal numbers where they differ by rounding."""
    found = numpy.array(values, dtype=float)
    order = numpy.argsort(found)
    apart = numpy.diff(found[order]) > _ROUNDING * numpy.abs(found).max(initial=0.0)
    groups = numpy.concatenate([[0], numpy.cumsum(apart)])
    in_place: NDArray[Any] = groups[numpy.argsort(order)]
    return in_place


def p_value(differences: Sequence[float], seed: int = 0) -> float:
    """Of the test that `compare` describes, for the differences of two methods."""
    found = numpy.array(differences, dtype=float)
    # Swaps change nothing where nothing differs but by rounding.
    if len(found) < 2 or numpy.abs(found).max() <= _ROUNDING:
        return 1.0
    test = permutation_test(
        (found,),
        numpy.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=_NUM_PERMUTATIONS,
        batch=max(1, _BATCH // len(found)),
        random_state=numpy.random.default_rng(seed),
    )
    return float(test.pvalue)


def _all_same(values: NDArray[Any]) -> bool:
    spread = float(values.max() - values.min())
    return spread <= _ROUNDING * float(numpy.abs(values).max())
