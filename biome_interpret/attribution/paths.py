"""
What distinguishes one path method from another: the straight paths that it follows, and where on
them it looks.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import List, NamedTuple, Optional, Sequence, Tuple

import torch

from biome_interpret.attribution.sampling import Strata


class Noise(NamedTuple):
    """
    Gaussian noise around a baseline.

    # Parameters

    seed : `Tuple[int, ...]`
        The same one gives the same noise.
    std : `float`
        Its standard deviation in each dimension.
    relative : `bool`
        Whether in units of the standard deviation of the text's own embeddings.
    sign : `int`, optional (default = `1`)
        -1 for the noise's mirror image.
    """

    seed: Tuple[int, ...]
    std: float
    relative: bool
    sign: int = 1


PathKey = Tuple[Optional[int], Optional[Noise]]


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
    noise : `Noise`, optional
        Is added to the baseline.
    """

    nodes: Sequence[float]
    weights: Sequence[float]
    background: Optional[int] = None
    noise: Optional[Noise] = None

    @cached_property
    def key(self) -> PathKey:
        """The same for two paths with the same beginning, wherever their nodes stand."""
        return self.background, self.noise


@dataclass(frozen=True)
class PathMeasure:
    """
    A weighted set of points between baselines and input: the attribution of a feature is
    Σ weight · ∂f/∂x(point) · (x − x').

    # Parameters

    paths : `List[Path]`
    strata : `Strata`, optional
        For a measure that was drawn at random, with one node on each path: how its paths were
        drawn (see `sampling`). `None` where nothing is random.
    """

    paths: List[Path]
    strata: Optional[Strata] = None

    @cached_property
    def nodes(self) -> List[Tuple[PathKey, float]]:
        """Every point, in the order of the paths and of their nodes."""
        return [(path.key, node) for path in self.paths for node in path.nodes]

    @cached_property
    def weights(self) -> List[float]:
        """One for each point."""
        return [weight for path in self.paths for weight in path.weights]


class RefinedMeasure:
    """
    Points of which there are more and more, until the error is small enough.

    # Parameters

    tolerance : `float`
        The largest Σ |error| / Σ |score| to stop at.
    max_evaluations : `int`
        For all paths together.
    """

    def __init__(self, tolerance: float, max_evaluations: int) -> None:
        self.tolerance = tolerance
        self.max_evaluations = max_evaluations

    @property
    def first(self) -> PathMeasure:
        """The fewest points."""
        raise NotImplementedError

    def judged(
        self, measures: Sequence[PathMeasure], terms: Sequence[torch.Tensor]
    ) -> List[Tuple[PathMeasure, float]]:
        """
        # Parameters

        measures : `Sequence[PathMeasure]`
            For each of some texts, the first, or one that followed.
        terms : `Sequence[torch.Tensor]`
            For each text the integrand at its measure's points. Shapes: (points, elements).

        # Returns

        `List[Tuple[PathMeasure, float]]`
            For each text its measure with the weights that suit the integrand best, and an estimate
            of Σ |error| over all elements.
        """
        raise NotImplementedError

    def following(self, measure: PathMeasure, is_cheap: bool) -> Optional[PathMeasure]:
        """
        All points of a measure that was judged, and some more; `None` where that would be too many.

        # Parameters

        is_cheap : `bool`
            Whether more points cost hardly more, so that it is better to take too many at once than
            to come back for them.
        """
        raise NotImplementedError
