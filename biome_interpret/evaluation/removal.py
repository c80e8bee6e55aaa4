"""Metrics of the words removed, or kept, in the order of their scores."""

from typing import List, Sequence

import numpy
from scipy.integrate import trapezoid

from biome_interpret.attribution.coalitions import Inquiry
from biome_interpret.evaluation.inquiries import (
    NO_PROBABILITY,
    NO_WORD,
    Cut,
    Figure,
    Scores,
    Settings,
    first_kept,
    first_removed,
    probabilities_at,
)

# In percent of the words.
_ERASER = (1, 5, 10, 20, 50)
_DECILES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
_LOG_ODDS = 20

# A probability below it counts as this, so that its logarithm is finite.
_SMALLEST_PROBABILITY = 1e-12


def eraser_sizes(num_words: int) -> List[int]:
    """
    The numbers of words of ERASER's bins, rounded up as in the code of its baselines (`math.ceil`).
    So no bin of a text with words is empty, and several bins of a short text are the same.
    """
    return [-(-percent * num_words // 100) for percent in _ERASER if num_words]


def decile_sizes(num_words: int) -> List[int]:
    """
    The numbers of words of ferret's bins, rounded down as in its code (`int`). Bins that hold no
    word, or the words of the bin before, are left out, as in ferret.
    """
    sizes = [percent * num_words // 100 for percent in _DECILES]
    return sorted({*sizes} - {0})


def comprehensiveness(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    The mean over bins of p(text) − p(text without the most supportive words). A larger one is
    better.

    DeYoung et al., ERASER, ACL 2020, §4.2, with bins of 1, 5, 10, 20 and 50 % of the words. Their
    formula divides by one more than the number of bins, since it counts the bin without words;
    their code divides by the number of bins, as is done here.

    # Returns

    `Inquiry[Figure]`
        In units of probability, from -1 to 1.
    """
    return (
        yield from _mean_drop(
            scores, eraser_sizes(len(scores)), len(_ERASER), settings, first_removed
        )
    )


def sufficiency(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    The mean over bins of p(text) − p(only the most supportive words). A smaller one is better.

    DeYoung et al., ERASER, ACL 2020, §4.2. See `comprehensiveness`.

    # Returns

    `Inquiry[Figure]`
        In units of probability, from -1 to 1.
    """
    return (
        yield from _mean_drop(scores, eraser_sizes(len(scores)), len(_ERASER), settings, first_kept)
    )


def comprehensiveness_deciles(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    As `comprehensiveness`, with ferret's bins of 10, 20, ..., 100 % of the words (Attanasio et al.,
    ferret, EACL 2023 demo).

    By default ferret takes only words with a positive score into a bin. Here a bin takes words by
    signed score whatever their sign, so that all methods are measured at the same numbers of words:
    a method with few positive scores would be measured at small bins only.
    """
    return (
        yield from _mean_drop(
            scores, decile_sizes(len(scores)), len(_DECILES), settings, first_removed
        )
    )


def sufficiency_deciles(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """As `sufficiency`, with ferret's bins. See `comprehensiveness_deciles`."""
    return (
        yield from _mean_drop(
            scores, decile_sizes(len(scores)), len(_DECILES), settings, first_kept
        )
    )


def log_odds(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    log p(text without the most supportive 20 % of its words) − log p(text). A smaller one is
    better.

    Sanyal and Ren, Discretized Integrated Gradients, EMNLP 2021. In spite of its name it
    compares probabilities, not odds. The number of words is rounded up. Probabilities below 1e-12
    count as 1e-12.
    """
    sizes = [-(-_LOG_ODDS * len(scores) // 100)] if len(scores) else []
    if not sizes:
        return Figure(None, note=NO_WORD)
    found = yield from probabilities_at(scores, sizes, settings, first_removed)
    if found is None:
        return Figure(None, note=NO_PROBABILITY)
    full, reduced = found
    logarithms = numpy.log(numpy.maximum([full, *reduced.flat], _SMALLEST_PROBABILITY))
    return Figure(float(logarithms[1:].mean() - logarithms[0]))


def deletion(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    The area under p(text without its most supportive words), over the share of words removed. A
    smaller one is better.

    Petsiuk et al., RISE, BMVC 2018. The share runs from 0 to 1 and p is not rescaled, so the
    area is a mean probability, from 0 to 1. The words are removed in `settings.steps` steps of
    (almost) the same size, or one by one if there are fewer. The trapezoidal rule is used.
    """
    return (yield from _area(scores, settings, first_removed))


def insertion(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    The area under p(only the most supportive words), over the share of words kept. It starts with
    all words removed. A larger one is better. See `deletion`.
    """
    return (yield from _area(scores, settings, first_kept))


def aopc(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    The mean over k = 1, ..., n of p(text) − p(text without the k most supportive words), for n
    words: the area over the perturbation curve. Edin et al., arXiv 2408.08137.
    """
    sizes = range(1, len(scores) + 1)
    return (yield from _mean_drop(scores, sizes, len(sizes), settings, first_removed))


def _mean_drop(
    scores: Scores, sizes: Sequence[int], num_bins: int, settings: Settings, cut: Cut
) -> "Inquiry[Figure]":
    left_out = num_bins - len(sizes)
    if not sizes:
        return Figure(None, left_out, NO_WORD)
    found = yield from probabilities_at(scores, sizes, settings, cut)
    if found is None:
        return Figure(None, left_out, NO_PROBABILITY)
    full, reduced = found
    return Figure(full - float(reduced.mean()), left_out)


def _area(scores: Scores, settings: Settings, cut: Cut) -> "Inquiry[Figure]":
    num_words, steps = len(scores), settings.steps
    if not num_words:
        return Figure(None, note=NO_WORD)
    # Rounded to the nearest number of words.
    sizes = sorted({(2 * step * num_words + steps) // (2 * steps) for step in range(steps + 1)})
    found = yield from probabilities_at(scores, sizes, settings, cut)
    if found is None:
        return Figure(None, note=NO_PROBABILITY)
    shares, heights = numpy.array(sizes) / num_words, found[1].mean(axis=0)
    curve = numpy.interp(numpy.linspace(0, 1, steps + 1), shares, heights)
    return Figure(float(trapezoid(heights, shares)), curve=curve.tolist())
