"""The rows of a pass: points at which f is evaluated, for labelled instances."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch

from biome_interpret.attribution.coalitions import Removed
from biome_interpret.attribution.paths import Path, PathKey
from biome_interpret.interpreters.engine.rows.units import BatchUnits
from biome_interpret.models.baselines.path_starts import PathStarts
from biome_interpret.models.embedding.calls import CallKey, SiteCall
from biome_interpret.models.tensors import on_device, rows_at

# The ends of a path: x' and x.
AT_BASELINE, AT_INPUT = 0.0, 1.0


class Row(NamedTuple):
    """
    A point for one instance.

    # Parameters

    instance : `int`
    path : `Path`
    node : `float`
        The position on the path.
    moved : `Removed`, optional
        The units that are at this position. The others are as in the text. `None`: all positions.
    """

    instance: int
    path: Path
    node: float
    moved: Optional[Removed] = None

    @property
    def is_input(self) -> bool:
        """Whether it is the text itself."""
        if self.moved is not None and not self.moved:
            return True
        return self.node == AT_INPUT and not self.path.ends_in_noise

    @property
    def is_baseline(self) -> bool:
        return self.node == AT_BASELINE and self.moved is None


class PathPoints:
    """
    The rows of a pass as vectors of embedding spaces.

    # Parameters

    rows : `Sequence[Row]`
    starts : `PathStarts`
    units : `BatchUnits`, optional
        Required if some rows move only some units.
    """

    def __init__(
        self, rows: Sequence[Row], starts: PathStarts, units: Optional[BatchUnits] = None
    ) -> None:
        self.rows = rows
        self.instances = [row.instance for row in rows]
        nodes = torch.tensor([row.node for row in rows], dtype=torch.float64)
        # Shape: (rows, 1, 1)
        self._nodes = nodes.reshape(-1, 1, 1)
        # Each path once, since making its start takes time.
        self._paths: List[Tuple[int, Path]] = []
        self._path_of_row: List[int] = []
        indices: Dict[Tuple[int, PathKey], int] = {}
        for row in rows:
            index = indices.setdefault((row.instance, row.path.key), len(indices))
            if index == len(self._paths):
                self._paths.append((row.instance, row.path))
            self._path_of_row.append(index)
        self._starts = starts
        self._units = units
        # x − x' of each row, once `vectors` was called. Shape: (rows, positions, embedding_dim)
        self.differences: Dict[CallKey, torch.Tensor] = {}

    def vectors(self, call: SiteCall) -> torch.Tensor:
        """x' + node · (x − x'). Shape: (rows, positions, embedding_dim)."""
        starts = rows_at(self._starts.vectors(call, self._paths), self._path_of_row)
        embedded = rows_at(call.embedded, self.instances)
        self.differences[call.key] = embedded - starts
        nodes = on_device(self._nodes.to(embedded.dtype), embedded.device)
        if any(path.ends_in_noise for _, path in self._paths):
            noisy = rows_at(self._starts.noisy_texts(call, self._paths), self._path_of_row)
            return torch.lerp(starts, noisy, nodes)
        points = torch.lerp(starts, embedded, nodes)
        if self._units is None:
            return points
        moved = self._units.moved(call, [(row.instance, row.moved) for row in self.rows])
        return torch.where(on_device(moved.unsqueeze(-1), embedded.device), points, embedded)
