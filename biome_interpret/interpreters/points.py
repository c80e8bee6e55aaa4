"""Points on the paths of labelled instances: which there are, and where they stand."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch

from biome_interpret.attribution.paths import Path, PathKey
from biome_interpret.models.calls import CallKey, SiteCall
from biome_interpret.models.origins import Origins

# The ends of a path, for f(x') and f(x).
AT_ORIGIN, AT_INPUT = 0.0, 1.0


class Row(NamedTuple):
    """A point on one path of one instance; no path where the point is the input itself."""

    instance: int
    path: Optional[Path]
    node: float

    @property
    def key(self) -> Tuple[int, Optional[PathKey]]:
        """The same for two points of one line."""
        return self.instance, None if self.path is None else self.path.key


def rows_along(paths: Sequence[Path], num_instances: int) -> List[Row]:
    """
    What goes through the model with the texts themselves: these first, and then all other points of
    their paths, both ends among them.
    """
    first = paths[0] if AT_INPUT in paths[0].nodes else None
    rows = [Row(instance, first, AT_INPUT) for instance in range(num_instances)]
    for instance in range(num_instances):
        for path in paths:
            nodes = [node for node in path.nodes if path is not first or node != AT_INPUT]
            missing = [] if AT_ORIGIN in nodes else [AT_ORIGIN]
            rows += [Row(instance, path, node) for node in [*missing, *nodes]]
    return rows


class Points:
    """
    Where rows stand in the embedding spaces of calls.

    # Parameters

    rows : `Sequence[Row]`
    origins : `Origins`
    """

    def __init__(self, rows: Sequence[Row], origins: Origins) -> None:
        self.rows = rows
        # x − x' of each row, by call, as far as they were asked for. Shape: as the points.
        self.factors: Dict[CallKey, torch.Tensor] = {}
        self._origins = origins
        self._instances = torch.tensor([row.instance for row in rows])
        nodes = torch.tensor([row.node for row in rows], dtype=torch.float64)
        self._nodes = nodes.reshape(-1, 1, 1)

    def of(self, call: SiteCall) -> torch.Tensor:
        """x' + node · (x − x'). Shape: (rows, positions, embedding_dim)."""
        embedded = call.embedded[self._instances.to(call.embedded.device)]
        origins = self._origins_of(call)
        self.factors[call.key] = embedded - origins
        return torch.lerp(origins, embedded, self._nodes.to(embedded))

    def _origins_of(self, call: SiteCall) -> torch.Tensor:
        """Shape: (rows, positions, embedding_dim). A row without a path stays at the input."""
        places: Dict[Tuple[int, Optional[PathKey]], int] = {}
        vectors: List[torch.Tensor] = []
        for row in self.rows:
            if row.key not in places:
                places[row.key] = len(vectors)
                vectors.append(
                    call.embedded[row.instance]
                    if row.path is None
                    else self._origins.vectors(call, row.instance, row.path)
                )
        if len(vectors) == 1:
            return vectors[0].expand(len(self.rows), -1, -1)
        index = torch.tensor([places[row.key] for row in self.rows], device=call.embedded.device)
        return torch.stack(vectors)[index]
