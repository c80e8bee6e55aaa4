"""Straight paths that are looked at more and more closely, where their integrands want it."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import takewhile
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, cast

import numpy
import torch

from biome_interpret.attribution.bayesian_quadrature import Belief, Rules
from biome_interpret.attribution.expectation import USUAL, Expectation
from biome_interpret.attribution.jumps import Jumps
from biome_interpret.attribution.nodes import Nodes, first_nodes, grown_nodes
from biome_interpret.attribution.pace import PACES, Pace
from biome_interpret.attribution.paths import Path, PathMeasure, RefinedMeasure

# The following were set as what is expected of integrands was (see `expectation`).

# The error is taken for so many times what is expected of it.
_CAUTION = 2.0

# Levels of smooth integrands turn out closer than is expected of them: then what the last one was
# off by counts, times the first number; but never less than this share of what is expected.
_MARGIN, _LEAST_TRUST = 1.2, 0.2


class _Step(NamedTuple):
    """
    growth : How many times as many nodes a level may have as the one before.
    smooth_growth : The same for a smooth integrand of which a little is known: of it the next few
        nodes tell the most.
    aim : Of the tolerance, how much is to be expected of the next level.
    """

    growth: float
    smooth_growth: float
    aim: float


def _careful_step(expectation: Expectation) -> _Step:
    """Where each point costs."""
    return _Step(expectation.growth, 1.3, 1.0)


# Where a pass takes hardly longer for more points.
_CHEAP = _Step(3.0, 2.0, 0.8)

# With fewer nodes than this an integrand that looks rough may still turn out smooth.
_TELLING = 32


class Judgement(NamedTuple):
    """
    What the integrand at a level's nodes tells.

    # Parameters

    values : `torch.Tensor`
        The integrand, averaged over the paths; not that at the baseline. Shape: (nodes, elements).
    weights : `torch.Tensor`
        Shape: (nodes,).
    belief : `Belief`, optional
        `None` where it is no longer asked for.
    jumps : `Jumps`, optional
        Where the integrand looks rough.
    trust : `float`
        By what the error that is expected of a smooth integrand is multiplied.
    """

    values: torch.Tensor
    weights: torch.Tensor
    belief: Optional[Belief]
    jumps: Optional[Jumps] = None
    trust: float = 1.0

    @property
    def integral(self) -> torch.Tensor:
        """Shape: (elements,)."""
        return self.weights @ self.values

    @property
    def error(self) -> float:
        """Of the integrals, added up over all elements."""
        if self.jumps is not None:
            return _CAUTION * self.jumps.error(numpy.ones(len(self.weights)))
        assert self.belief is not None
        return _CAUTION * self.trust * self.belief.error


@dataclass(frozen=True)
class Level(PathMeasure):
    """
    # Parameters

    nodes_of_path : `Nodes`
        On each path, but for the baseline: there f alone is of use.
    paces : `Tuple[Pace, ...]`
        At one of which the integrand is believed to change evenly.
    before : `Judgement`, optional
        On the level before.
    judgement : `Judgement`, optional
        On this one, where it has been judged.
    """

    nodes_of_path: Nodes = ()
    paces: Tuple[Pace, ...] = PACES
    before: Optional[Judgement] = None
    judgement: Optional[Judgement] = None

    @property
    def size(self) -> int:
        """The number of evaluations on each path."""
        return 1 + len(self.nodes_of_path)

    @property
    def stays_rough(self) -> bool:
        """Whether the integrand looked rough before, and there have been enough nodes to tell."""
        looked_rough = self.before is not None and self.before.jumps is not None
        return looked_rough and len(self.nodes_of_path) > _TELLING

    def judgement_on(self, values: torch.Tensor, belief: Optional[Belief]) -> Judgement:
        """
        As of a smooth integrand, or, where that is not plausible, as of one with jumps. The first
        nodes do not tell.
        """
        is_rough = self.before is not None and (belief is None or belief.smoothness < 0.5)
        if belief is None or is_rough:
            jumps = Jumps.between(self.nodes_of_path, values.numpy())
            return Judgement(values, torch.from_numpy(jumps.weights), belief, jumps)
        trust = _trust(belief, belief.weights @ values, self.before)
        return Judgement(values, belief.weights, belief, trust=trust)


# Nodes with some more added to them up to a number, and the error that is expected with these.
Choices = Callable[[int], Tuple[Nodes, float]]


class RefinedPaths(RefinedMeasure):
    """
    Straight paths without noise.

    # Parameters

    backgrounds : `Sequence[Optional[int]]`
        The baseline of each path.
    tolerance, max_evaluations
        As in `RefinedMeasure`.
    expectation : `Expectation`, optional
        Of the integrands.
    """

    def __init__(
        self,
        backgrounds: Sequence[Optional[int]],
        tolerance: float,
        max_evaluations: int,
        expectation: Expectation = USUAL,
    ) -> None:
        super().__init__(tolerance, max_evaluations)
        self._backgrounds = backgrounds
        self._expectation = expectation
        self._sizes = level_sizes(expectation, max_evaluations // len(backgrounds))

    @cached_property
    def first(self) -> Level:
        nodes = first_nodes(self._expectation.pace, self._sizes[0] - 1)
        return Level(self._paths(nodes), nodes_of_path=nodes)

    def judged(
        self, measures: Sequence[PathMeasure], terms: Sequence[torch.Tensor]
    ) -> List[Tuple[PathMeasure, float]]:
        levels = [cast(Level, measure) for measure in measures]
        values = [self._averaged(level, of_level) for level, of_level in zip(levels, terms)]
        judgements = [
            level.judgement_on(one, belief)
            for level, one, belief in zip(levels, values, self._beliefs(levels, values))
        ]
        return [
            (self._judged_level(level, judgement), judgement.error)
            for level, judgement in zip(levels, judgements)
        ]

    def _judged_level(self, level: Level, judgement: Judgement) -> Level:
        paths = self._paths(level.nodes_of_path, judgement.weights.tolist())
        return Level(
            paths,
            nodes_of_path=level.nodes_of_path,
            paces=level.paces,
            before=level.before,
            judgement=judgement,
        )

    def _averaged(self, level: Level, terms: torch.Tensor) -> torch.Tensor:
        """Over the paths, and without the baseline. Shape: (nodes of one path, elements)."""
        by_path = terms.reshape(len(level.paths), level.size, -1)
        return (by_path[0] if len(by_path) == 1 else by_path.mean(dim=0))[1:]

    def following(self, level: PathMeasure, is_cheap: bool) -> Optional[PathMeasure]:
        level = cast(Level, level)
        assert level.judgement is not None
        larger = [size for size in self._sizes if size > level.size]
        if not larger:
            return None
        judgement = level.judgement
        step = _CHEAP if is_cheap else _careful_step(self._expectation)
        error = step.aim * self.tolerance * float(judgement.integral.abs().sum())
        if judgement.jumps is not None:
            paces, choices = level.paces, _divided(level.nodes_of_path, judgement)
        else:
            paces = (_most_plausible(level.paces, judgement.belief),)
            choices = self._grown(level.nodes_of_path, judgement, paces[0])
        is_known_smooth = level.before is not None and judgement.jumps is None
        growth = step.smooth_growth if is_known_smooth else step.growth
        sizes = [size for size in larger if size <= growth * level.size] or larger[:1]
        for size in sizes:
            nodes, expected = choices(size - 1)
            if expected <= error:
                break
        return Level(self._paths(nodes), nodes_of_path=nodes, paces=paces, before=judgement)

    def _beliefs(
        self, levels: Sequence[Level], values: Sequence[torch.Tensor]
    ) -> List[Optional[Belief]]:
        """What is believed of each level's integrand; of those with the same nodes at once."""
        alike: Dict[Tuple[Tuple[Pace, ...], Nodes], List[int]] = {}
        for i, level in enumerate(levels):
            if not level.stays_rough:
                alike.setdefault((level.paces, level.nodes_of_path), []).append(i)
        found: List[Optional[Belief]] = [None] * len(levels)
        for (paces, nodes), places in alike.items():
            beliefs = self._rules(paces, nodes).beliefs([values[i] for i in places])
            for i, belief in zip(places, beliefs):
                found[i] = belief
        return found

    def _grown(self, nodes: Nodes, judgement: Judgement, pace: Pace) -> Choices:
        """At a pace, where the integrand is smooth."""
        belief = self._rules((pace,), nodes).belief(judgement.values)

        def grown(number: int) -> Tuple[Nodes, float]:
            more = grown_nodes(pace, nodes, number)
            return more, _CAUTION * judgement.trust * belief.error_at(self._rules((pace,), more))

        return grown

    def _rules(self, paces: Tuple[Pace, ...], nodes: Nodes) -> Rules:
        return _rules(paces, nodes, self._expectation.jumps)

    def _paths(self, nodes: Nodes, weights: Optional[Sequence[float]] = None) -> List[Path]:
        """With the baseline in front, which weighs nothing. All else alike if not given."""
        number = len(self._backgrounds)
        shares = [0.0, *(weight / number for weight in weights or [1 / len(nodes)] * len(nodes))]
        return [Path([0.0, *nodes], shares, background) for background in self._backgrounds]


