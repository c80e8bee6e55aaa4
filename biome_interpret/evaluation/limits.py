"""The best and the worst order of a text's words, and the AOPC between them."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

import numpy
from numpy.typing import NDArray

from biome_interpret.attribution.coalitions import Inquiry, Removed
from biome_interpret.evaluation.inquiries import (
    NOTHING,
    Figure,
    Limits,
    Scores,
    Settings,
    probabilities,
)
from biome_interpret.evaluation.removal import aopc

# Up to so many words all 2^n subsets are asked for.
MAX_EXACT = 12
BEAM_WIDTH = 5

# Limits that are nearer to each other differ by rounding only: probabilities are of single
# precision.
_ROUNDING = 1e-6


def find_limits(
    num_words: int, max_exact: int = MAX_EXACT, beam_width: int = BEAM_WIDTH
) -> "Inquiry[Optional[Limits]]":
    """
    The largest and the smallest AOPC that an order of the words can have.

    Edin et al., Normalized AOPC, arXiv 2408.08137. They try all n! orders of a short text. Here
    the same limits are found by dynamic programming over its 2^n subsets: the best order of a
    subset is the best order of the subset without one of its words, followed by that word. For a
    longer text a beam search finds limits that may lie inside the true ones. Unlike theirs, its
    beams have different sets of words: of two orders of one set only the better one can be part of
    a result.

    # Parameters

    num_words : `int`
        Of the text.
    max_exact : `int`, optional (default = `12`)
        Up to so many words the limits are exact, from 2^n subsets asked for at once.
    beam_width : `int`, optional (default = `5`)
        Beams for each of the two limits. They ask for at most `beam_width` · n · (n + 1) subsets,
        level by level.

    # Returns

    `Inquiry[Optional[Limits]]`
        `None` if there are no words, or no probabilities.
    """
    if num_words == 0:
        return None
    if num_words <= max_exact:
        return (yield from _exact(num_words))
    return (yield from _beam_search(num_words, beam_width))


def scores_of_order(order: List[int]) -> List[float]:
    """Scores that put the words in this order: n for the first one, 1 for the last."""
    scores = [0.0] * len(order)
    for place, word in enumerate(order):
        scores[word] = float(len(order) - place)
    return scores


def naopc_comprehensiveness(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    (AOPC − worst) / (best − worst), for the words removed from the most supportive one on. The best
    order has 1, the worst one 0. If the limits are not exact, an order may lie outside.

    Edin et al., arXiv 2408.08137. There is no value if both limits are the same.
    """
    return (
        yield from _between_limits(scores, settings, lambda limits: (limits.worst, limits.best))
    )


def naopc_sufficiency(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    (AOPC − worst) / (best − worst), for the words removed from the least supportive one on. The
    smallest AOPC is best: the text lives on without the words of low score.

    Edin et al., arXiv 2408.08137, give one minus this number, for which smaller is better.
    """
    reverse = [-score for score in scores]
    return (
        yield from _between_limits(reverse, settings, lambda limits: (limits.best, limits.worst))
    )


def _between_limits(
    scores: Scores, settings: Settings, ends: Callable[[Limits], Tuple[float, float]]
) -> "Inquiry[Figure]":
    """`ends` are the AOPC that has 0 and the AOPC that has 1."""
    limits = settings.limits
    if limits is None:
        return Figure(None, note="the limits of the text were not looked for")
    if limits.best - limits.worst <= _ROUNDING:
        return Figure(None, note="the best and the worst order do not differ")
    found: Figure = yield from aopc(scores, settings)
    if found.value is None:
        return found
    zero, one = ends(limits)
    return Figure((found.value - zero) / (one - zero))


def _exact(num_words: int) -> "Inquiry[Optional[Limits]]":
    subsets = [_words_of(mask, num_words) for mask in range(2**num_words)]
    found = yield from probabilities(subsets)
    if found is None:
        return None
    drops = numpy.array([found[NOTHING] - found[subset] for subset in subsets])
    best, worst = _extreme_order(drops, num_words), _extreme_order(-drops, num_words)
    return Limits(
        best=_aopc_of(best, found),
        worst=_aopc_of(worst, found),
        best_order=best,
        worst_order=worst,
        exact=True,
    )


def _words_of(mask: int, num_words: int) -> Removed:
    return frozenset(word for word in range(num_words) if mask >> word & 1)


def _extreme_order(drops: NDArray[Any], num_words: int) -> List[int]:
    """
    The order with the largest sum of drops.

    # Parameters

    drops : `numpy.ndarray`
        For each subset; bit i of its index says whether word i is removed. Shape: (2^n,).
    """
    # The largest sum of an order of each subset's words, and the last word of that order.
    sums, last = drops.copy(), [0] * len(drops)
    for mask in range(1, len(drops)):
        words = [word for word in range(num_words) if mask >> word & 1]
        last[mask] = max(words, key=lambda word: sums[mask ^ 1 << word])
        sums[mask] += sums[mask ^ 1 << last[mask]]
    order: List[int] = []
    mask = len(drops) - 1
    while mask:
        order.append(last[mask])
        mask ^= 1 << last[mask]
    return order[::-1]


def _aopc_of(order: List[int], found: Dict[Removed, float]) -> float:
    drops = [found[NOTHING] - found[frozenset(order[:size])] for size in range(1, len(order) + 1)]
    return sum(drops) / len(drops)


class _Beam(NamedTuple):
    """The first words of an order, and the sum of their drops."""

    order: List[int]
    total: float

    def without(self, num_words: int) -> Dict[Removed, int]:
        """The sets of words with one more, and that one."""
        removed = frozenset(self.order)
        return {removed | {word}: word for word in range(num_words) if word not in removed}


def _beam_search(num_words: int, beam_width: int) -> "Inquiry[Optional[Limits]]":
    # By the sign of the sum that is to be large.
    beams = {1: [_Beam([], 0.0)], -1: [_Beam([], 0.0)]}
    for _ in range(num_words):
        wanted = [
            subset for side in beams.values() for beam in side for subset in beam.without(num_words)
        ]
        found = yield from probabilities([NOTHING, *wanted])
        if found is None:
            return None
        for sign, side in beams.items():
            beams[sign] = _extended(side, sign, found, num_words)[:beam_width]
    [best, *_], [worst, *_] = beams[1], beams[-1]
    return Limits(
        best.total / num_words, worst.total / num_words, best.order, worst.order, exact=False
    )


def _extended(
    beams: List[_Beam], sign: int, found: Dict[Removed, float], num_words: int
) -> List[_Beam]:
    """All beams with one word more, one for each set of words, the best one first."""
    best: Dict[Removed, _Beam] = {}
    for beam in beams:
        for subset, word in beam.without(num_words).items():
            total = beam.total + found[NOTHING] - found[subset]
            if subset not in best or sign * total > sign * best[subset].total:
                best[subset] = _Beam([*beam.order, word], total)
    return sorted(best.values(), key=lambda beam: -sign * beam.total)
