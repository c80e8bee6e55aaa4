"""Medians of paired ratios, and how sure they are."""

from typing import Callable, NamedTuple, Sequence

import numpy


class Estimate(NamedTuple):
    """A number with the interval that holds it with a confidence of 95 %."""

    value: float
    low: float
    high: float


def bootstrap(
    values: Sequence[float],
    statistic: Callable[..., numpy.ndarray] = numpy.median,
    draws: int = 2000,
    seed: int = 0,
) -> Estimate:
    """
    A statistic of the texts' values, and its percentile bootstrap interval over the texts
    (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, §13.3).

    # Parameters

    values : `Sequence[float]`
    statistic : `Callable[..., numpy.ndarray]`
        Of an array and an `axis`.
    """
    array = numpy.asarray(values, dtype=float)
    picks = numpy.random.default_rng(seed).integers(len(array), size=(draws, len(array)))
    low, high = numpy.percentile(statistic(array[picks], axis=1), [2.5, 97.5])
    return Estimate(float(statistic(array, axis=0)), float(low), float(high))


def median_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Estimate:
    """The median over the texts of each text's own ratio."""
    return bootstrap(numpy.divide(numerators, denominators))


def mean(values: Sequence[float]) -> Estimate:
    return bootstrap(values, numpy.mean)
