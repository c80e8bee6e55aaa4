"""The terms of path integrals, and a cache of those that were evaluated."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch

from biome_interpret.attribution.paths import Path, PathKey, PathMeasure
from biome_interpret.interpreters.engine.rows.points import Row
from biome_interpret.models.embedding.calls import CallKey

# For each call a tensor of shape (nodes, positions, embedding_dim or 1).
Terms = Dict[CallKey, torch.Tensor]


class Pass(NamedTuple):
    """
    The results of one pass, on the device.

    # Parameters

    num_rows : `int`
    values : `torch.Tensor`
        f of each row, or one number for all rows. Shape: (rows or 1,).
    terms : `Terms`
        Shape of each: (rows, positions, embedding_dim or 1).
    """

    num_rows: int
    values: torch.Tensor
    terms: Terms


@dataclass
class Integrands:
    """
    The integrand of one instance at the nodes of a measure.

    # Parameters

    measure : `PathMeasure`
        The nodes and their weights.
    terms : `Terms`
        ∂f/∂x · (x − x') at each node, in float64, for each call; summed over the embedding
        dimension if requested. Shape: (nodes, positions, embedding_dim or 1).
    estimated_error : `float`, optional
        Σ |error| / Σ |score|, if the nodes were chosen by it.
    notes : `List[str]`
        Notes for the result, for example that refining was cut short.
    """

    measure: PathMeasure
    terms: Terms
    estimated_error: Optional[float] = None
    notes: List[str] = field(default_factory=list)

    @cached_property
    def integrals(self) -> Terms:
        """The integral of each call. Shapes: (positions, embedding_dim or 1)."""
        weights = torch.tensor(self.measure.weights, dtype=torch.float64)
        return {
            call: (weights @ term.flatten(1)).reshape(term.shape[1:])
            for call, term in self.terms.items()
        }

    @property
    def elements(self) -> torch.Tensor:
        """The terms of all calls side by side. Shape: (nodes, elements)."""
        return torch.cat([term.flatten(1) for term in self.terms.values()], dim=1)

    @cached_property
    def total(self) -> float:
        """Σ score over all positions."""
        return sum(float(integral.sum()) for integral in self.integrals.values())

    @cached_property
    def size(self) -> float:
        """Σ |score| over all positions."""
        return sum(float(integral.abs().sum()) for integral in self.integrals.values())


class GradientCache:
    """The terms of one instance at every evaluated point, and f at the ends of its paths."""

    def __init__(self) -> None:
        self._indices: Dict[Tuple[PathKey, float], int] = {}
        self._terms: Terms = {}
        self.baseline_outputs: Dict[PathKey, float] = {}
        # f(x) from a pass with other points. With autocast it is rounded.
        self.output_in_pass: Optional[float] = None

    def missing(self, paths: Sequence[Path]) -> List[Tuple[Path, float]]:
        """The points on some paths that were not evaluated yet, each once."""
        points = {(path.key, node): (path, node) for path in paths for node in path.nodes}
        return [point for key, point in points.items() if key not in self._indices]

    def add(self, rows: Sequence[Row], terms: Terms) -> None:
        for row in rows:
            self._indices[row.path.key, row.node] = len(self._indices)
        old = self._terms
        self._terms = {k: torch.cat([old[k], t]) if old else t for k, t in terms.items()}

    def add_value(self, row: Row, value: float) -> None:
        if row.is_baseline:
            self.baseline_outputs[row.path.start_key] = value
        elif row.is_input:
            self.output_in_pass = value

    def terms_at(self, measure: PathMeasure) -> Terms:
        order = torch.tensor([self._indices[point] for point in measure.nodes])
        return {key: term[order] for key, term in self._terms.items()}
