"""The terms of a path integral, and those that are known already."""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import (
    Dict,
    List,
    Optional,
    Sequence,
    Tuple,
)

import torch

from biome_interpret.attribution.paths import Path, PathKey, PathMeasure
from biome_interpret.interpreters.points import AT_ORIGIN, Row
from biome_interpret.models.embedding.calls import CallKey

# For each call of a site, something of shape (nodes, positions, embedding_dim or 1).
Terms = Dict[CallKey, torch.Tensor]


@dataclass
class Integrands:
    """
    What one instance's integral is made of.

    # Parameters

    measure : `PathMeasure`
        The nodes and their weights.
    terms : `Terms`
        ∂f/∂x · (x − x') at each node, in float64, for each call. Summed over the embedding
        dimension where that is asked for. Shape: (nodes, positions, embedding_dim or 1).
    estimated_error : `float`, optional
        Σ |error| / Σ |score|, where the nodes were chosen by it.
    notes : `List[str]`
        Plain statements, where refining was cut short.
    """

    measure: PathMeasure
    terms: Terms
    estimated_error: Optional[float] = None
    notes: List[str] = field(default_factory=list)

    @cached_property
    def integrals(self) -> Terms:
        """Of each call. Shapes: (positions, embedding_dim or 1)."""
        weights = torch.tensor(self.measure.weights, dtype=torch.float64)
        return {
            call: (weights @ term.flatten(1)).reshape(term.shape[1:])
            for call, term in self.terms.items()
        }

    @property
    def elements(self) -> torch.Tensor:
        """The terms of all calls side by side. Shape: (nodes, elements)."""
        of_calls = [term.flatten(1) for term in self.terms.values()]
        return of_calls[0] if len(of_calls) == 1 else torch.cat(of_calls, dim=1)

    @cached_property
    def total(self) -> float:
        """Σ over all positions."""
        return sum(float(integral.numpy().sum()) for integral in self.integrals.values())

    @cached_property
    def size(self) -> float:
        """Σ |score|"""
        return sum(float(abs(integral.numpy()).sum()) for integral in self.integrals.values())


class _LookedAt:
    """The terms of one instance at all points so far, in the order in which they came."""

    def __init__(self) -> None:
        self._places: Dict[Tuple[PathKey, float], int] = {}
        self._terms: Terms = {}
        # f, as far as rows have values of their own.
        self._values: Dict[Tuple[PathKey, float], float] = {}

    def unknown(self, paths: Sequence[Path]) -> List[Tuple[Path, float]]:
        """The nodes of some paths that are new."""
        return [(p, node) for p in paths for node in p.nodes if (p.key, node) not in self._places]

    def add(self, rows: Sequence[Row], terms: Terms) -> None:
        for row in rows:
            self._places[row.path_key, row.node] = len(self._places)
        old = self._terms
        self._terms = {k: torch.cat([old[k], t]) if old else t for k, t in terms.items()}

    def remember(self, row: Row, value: float) -> None:
        self._values[row.path_key, row.node] = value

    def at(self, measure: PathMeasure) -> Terms:
        order = _index(tuple([self._places[point] for point in measure.nodes]))
        return {key: term[order] for key, term in self._terms.items()}

    def origin_output(self, path: Path) -> Optional[float]:
        return self._values.get((path.key, AT_ORIGIN))

    def guessed_origin_output(self, path: Path) -> float:
        """Where f(x') is not known: as it goes on from the first node."""
        known = self.origin_output(path)
        if known is not None:
            return known
        point = path.key, min(path.nodes)
        slope = sum(float(term[self._places[point]].sum()) for term in self._terms.values())
        return self._values[point] - point[1] * slope


@lru_cache(maxsize=16)
def _index(places: Tuple[int, ...]) -> torch.Tensor:
    """The same for many texts."""
    return torch.tensor(places)
