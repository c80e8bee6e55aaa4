"""Rows of a pass that stand on straight lines, as points of a path do."""

import math
from functools import cached_property
from typing import Dict, NamedTuple, Optional, Sequence

import torch

# Rounding of a point between two others, in units of the floating-point type's own.
_ROUNDING = 8.0


class Ends(NamedTuple):
    """
    # Parameters

    low, high : `torch.Tensor`
        Of each line, the rows at its smallest and at its largest node. Shape: (lines,).
    line : `torch.Tensor`
        Of each row, the number of its line. Shape: (rows,).
    share : `torch.Tensor`
        How far each row is on the way from the one end to the other, in float64. Shape: (rows, 1).
    """

    low: torch.Tensor
    high: torch.Tensor
    line: torch.Tensor
    share: torch.Tensor

    def of(self, rows: torch.Tensor) -> torch.Tensor:
        """Of something that all rows have, what the ends have. (rows, ...) -> (2, lines, ...)"""
        both = torch.cat([self.low, self.high])
        return rows.index_select(0, both).unflatten(0, (2, len(self.low)))

    def between(self, ends: torch.Tensor) -> torch.Tensor:
        """Of what the ends have, what all rows have. (2, lines, n) -> (rows, n)"""
        low, high = ends if len(self.low) == 1 else ends.index_select(1, self.line)
        return torch.lerp(low, high, self.share.to(low))

    def are_straight(self, points: torch.Tensor, ends: torch.Tensor) -> bool:
        """
        Whether what the rows have changes along each line as they do, but for rounding.

        # Parameters

        points : `torch.Tensor`
            Shape: (rows, n).
        ends : `torch.Tensor`
            Theirs. Shape: (2, lines, n).
        """
        off = torch.dist(self.between(ends), points, p=math.inf)
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

    def __len__(self) -> int:
        """The number of rows."""
        return len(self._nodes)

    @cached_property
    def ends(self) -> Optional[Ends]:
        """`None` where hardly any row is between two others."""
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
        return Ends(torch.tensor(first), torch.tensor(last), numbers, share.unsqueeze(1))
