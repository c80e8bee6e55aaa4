"""Whether the rows of a batch may share a forward pass: found out from the model, never assumed."""

from dataclasses import dataclass, replace
from typing import Optional, Sequence

import torch

from biome_interpret.models.execution.evaluation import ROUNDING, Evaluation, ExplainedBatch, Points
from biome_interpret.models.objectives import LabelObjective

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
    goes_with_prediction : `bool`
        Whether a text has one label, so that one instance is made of it.
    padding_matters : `bool`
        Whether padding appended to a text changes f.
    """

    row_power: Optional[int]
    needs_loss: bool
    goes_with_prediction: bool
    padding_matters: bool

    @property
    def rows_are_shared(self) -> bool:
        """Whether different instances may go through the model in one pass."""
        return self.row_power == SUM and not self.needs_loss

    def row_by_row(self) -> "Verdict":
        return replace(self, row_power=None)


def find_verdict(batch: ExplainedBatch) -> Verdict:
    """By evaluating a batch's first instance alone, beside other points, and padded."""
    objective = batch.objective
    return Verdict(
        _row_power(batch),
        objective.needs_loss,
        isinstance(objective, LabelObjective),
        _padding_matters(batch),
    )


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
        if same_gradients(alone.gradients, together.gradients, 0, scale):
            return power
    return None


def _probes(batch: ExplainedBatch, multiples: Sequence[float]) -> Points:
    return {
        call.key: torch.stack([multiple * call.embedded[0] for multiple in multiples])
        for call in batch.calls
    }


def close(expected: torch.Tensor, found: torch.Tensor, size: float = 0.0) -> bool:
    """Equal up to rounding, by the largest element, or by a size that is larger."""
    largest = max(float(expected.abs().max()), float(found.abs().max()), size)
    return float((expected - found).abs().max()) <= ROUNDING * largest


def same_gradients(alone: Points, together: Points, row: int, scale: float) -> bool:
    """
    Whether one row's gradients are those of a row among others, but for a factor, up to rounding.
    What is small is measured by the largest over all calls: a text that does not matter beside
    another has a gradient of nothing but rounding, which is never the same twice.
    """
    found = {key: scale * gradients[row] for key, gradients in together.items()}
    pairs = [(alone[key][0], gradient) for key, gradient in found.items()]
    size = max((float(g.abs().max()) for pair in pairs for g in pair), default=0.0)
    return all(close(expected, gradient, size) for expected, gradient in pairs)