def level_sizes(expectation: Expectation, max_size: int) -> List[int]:
    """
    Of the usual ones 9, 13, 17, ..., 65, 73, 81, ... up to the given size: in steps of 4, and from
    65 on of about an eighth. Where the given size is less than the first, that alone, and 3 at the
    least.
    """
    if max_size < expectation.size:
        return [max(3, max_size)]
    return list(takewhile(lambda size: size <= max_size, _growing_sizes(expectation)))


def _growing_sizes(expectation: Expectation) -> Iterator[int]:
    size = expectation.size
    while True:
        yield size
        size += max(expectation.stride, 2 ** (size.bit_length() - 4))


def _divided(nodes: Nodes, judgement: Judgement) -> Choices:
    """Where the integrand jumps."""
    jumps = judgement.jumps
    assert jumps is not None

    def divided(number: int) -> Tuple[Nodes, float]:
        parts = jumps.divided(number - len(nodes))
        return (*nodes, *jumps.nodes_between(parts)), _CAUTION * jumps.error(parts)

    return divided


@lru_cache(maxsize=64)
def _rules(paces: Tuple[Pace, ...], nodes: Nodes, jumps: float) -> Rules:
    return Rules(nodes, paces, jumps)


def _most_plausible(paces: Sequence[Pace], belief: Optional[Belief]) -> Pace:
    assert belief is not None
    by_pace = belief.plausibilities.reshape(len(paces), -1).sum(axis=1)
    return paces[int(by_pace.argmax())]


def _trust(belief: Belief, integral: torch.Tensor, before: Optional[Judgement]) -> float:
    """In what is expected of the error, by what the level before was off by."""
    if before is None or before.belief is None or not before.belief.error:
        return 1.0
    off = float((integral - before.integral).abs().sum())
    found = min(1.0, max(_LEAST_TRUST, _MARGIN * off / before.belief.error))
    return 1 - belief.smoothness * (1 - found)
