"""
What distinguishes one path method from another: the straight paths that it follows, and where on
them it looks.
"""

from dataclasses import dataclass
from typing import Iterator, List, Optional, Sequence, Tuple

from biome_interpret.attribution.nested import level_sizes, nested_rule

PathKey = Tuple[Optional[int], Optional[Tuple[int, ...]]]


@dataclass(frozen=True)
class Path:
    """
    One straight line from a baseline x' to the input x, and the nodes on it.

    # Parameters

    nodes : `Sequence[float]`
        Positions on the line, 0 at the baseline and 1 at the input.
    weights : `Sequence[float]`
        One weight for each node. Over all paths of a measure they sum to one.
    background : `int`, optional
        Which of the background texts is the baseline; `None` for the configured baseline.
    noise_key : `Tuple[int, ...]`, optional
        Seeds the Gaussian noise that is added to the baseline; `None` for no noise.
    """

    nodes: Sequence[float]
    weights: Sequence[float]
    background: Optional[int] = None
    noise_key: Optional[Tuple[int, ...]] = None

    @property
    def key(self) -> PathKey:
        """The same for two paths with the same beginning, wherever their nodes stand."""
        return self.background, self.noise_key


@dataclass(frozen=True)
class PathMeasure:
    """
    A weighted set of points between baselines and input: the attribution of a feature is
    Σ weight · ∂f/∂x(point) · (x − x').

    # Parameters

    paths : `List[Path]`
    strata : `List[List[int]]`, optional
        For a measure that was drawn at random, with one node on each path: the paths grouped into
        the strata within which they were drawn independently. `None` where nothing is random.
    """

    paths: List[Path]
    strata: Optional[List[List[int]]] = None


@dataclass(frozen=True)
class AdaptiveMeasure:
    """
    Straight paths without noise, looked at more and more closely until the error is small enough.

    # Parameters

    backgrounds : `List[Optional[int]]`
        The baseline of each path.
    tolerance : `float`
        The largest Σ |error| / Σ |score| to stop at.
    max_evaluations : `int`
        For all paths together.
    """

    backgrounds: List[Optional[int]]
    tolerance: float
    max_evaluations: int

    def levels(self) -> Iterator[PathMeasure]:
        """Measures of which each has all nodes of the one before, at every other place."""
        for size in level_sizes(self.max_evaluations // len(self.backgrounds)):
            nodes, weights = nested_rule(size)
            share = (weights / len(self.backgrounds)).tolist()
            yield PathMeasure([Path(nodes.tolist(), share, b) for b in self.backgrounds])
