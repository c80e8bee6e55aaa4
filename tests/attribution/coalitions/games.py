"""Random functions of subsets, and a driver that answers inquiries from them."""

from itertools import chain, combinations
from typing import Any, Dict, FrozenSet, List, Tuple

import numpy

from biome_interpret.attribution.coalitions import Answer, Inquiry

Subset = FrozenSet[int]
# f by the units that are removed.
Game = Dict[Subset, float]


def subsets(num_units: int) -> List[Subset]:
    sizes = (combinations(range(num_units), size) for size in range(num_units + 1))
    return [frozenset(one) for one in chain.from_iterable(sizes)]


def random_game(num_units: int, seed: int = 0) -> Game:
    """A value of its own for each subset: every order of interaction is there."""
    generator = numpy.random.default_rng(seed)
    return {one: float(generator.normal()) for one in subsets(num_units)}


def additive_game(num_units: int, seed: int = 0) -> Tuple[Game, List[float]]:
    """Each unit adds its worth, whatever the others are. Returns the worths too."""
    worths = numpy.random.default_rng(seed).normal(size=num_units).tolist()
    whole = sum(worths) + 0.5
    return {one: whole - sum(worths[i] for i in one) for one in subsets(num_units)}, worths


class SaturatingGame(Game):
    """Of any number of units. The more worth is there, the less a unit adds."""

    def __init__(self, num_units: int, seed: int = 0) -> None:
        super().__init__()
        self._worths = numpy.random.default_rng(seed).normal(size=num_units)

    def __missing__(self, removed: Subset) -> float:
        value = float(numpy.tanh(self._worths.sum() - self._worths[list(removed)].sum()))
        return self.setdefault(removed, value)


def answered(inquiry: "Inquiry[Any]", game: Game) -> Tuple[Any, List[List[Subset]]]:
    """The result of the inquiry, and what it asked each time."""
    asked: List[List[Subset]] = []
    answers = None
    while True:
        try:
            wanted = inquiry.send(answers)  # type: ignore[arg-type]
        except StopIteration as stop:
            return stop.value, asked
        asked.append(list(wanted))
        answers = [Answer(game[one], None) for one in wanted]
