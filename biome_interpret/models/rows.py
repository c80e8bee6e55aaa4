"""Whether the rows of a batch may share a forward pass: found out from the model, never assumed."""

from dataclasses import dataclass, replace
from typing import Optional, Sequence

import torch

from biome_interpret.models.evaluation import ROUNDING, Evaluation, ExplainedBatch, Points

# How a batch's gradient by one row grows into that row's own: times (number of rows) to this
# power. 0: each row has a value of its own, or the loss is a sum. 1: the loss is a mean.
SUM, MEAN = 0, 1

# Multiples of the input, far enough from each other that rows which mix give themselves away.
_PROBES = (0.5, 1.5, -1.0)

# How many positions are appended to see whether padding matters.
_PADDING = 3


@dataclass(frozen=True)
class Verdict:
    """
    How rows of a batch relate, for one kind of objective.

    # Parameters

    row_power : `int`, optional
        `SUM` or `MEAN`; `None` where the model must be run row by row, since other rows change a
        row's value or gradient, or since it takes no batch of several.
    needs_loss : `bool`
        Whether what is explained is a batch's loss.
    padding_matters : `bool`
        Whether padding appended to a text changes f.
    """

    row_power: Optional[int]
    needs_loss: bool
    padding_matters: bool

    @property
    def rows_are_shared(self) -> bool:
        """Whether different instances may go through the model in one pass."""
        return self.row_power == SUM and not self.needs_loss

    def row_by_row(self) -> "Verdict":
        return replace(self, row_power=None)


def find_verdict(batch: ExplainedBatch) -> Verdict:
    """By evaluating a batch's first instance alone, beside other points, and padded."""
    return Verdict(_row_power(batch), batch.objective.needs_loss, _padding_matters(batch))


def _row_power(batch: ExplainedBatch) -> Optional[int]:
    alone = batch.evaluate([0], _probes(batch, _PROBES[:1]), want_gradients=True)
    powers = {_power(batch, alone, _PROBES[:count]) for count in range(2, len(_PROBES) + 1)}
    return powers.pop() if len(powers) == 1 else None


def _padding_matters(batch: ExplainedBatch) -> bool:
    try:
        padded = batch.padded_value(_PADDING)
    except Exception:  # The text may fill all that the model takes.
        return False
    return not close(batch.values[0], batch.values.new_tensor(padded))


def _power(batch: ExplainedBatch, alone: Evaluation, probes: Sequence[float]) -> Optional[int]:
    try:
        together = batch.evaluate([0] * len(probes), _probes(batch, probes), want_gradients=True)
    except Exception:  # A model that takes no batch of several may fail in any way.
        return None
    if not batch.objective.needs_loss and not close(alone.values[0], together.values[0]):
        return None
    if batch.objective.needs_loss and not any(g.any() for g in alone.gradients.values()):
        return None  # Gradients of zero do not tell a sum from a mean.
    for power in (SUM, MEAN) if batch.objective.needs_loss else (SUM,):
        scale = len(probes) ** power
        if all(close(alone.gradients[k][0], scale * g[0]) for k, g in together.gradients.items()):
            return power
    return None


def _probes(batch: ExplainedBatch, multiples: Sequence[float]) -> Points:
    return {
        call.key: torch.stack([multiple * call.embedded[0] for multiple in multiples])
        for call in batch.calls
    }


def close(expected: torch.Tensor, found: torch.Tensor) -> bool:
    """Equal up to rounding, by the largest element."""
    difference = (expected - found).abs().max()
    return bool(difference <= ROUNDING * torch.maximum(expected.abs().max(), found.abs().max()))
