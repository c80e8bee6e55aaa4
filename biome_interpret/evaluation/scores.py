"""Metrics that compare scores with single words removed, with random subsets, or with others."""

from typing import Any, Callable, List, Sequence

import numpy
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit
from scipy.stats import kendalltau, spearmanr

from biome_interpret.attribution.coalitions import Inquiry, Removed
from biome_interpret.evaluation.inquiries import (
    NO_PROBABILITY,
    NO_WORD,
    NOTHING,
    Figure,
    Scores,
    Settings,
    generator_for,
    probabilities,
    values,
)

# A change of the output is taken for rounding below this share of it, or of 1.
ROUNDING = 1e-5

# The expected shares of kept words of the soft metrics.
RETENTIONS = (0.2, 0.4, 0.6, 0.8)


def tau_loo(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    Kendall's τ-b between the scores and f(text) − f(text without the word), from -1 to 1. A larger
    one is better. Changes below rounding count as 0, and so as tied.

    Jain and Wallace, Attention is not Explanation, NAACL 2019, §4.1, and ferret take the model's
    probabilities for f. Here f is the explained output, which the scores are about. There is no
    value if all scores, or all changes, are the same.
    """
    changes = yield from _changes(len(scores))
    return _correlation(scores, changes, kendalltau)


def sign_violations(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    The share of words whose removal moves the output against the sign of their score, from 0 to 1:
    f is larger without a positive word, or smaller without a negative one. A smaller one is better.

    After Liu et al., ICML 2022, arXiv 2201.12114. Words whose score is 0, and words whose removal
    changes f by less than rounding, are no violations. They count among the words. So scores of 0
    have no violations. Scores without signs violate wherever a word speaks against the target.
    """
    if len(scores) == 0:
        return Figure(None, note=NO_WORD)
    changes = yield from _changes(len(scores))
    against = [score < 0 < change or change < 0 < score for score, change in zip(scores, changes)]
    return Figure(sum(against) / len(against))


def infidelity(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    The mean of (Σ scores of the removed words − (f(text) − f(text without them)))² over random
    subsets of words, in squared units of f. A smaller one is better.

    Yeh et al., NeurIPS 2019, definition 2.1, with perturbations that remove words. The size of a
    subset is uniform from 1 to n, the subset uniform among those of its size. All methods are
    measured at the same subsets. Only scores in units of f can have a small infidelity.
    """
    return (yield from _infidelity(scores, settings, lambda predicted, changes: 1.0))


def infidelity_scaled(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    As `infidelity`, with the scores times the factor β that makes it smallest: Σ ab / Σ a², with a
    the sum of the scores and b the change of f. So scores of any unit can be compared.

    Yeh et al., NeurIPS 2019; Captum's `infidelity(normalize=True)`. A negative β is allowed, as in
    Captum.
    """
    return (yield from _infidelity(scores, settings, _best_factor))


def soft_comprehensiveness(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    p(text) − p(text without randomly chosen words). The larger the score of a word, the likelier it
    is chosen. A larger one is better.

    After π-Soft-NC of Huang and Chan, arXiv 2601.03089: all methods choose the same expected share
    of words. Otherwise methods with large scores gain by it. The metric is the mean over shares of
    20, 40, 60 and 80 %, with `settings.num_draws` draws for each.

    A word is chosen with the probability σ(z + b), where z is its score, less the mean of all
    scores, in units of their standard deviation. b is such that the expected share of chosen words
    is as wanted. Scores that differ by a positive factor or by a constant choose alike.

    Zhao and Aletras, ACL 2023, drop dimensions of each word's embedding, with a probability that is
    the score itself. Here a word is removed or stays. They also cut negative differences off and
    divide by the difference for an empty text, which may be near 0. Neither is done here. The
    formula of σ and b is our own: π-Soft-NC may reach the same share in another way.
    """
    return (yield from _soft(scores, settings, lambda chosen, everything: chosen))


def soft_sufficiency(scores: Scores, settings: Settings) -> "Inquiry[Figure]":
    """
    p(text) − p(only randomly chosen words). A smaller one is better. The words are those that
    `soft_comprehensiveness` removes, and all that is said there holds.
    """
    return (yield from _soft(scores, settings, lambda chosen, everything: everything - chosen))


def retention_probabilities(scores: Scores, retention: float) -> NDArray[Any]:
    """
    How likely each word is to be chosen. See `soft_comprehensiveness`.

    # Parameters

    scores : `Sequence[float]`
        Shape: (words,). Finite.
    retention : `float`
        The mean of the probabilities. Between 0 and 1, not 0 or 1.
    """
    given = numpy.asarray(scores, dtype=float)
    spread = given.std()
    standard = (given - given.mean()) / spread if spread > 0 else numpy.zeros_like(given)
    # At these ends all probabilities are smaller, or all larger, than wanted.
    middle = numpy.log(retention / (1 - retention))
    low, high = middle - standard.max() - 1, middle - standard.min() + 1
    shift = brentq(lambda b: expit(standard + b).mean() - retention, low, high, xtol=1e-12)
    probability: NDArray[Any] = expit(standard + shift)
    return probability


def max_sensitivity(scores: Scores, perturbed: Sequence[Scores]) -> float:
    """
    max ‖φ' − φ‖ / ‖φ‖ over the scores φ' of slightly perturbed texts, with φ those of the text. A
    smaller one is better. ‖·‖ is the Euclidean norm. If all scores are 0, the denominator is 1.

    Yeh et al., NeurIPS 2019, definition 3.1, without the denominator; with it, Captum's
    `sensitivity_max`.

    # Parameters

    scores : `Sequence[float]`
        Shape: (words,).
    perturbed : `Sequence[Sequence[float]]`
        At least one. Shape: (perturbations, words).
    """
    moved = numpy.asarray(perturbed, dtype=float) - numpy.asarray(scores, dtype=float)
    norm = float(numpy.linalg.norm(scores))
    return float(numpy.linalg.norm(moved, axis=1).max()) / (norm or 1.0)


def rank_correlation(scores: Scores, others: Scores) -> Figure:
    """
    Spearman's rank correlation, from -1 to 1. Between the scores of a model and those of the same
    model with random weights it should be near 0.

    Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018. The scores keep their signs.
    There is no value if all scores on one side are the same.
    """
    return _correlation(scores, others, spearmanr)


def _changes(num_words: int) -> "Inquiry[List[float]]":
    """f(text) − f(text without the word) for each word, 0 if it may be rounding."""
    found = yield from values([NOTHING, *(frozenset([word]) for word in range(num_words))])
    full = found[NOTHING]
    changes = [full - found[frozenset([word])] for word in range(num_words)]
    smallest = ROUNDING * max(abs(full), 1.0)
    return [change if abs(change) > smallest else 0.0 for change in changes]


def _correlation(scores: Scores, others: Scores, correlation: Callable[..., Any]) -> Figure:
    # One value, or none at all, has no rank.
    if len({*scores}) < 2 or len({*others}) < 2:
        return Figure(None, note="all words are tied")
    return Figure(float(correlation(scores, others)[0]))


def random_subsets(num_words: int, settings: Settings) -> List[Removed]:
    """The subsets of `infidelity`, the same for all methods. A subset may come more than once."""
    generator = generator_for(num_words, settings.seed)
    sizes = generator.integers(1, num_words + 1, size=settings.num_subsets).tolist()
    return [frozenset(generator.permutation(num_words)[:size].tolist()) for size in sizes]


# Takes the sums of scores and the changes of f. Shape: (subsets,).
_Factor = Callable[[NDArray[Any], NDArray[Any]], float]


def _best_factor(predicted: NDArray[Any], changes: NDArray[Any]) -> float:
    squares = float(predicted @ predicted)
    return float(predicted @ changes) / squares if squares > 0 else 0.0


def _infidelity(scores: Scores, settings: Settings, factor: _Factor) -> "Inquiry[Figure]":
    if len(scores) == 0:
        return Figure(None, note=NO_WORD)
    subsets = random_subsets(len(scores), settings)
    found = yield from values([NOTHING, *subsets])
    predicted = numpy.array([sum(scores[word] for word in subset) for subset in subsets])
    changes = numpy.array([found[NOTHING] - found[subset] for subset in subsets])
    errors = factor(predicted, changes) * predicted - changes
    return Figure(float((errors**2).mean()))


def _soft(
    scores: Scores, settings: Settings, removed: Callable[[Removed, Removed], Removed]
) -> "Inquiry[Figure]":
    if len(scores) == 0:
        return Figure(None, note=NO_WORD)
    everything = frozenset(range(len(scores)))
    subsets = [removed(chosen, everything) for chosen in chosen_words(scores, settings)]
    found = yield from probabilities([NOTHING, *subsets])
    if found is None:
        return Figure(None, note=NO_PROBABILITY)
    return Figure(found[NOTHING] - float(numpy.mean([found[subset] for subset in subsets])))


def chosen_words(scores: Scores, settings: Settings) -> List[Removed]:
    """The words that each draw of the soft metrics chooses. All methods share random numbers."""
    generator = generator_for(len(scores), settings.seed)
    chosen: List[Removed] = []
    for retention in RETENTIONS:
        probability = retention_probabilities(scores, retention)
        # Shape: (draws, words)
        drawn = generator.random((settings.num_draws, len(scores))) < probability
        chosen += [frozenset(numpy.flatnonzero(row).tolist()) for row in drawn]
    return chosen
