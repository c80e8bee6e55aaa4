"""
What distinguishes one path method from another: the straight paths that it follows, and where on
them it looks.
"""

from dataclasses import dataclass
from typing import List, Optional, Sequence


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
    noise_key : `Sequence[int]`, optional
        Seeds the Gaussian noise that is added to the baseline; `None` for no noise.
    """

    nodes: Sequence[float]
    weights: Sequence[float]
    background: Optional[int] = None
    noise_key: Optional[Sequence[int]] = None


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
