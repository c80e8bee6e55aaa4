"""The points on straight paths at which a path method evaluates gradients, and their weights."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import List, NamedTuple, Optional, Sequence, Tuple

import torch

from biome_interpret.attribution.normalization import above_tolerance
from biome_interpret.attribution.sampling import Strata


class Noise(NamedTuple):
    """
    Gaussian noise that is added to one end of a path.

    # Parameters

    seed : `Tuple[int, ...]`
        The same seed gives the same noise.
    std : `float`
        Its standard deviation in each dimension.
    relative : `bool`
        Whether `std` is in units of the standard deviation of the text's own embeddings.
    sign : `int`, optional (default = `1`)
        -1 for the noise's mirror image.
    at_input : `bool`, optional (default = `False`)
        Whether it is added to the input. If not, it is added to the baseline.
    """

    seed: Tuple[int, ...]
    std: float
    relative: bool
    sign: int = 1
    at_input: bool = False


PathKey = Tuple[Optional[int], Optional[Noise]]


@dataclass(frozen=True)
class Path:
    """
    The straight line from a baseline x' to the input x, and the nodes on it.

    # Parameters

    nodes : `Sequence[float]`
        Positions on the line: 0 is the baseline, 1 the input.
    weights : `Sequence[float]`
        One for each node. Over all paths of a measure they sum to one.
    background : `int`, optional
        The index of the background text that is the baseline; `None` for the configured baseline.
    noise : `Noise`, optional
    """

    nodes: Sequence[float]
    weights: Sequence[float]
    background: Optional[int] = None
    noise: Optional[Noise] = None

    @cached_property
    def key(self) -> PathKey:
        """Equal for paths with the same ends."""
        return self.background, self.noise

    @property
    def start_key(self) -> PathKey:
        """Equal for paths with the same start."""
        return self.background, None if self.ends_in_noise else self.noise

    @property
    def ends_in_noise(self) -> bool:
        """Whether its end is not the text itself."""
        return self.noise is not None and self.noise.at_input


@dataclass(frozen=True)
class PathMeasure:
    """
    Weighted points between baselines and input. The attribution of a feature is
    Σ weight · ∂f/∂x(point) · (x − x').

    # Parameters

    paths : `List[Path]`
    strata : `Strata`, optional
        How random paths with one node each were drawn (see `sampling`); `None` if nothing is
        random.
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


class AdaptiveMeasure:
    """
    Points that are added, for each text on its own, until the error is small enough.

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
    def initial(self) -> PathMeasure:
        """The fewest points, the same for every text."""
        raise NotImplementedError

    def estimate_errors(
        self, measures: Sequence[PathMeasure], terms: Sequence[torch.Tensor]
    ) -> List[Tuple[PathMeasure, float]]:
        """
        Finds the weights that suit each text's integrand best, and an estimate of Σ |error| over
        all its elements.

        # Parameters

        measures : `Sequence[PathMeasure]`
            One for each text: the initial one or a refined one.
        terms : `Sequence[torch.Tensor]`
            The integrand of each text at the points of its measure. Shape: (points, elements).
        """
        raise NotImplementedError

    def refined(self, measures: Sequence[PathMeasure]) -> List[Optional[PathMeasure]]:
        """
        For each measure that `estimate_errors` returned all its points, and more; `None` if that
        would exceed `max_evaluations`.
        """
        raise NotImplementedError

    def cut_short(self, share: float) -> str:
        """The note on an estimated error above the tolerance."""
        stopped = f"stopped at max_evaluations = {self.max_evaluations}"
        if not math.isfinite(share):
            return (
                f"{stopped}, without an estimate of the error: the scores are about 0 although the "
                f"output changes, or there are too few samples"
            )
        return f"{stopped}: {above_tolerance(share, self.tolerance)}"
