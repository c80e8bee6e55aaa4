"""Answers inquiries from a plain function of the words that are left."""

from typing import Any, Callable, FrozenSet, List, Optional, Sequence

from biome_interpret.attribution.coalitions import Answer, Removed

# Takes the indices of the words that are left.
Function = Callable[[FrozenSet[int]], float]


def answered(inquiry: Any, function: Function, num_words: int, asked: Any = None) -> Any:
    """
    What the inquiry returns. The function is both f and the probability.

    `asked` is a list that gets the subsets of each turn.
    """
    words = frozenset(range(num_words))
    try:
        subsets: Sequence[Removed] = next(inquiry)
        while True:
            if asked is not None:
                asked.append(list(subsets))
            outputs = [function(words - subset) for subset in subsets]
            subsets = inquiry.send([Answer(output, output) for output in outputs])
    except StopIteration as stop:
        return stop.value


def without_probability(inquiry: Any, given: Optional[float] = None) -> Any:
    """What the inquiry returns if f is 1 everywhere, and the probability is this one."""
    try:
        subsets = next(inquiry)
        while True:
            subsets = inquiry.send([Answer(1.0, given) for _ in subsets])
    except StopIteration as stop:
        return stop.value


def linear(weights: Sequence[float], bias: float = 0.0) -> Function:
    """The sum of the weights of the words that are left."""
    return lambda left: bias + sum(weights[word] for word in left)


def table(values: Sequence[float]) -> Function:
    """Bit i of the index says whether word i is left."""
    return lambda left: values[sum(1 << word for word in left)]


def interacting(weights: Sequence[float]) -> Function:
    """Not additive: pairs of neighbours count too, against their words."""

    def function(left: FrozenSet[int]) -> float:
        pairs: List[int] = [word for word in left if word + 1 in left]
        return sum(weights[i] for i in left) - sum(1.3 * abs(weights[i]) for i in pairs)

    return function
