"""Straight paths that are looked at more and more closely, where their integrands want it."""

from dataclasses import dataclass
from itertools import count, takewhile
from typing import Iterator, List, NamedTuple, Optional, Sequence

import numpy
import torch

from biome_interpret.attribution.growing import FIRST, GrowingRule, clenshaw_curtis, growing_rule
from biome_interpret.attribution.pace import pace_for
from biome_interpret.attribution.paths import Path, PathMeasure, RefinedMeasure

# The last changes say how far a rule is off, times a factor that is the smaller the faster changes
# shrink. Set, as the others, on trained LSTM, CNN, pair and transformer classifiers.
_STEEPNESS = 24.0
_SMALLEST_FACTOR, _LARGEST_FACTOR = 0.6, 8.0

# Of the change since the level before, where that since halfway to it is smaller yet; and times
# what was to be expected of it.
_REMEMBERED = 0.3
_EXPECTED = 2.5


@dataclass(frozen=True)
class Level(PathMeasure):
    """
    # Parameters

    rule : `GrowingRule`, optional
        By which the nodes of each path were found; `None` of the first level.
    """

    rule: Optional[GrowingRule] = None

    @property
    def size(self) -> int:
        """The number of nodes on each path."""
        return len(self.paths[0].nodes)


def refined_measure(
    backgrounds: Sequence[Optional[int]], tolerance: float, max_evaluations: int
) -> RefinedMeasure:
    """
    Straight paths without noise.

    # Parameters

    backgrounds : `Sequence[Optional[int]]`
        The baseline of each path.
    tolerance, max_evaluations
        As in `RefinedMeasure`.
    """
    sizes = level_sizes(max_evaluations // len(backgrounds))

    def level(nodes: numpy.ndarray, weights: numpy.ndarray, rule: Optional[GrowingRule]) -> Level:
        share = (weights / len(backgrounds)).tolist()
        return Level([Path(nodes.tolist(), share, b) for b in backgrounds], rule=rule)

    def following(last: Level, terms: torch.Tensor) -> Optional[Level]:
        position = sizes.index(last.size) + 1
        if position == len(sizes):
            return None
        rule = last.rule or growing_rule(
            pace_for(numpy.array(last.paths[0].nodes), _mean(terms, last).numpy())
        )
        return level(rule.nodes(sizes[position]), rule.weights(sizes[position]), rule)

    first = level(*clenshaw_curtis(sizes[0]), None)
    return RefinedMeasure(first, following, estimated_error, tolerance, max_evaluations)


def level_sizes(max_size: int) -> List[int]:
    """
    9, 17, 21, 25, 33, 41, 49, 65, ... up to the given size: from 17 on four, and then as many more
    that they double in three levels. Where the given size is less than 9, the one that fits it.
    """
    if max_size < FIRST:
        return [5] if max_size >= 5 else [3]
    return [FIRST, *takewhile(lambda size: size <= max_size, _growing_sizes())]


def _growing_sizes() -> Iterator[int]:
    for power in count(4):
        yield from (2**power * quarters // 4 + 1 for quarters in (4, 5, 6))


def estimated_error(terms: torch.Tensor, level: Level) -> float:
    """
    How far a level is off, summed over all elements, judged by the coarser rules inside it.

    Each level adds a few nodes in the largest gaps. Where the integrand is smooth, changes from
    level to level shrink fast, and the last one is ample. Where it has kinks, they are as large as
    chance will have it, and are multiplied by a larger factor. So that none passes for small that
    is so by chance alone, three are looked at: since the level before, since the rule halfway to
    it, and what the level before let expect.

    # Parameters

    terms : `torch.Tensor`
        The integrand at the level's nodes. Shape: (nodes of all paths, elements).

    # Returns

    `float`
        An estimate of Σ |error|, not a bound.
    """
    mean, size = _mean(terms, level), level.size
    if size == 3:
        return float("inf")
    if level.rule is None:
        coarse, fine = (_integral(mean, None, n) for n in ((size + 1) // 2, size))
        return _distance(coarse, fine)
    # Before the first level there is the rule of every other of its nodes.
    sizes = [FIRST // 2 + 1, *level_sizes(size)]
    found = _Step.of(mean, level.rule, sizes[-3:])
    error = found.factor * max(found.since_halfway, _REMEMBERED * found.change)
    if len(sizes) == 3:
        return error
    before = _Step.of(mean, level.rule, sizes[-4:-1])
    return max(error, _EXPECTED * before.expected)


class _Step(NamedTuple):
    """
    How integrals change from one level to the next: over all of the step, over its second half and
    its first, and over the step before.
    """

    change: float
    since_halfway: float
    until_halfway: float
    change_before: float

    @classmethod
    def of(cls, mean: torch.Tensor, rule: GrowingRule, sizes: Sequence[int]) -> "_Step":
        """Of the terms at the nodes, and the sizes of three levels on end."""
        earlier, last, size = sizes
        before, start, halfway, end = (
            _integral(mean, rule, n) for n in (earlier, last, (last + size) // 2, size)
        )
        return cls(
            _distance(end, start),
            _distance(end, halfway),
            _distance(halfway, start),
            _distance(start, before),
        )

    @property
    def factor(self) -> float:
        """What the last change is to be multiplied by."""
        if not self.change_before:
            return _LARGEST_FACTOR
        steepness = _STEEPNESS * self.change / self.change_before
        return min(max(steepness, _SMALLEST_FACTOR), _LARGEST_FACTOR)

    @property
    def expected(self) -> float:
        """The changes of the next step, if they go on shrinking as they did in this one."""
        if self.since_halfway >= self.until_halfway:
            return self.since_halfway
        return self.since_halfway * (self.since_halfway / self.until_halfway) ** 2


def _integral(mean: torch.Tensor, rule: Optional[GrowingRule], size: int) -> torch.Tensor:
    """By the first nodes of a level, or by some of those with which it begins."""
    if size > FIRST:
        assert rule is not None
        return torch.from_numpy(rule.weights(size)) @ mean[:size]
    first = mean[:FIRST]
    return torch.from_numpy(clenshaw_curtis(size)[1]) @ first[:: (len(first) - 1) // (size - 1)]


def _mean(terms: torch.Tensor, level: Level) -> torch.Tensor:
    """Over the paths. Shape: (nodes of one path, elements)."""
    return terms.reshape(len(level.paths), level.size, -1).mean(dim=0)


def _distance(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().sum())
