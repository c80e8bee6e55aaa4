"""Rows of a pass that stand on straight lines, as points of a path do."""

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
        """
        What the ends have of something of all rows, or of several such for each row: all low ends
        first. (rows · k, ...) -> (2 · lines · k, ...)
        """
        by_row = rows.reshape(len(self.line), -1, *rows.shape[1:])
        return by_row.index_select(0, torch.cat([self.low, self.high])).flatten(0, 1)

    def between(self, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
        """Of what each line has at its ends, what its rows have. (lines, n) -> (rows, n)"""
        share = self.share.to(low)
        if len(low) > 1:
            low, high = low[self.line], high[self.line]
        return torch.lerp(low, high, share)

    def are_straight(self, points: torch.Tensor) -> bool:
        """
        Whether what the rows have changes along each line as they do, but for rounding.

        # Parameters

        points : `torch.Tensor`
            Shape: (rows, n).
        """
        off = self.between(points[self.low], points[self.high]).sub_(points).abs_().max()
        return bool(off <= _ROUNDING * torch.finfo(points.dtype).eps * points.abs().max())


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

    def ends_of(self, points: torch.Tensor) -> Optional[Ends]:
        """
        `ends`, where something of all rows changes along each line as they do.

        # Parameters

        points : `torch.Tensor`
            Shape: (rows · k, ...).
        """
        ends = self.ends
        if ends is None or len(points) % len(self):
            return None
        return ends if ends.are_straight(points.reshape(len(self), -1)) else None

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
