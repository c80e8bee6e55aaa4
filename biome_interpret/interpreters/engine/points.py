"""The rows of a pass: points on the paths of labelled instances."""

from typing import Dict, List, NamedTuple, Sequence, Tuple

import torch

from biome_interpret.attribution.paths import Path, PathKey
from biome_interpret.models.baselines.path_starts import PathStarts
from biome_interpret.models.embedding.calls import CallKey, SiteCall
from biome_interpret.models.tensors import on_device, rows_at

# The ends of a path: x' and x.
AT_BASELINE, AT_INPUT = 0.0, 1.0


class Row(NamedTuple):
    """A point on one path of one instance. Every path ends at the input."""

    instance: int
    path: Path
    node: float


class PathPoints:
    """
    The rows of a pass as vectors of embedding spaces.

    # Parameters

    rows : `Sequence[Row]`
    starts : `PathStarts`
    """

    def __init__(self, rows: Sequence[Row], starts: PathStarts) -> None:
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
        # x − x' of each row, once `vectors` was called. Shape: (rows, positions, embedding_dim)
        self.differences: Dict[CallKey, torch.Tensor] = {}

    def vectors(self, call: SiteCall) -> torch.Tensor:
        """x' + node · (x − x'). Shape: (rows, positions, embedding_dim)."""
        starts = rows_at(self._starts.vectors(call, self._paths), self._path_of_row)
        embedded = rows_at(call.embedded, self.instances)
        self.differences[call.key] = embedded - starts
        nodes = on_device(self._nodes.to(embedded.dtype), embedded.device)
        return torch.lerp(starts, embedded, nodes)
