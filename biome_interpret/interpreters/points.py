"""Points on the paths of labelled instances: which there are, and where they stand."""

from typing import Dict, List, NamedTuple, Sequence, Tuple

import torch

from biome_interpret.attribution.paths import Path, PathKey
from biome_interpret.models.baselines.path_starts import PathStarts
from biome_interpret.models.embedding.calls import CallKey, SiteCall
from biome_interpret.models.execution.lines import Lines
from biome_interpret.models.tensors import rows_at

# The ends of a path, for f(x') and f(x).
AT_ORIGIN, AT_INPUT = 0.0, 1.0


class Row(NamedTuple):
    """A point on one path of one instance. The input itself is on each of them, at its end."""

    instance: int
    path: Path
    node: float

    @property
    def path_key(self) -> PathKey:
        """The same for two points of one line."""
        return self.path.key


class RowSet:
    """
    Points, and which of them stand on one line.

    # Parameters

    rows : `Sequence[Row]`
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.instances = [row.instance for row in rows]
        # In float64, since nodes stand close to each other. Shape: (rows, 1, 1).
        nodes = torch.tensor([row.node for row in rows], dtype=torch.float64)
        self.nodes = nodes.reshape(-1, 1, 1)
        # One row of each line, and for each row the number of its line.
        self.examples: List[Row] = []
        self.line_numbers: List[int] = []
        numbers: Dict[Tuple[int, PathKey], int] = {}
        for row in rows:
            line = (row.instance, row.path_key)
            if line not in numbers:
                numbers[line] = len(self.examples)
                self.examples.append(row)
            self.line_numbers.append(numbers[line])
        self.lines = Lines(self.line_numbers, [row.node for row in rows])

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def along(cls, paths: Sequence[Path], num_instances: int, with_origins: bool) -> "RowSet":
        """
        What goes through the model with the texts themselves: these first, then all other points of
        their paths.
        """
        first = paths[0]
        rows = [Row(instance, first, AT_INPUT) for instance in range(num_instances)]
        for instance in range(num_instances):
            for path in paths:
                nodes = [node for node in path.nodes if path is not first or node != AT_INPUT]
                missing = [AT_ORIGIN] if with_origins and AT_ORIGIN not in nodes else []
                rows += [Row(instance, path, node) for node in [*missing, *nodes]]
        return cls(rows)


class Points:
    """
    Where rows stand in the embedding spaces of calls.

    # Parameters

    rows : `RowSet`
    origins : `PathStarts`
    """

    def __init__(self, rows: RowSet, origins: PathStarts) -> None:
        self.rows = rows
        # x − x' of each row, by call, as far as they were asked for. Shape: as the points, or one
        # that broadcasts to it.
        self.factors: Dict[CallKey, torch.Tensor] = {}
        self._origins = origins

    def of(self, call: SiteCall) -> torch.Tensor:
        """x' + node · (x − x'). Shape: (rows, positions, embedding_dim)."""
        rows = self.rows
        embedded = rows_at(call.embedded, [row.instance for row in rows.examples])
        origins = self._origins.vectors(call, [(row.instance, row.path) for row in rows.examples])
        if len(rows.examples) > 1:
            embedded, origins = (
                rows_at(vectors, rows.line_numbers) for vectors in (embedded, origins)
            )
        self.factors[call.key] = embedded - origins
        return torch.lerp(origins, embedded, rows.nodes.to(embedded))
