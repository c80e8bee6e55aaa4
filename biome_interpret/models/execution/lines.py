"""Rows of a pass that stand on straight lines, as points of a path do."""

import math
from typing import Dict, NamedTuple, Optional, Sequence

import torch

# Rounding of a point between two others, each a sum, in units of the floating-point type's own.
_ROUNDING = 32.0


class Ends(NamedTuple):
    """
    # Parameters

    rows : `torch.Tensor`
        Of each line, the row at its smallest node; then of each, that at its largest. Shape:
        (2 · lines,).
    line : `torch.Tensor`
        Of each row, the number of its line. Shape: (rows,).
    share : `torch.Tensor`
        How far each row is on the way from the one end to the other. Shape: (rows, 1).
    """

    rows: torch.Tensor
    line: torch.Tensor
    share: torch.Tensor

    @property
    def num_lines(self) -> int:
        return len(self.rows) // 2

    def of(self, rows: torch.Tensor) -> torch.Tensor:
        """Of something that all rows have, what the ends have. (rows, ...) -> (2 · lines, ...)"""
        return rows.index_select(0, self.rows)

    def between(self, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        """Of what each line has at its ends, what its rows have. (lines, n) -> (rows, n)"""
        if self.num_lines > 1:
            low, high = low.index_select(0, self.line), high.index_select(0, self.line)
        return torch.lerp(low, high, self.share)

    def are_straight(self, points: torch.Tensor) -> bool:
        """
        Whether what the rows have changes along each line as they do, but for rounding.

        # Parameters

        points : `torch.Tensor`
            Shape: (rows, n).
        """
        ends = self.of(points)
        off = torch.dist(self.between(*ends.chunk(2)), points, p=math.inf)
        size = torch.linalg.vector_norm(ends, math.inf)
        return float(off) <= _ROUNDING * torch.finfo(points.dtype).eps * float(size)


class Lines:
    """
    # Parameters

    numbers : `Sequence[int]`
        For each row the number of its line, from 0.
    nodes : `Sequence[float]`
        For each row its position on the line.
    """

    def __init__(self, numbers: Sequence[int], nodes: Sequence[float]) -> None:
        self._numbers = numbers
        self._nodes = nodes
        self._ends: Dict[torch.dtype, Optional[Ends]] = {}

    def __len__(self) -> int:
        """The number of rows."""
        return len(self._nodes)

    def ends(self, dtype: torch.dtype) -> Optional[Ends]:
        """For numbers of a type. `None` where hardly any row is between two others."""
        if dtype not in self._ends:
            self._ends[dtype] = self._found_ends(dtype)
        return self._ends[dtype]

    def _found_ends(self, dtype: torch.dtype) -> Optional[Ends]:
        low: Dict[int, int] = {}
        high: Dict[int, int] = {}
        for row, (line, node) in enumerate(zip(self._numbers, self._nodes)):
            if node < self._nodes[low.setdefault(line, row)]:
                low[line] = row
            if node > self._nodes[high.setdefault(line, row)]:
                high[line] = row
        if len(self) <= 2 * len(low):
            return None
        first, last = ([ends[line] for line in range(len(low))] for ends in (low, high))
        numbers, nodes = torch.tensor(self._numbers), torch.tensor(self._nodes, dtype=torch.float64)
        start, length = nodes[first], nodes[last] - nodes[first]
        # Of a line with one row, which is both its ends, there is nothing to share.
        share = (nodes - start[numbers]) / torch.where(length > 0, length, 1.0)[numbers]
        return Ends(torch.tensor([*first, *last]), numbers, share.unsqueeze(1).to(dtype))
