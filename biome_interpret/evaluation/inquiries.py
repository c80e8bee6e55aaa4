"""What metrics are made of: settings, figures, orders of words, and inquiries side by side."""

import math
from itertools import chain
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

import numpy
from numpy.typing import NDArray

from biome_interpret.attribution.coalitions import Answer, Inquiry, Removed

Result = TypeVar("Result")

# A signed score for each word of a text. A positive score speaks for the target.
Scores = Sequence[float]

NOTHING: Removed = frozenset()

NO_WORD = "the text has no words"
NO_PROBABILITY = "the model gives no finite probability"


class Limits(NamedTuple):
    """
    How far the AOPC of any order of a text's words can go. See `limits.find_limits`.

    # Parameters

    best : `float`
        The AOPC of `best_order`, the largest that was found.
    worst : `float`
        The AOPC of `worst_order`, the smallest that was found.
    best_order : `List[int]`
        The words in the order of their removal.
    worst_order : `List[int]`
        The words in the order of their removal.
    exact : `bool`
        Whether no order can have a larger or a smaller AOPC.
    """

    best: float
    worst: float
    best_order: List[int]
    worst_order: List[int]
    exact: bool


class Settings(NamedTuple):
    """
    What a study keeps the same for all methods.

    # Parameters

    steps : `int`, optional (default = `10`)
        The number of steps of the curves of deletion and insertion.
    num_orders : `int`, optional (default = `5`)
        The number of orders that are averaged over where words are tied.
    num_subsets : `int`, optional (default = `50`)
        The number of random subsets of the infidelity.
    num_draws : `int`, optional (default = `5`)
        The number of draws of the soft metrics, for each share of kept words.
    seed : `int`, optional (default = `0`)
        Of everything random. The same seed gives the same subsets for all methods.
    limits : `Limits`, optional
        Of the text. Without them there is no NAOPC.
    """

    steps: int = 10
    num_orders: int = 5
    num_subsets: int = 50
    num_draws: int = 5
    seed: int = 0
    limits: Optional[Limits] = None


class Figure(NamedTuple):
    """
    What a metric says of the scores of a text.

    # Parameters

    value : `float`, optional
        `None` if the metric is not defined for this text. It is then counted, not scored.
    left_out : `int`, optional (default = `0`)
        How many bins were left out.
    note : `str`, optional
        Why there is no value.
    curve : `List[float]`, optional
        Of deletion and insertion: the probability after 0, 1, ..., `steps` steps.
    """

    value: Optional[float]
    left_out: int = 0
    note: str = ""
    curve: Sequence[float] = ()


def generator_for(num_words: int, seed: int) -> numpy.random.Generator:
    """It depends on nothing else, so all methods get the same draws for one text."""
    return numpy.random.default_rng([seed, num_words])


def orders(scores: Scores, sizes: Iterable[int], settings: Settings) -> List[List[int]]:
    """
    The words from the most supportive one to the one that speaks most against the target: by signed
    score, not by its size.

    Words are tied if their scores are equal: no order of them is better than another. If a tie
    matters, several orders are returned, each with the tied words in a random order, and the metric
    is the mean over them. A tie matters if one of the sizes takes some of the tied words and leaves
    others.

    # Parameters

    scores : `Sequence[float]`
        Shape: (words,).
    sizes : `Iterable[int]`
        The numbers of first words that the metric takes.
    settings : `Settings`
        `num_orders` and `seed`.

    # Raises

    `ValueError`
        If a score is not finite.
    """
    if not numpy.isfinite(scores).all():
        raise ValueError(f"scores must be finite numbers: {list(scores)}")
    words = _sorted(range(len(scores)), scores)
    cuts = [size for size in sizes if 0 < size < len(words)]
    if not any(scores[words[cut - 1]] == scores[words[cut]] for cut in cuts):
        return [words]
    generator = generator_for(len(words), settings.seed)
    shuffled = (generator.permutation(len(words)).tolist() for _ in range(settings.num_orders))
    return [_sorted(words, scores) for words in shuffled]


def _sorted(words: Iterable[int], scores: Scores) -> List[int]:
    """Tied words stay in the order in which they come."""
    return sorted(words, key=lambda word: -scores[word])


def values(subsets: Iterable[Removed]) -> "Inquiry[Dict[Removed, float]]":
    """The explained output for each subset."""
    answers = yield from _answers(subsets)
    return {subset: answer.value for subset, answer in answers.items()}


def probabilities(subsets: Iterable[Removed]) -> "Inquiry[Optional[Dict[Removed, float]]]":
    """
    The probability of the target for each subset. `None` if the model gives none for one of them,
    or none that is finite.
    """
    answers = yield from _answers(subsets)
    found: Dict[Removed, float] = {}
    for subset, answer in answers.items():
        if answer.probability is None or not math.isfinite(answer.probability):
            return None
        found[subset] = answer.probability
    return found


def _answers(subsets: Iterable[Removed]) -> "Inquiry[Dict[Removed, Answer]]":
    wanted = list(dict.fromkeys(subsets))
    answers = yield wanted
    return dict(zip(wanted, answers))


# Takes an order of words and a number of its first words.
Cut = Callable[[Sequence[int], int], Removed]


def first_removed(order: Sequence[int], size: int) -> Removed:
    return frozenset(order[:size])


def first_kept(order: Sequence[int], size: int) -> Removed:
    return frozenset(order[size:])


def probabilities_at(
    scores: Scores, sizes: Sequence[int], settings: Settings, cut: Cut
) -> "Inquiry[Optional[Tuple[float, NDArray[Any]]]]":
    """
    The probability of the target for the whole text, and for the text cut at each size, in each of
    the orders. Shape of the latter: (orders, sizes).
    """
    rows = [[cut(order, size) for size in sizes] for order in orders(scores, sizes, settings)]
    found = yield from probabilities([NOTHING, *chain.from_iterable(rows)])
    if found is None:
        return None
    return found[NOTHING], numpy.array([[found[subset] for subset in row] for row in rows])


def together(
    inquiries: Sequence["Inquiry[Result]"], known: Optional[Dict[Removed, Answer]] = None
) -> "Inquiry[List[Result]]":
    """
    Many inquiries into one text as a single one. Each subset is asked for once.

    # Parameters

    inquiries : `Sequence[Inquiry]`
        For instance all metrics of all methods.
    known : `Dict[Removed, Answer]`, optional
        Answers from before. New ones are added to it, so that it can be handed to the next call.

    # Returns

    `Inquiry[List]`
        It returns the results in the order of the inquiries.
    """
    answers = {} if known is None else known
    results: Dict[int, Result] = {}
    # What each unfinished inquiry waits for.
    waiting: Dict[int, Sequence[Removed]] = {}

    def go_on(i: int, answered: Optional[List[Answer]]) -> None:
        try:
            waiting[i] = next(inquiries[i]) if answered is None else inquiries[i].send(answered)
        except StopIteration as stop:
            waiting.pop(i, None)
            results[i] = stop.value

    for i in range(len(inquiries)):
        go_on(i, None)
    while waiting:
        wanted = dict.fromkeys(chain.from_iterable(waiting.values()))
        new = [subset for subset in wanted if subset not in answers]
        if new:
            answers.update(zip(new, (yield new)))
        for i, subsets in list(waiting.items()):
            go_on(i, [answers[subset] for subset in subsets])
    return [results[i] for i in range(len(inquiries))]
