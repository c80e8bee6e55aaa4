"""Probes on the model whether the rows of a batch are independent."""

from dataclasses import dataclass
from typing import NamedTuple, Optional, Sequence

import torch

from biome_interpret.models.execution.evaluation import (
    ROUNDING,
    Evaluation,
    ExplainedBatch,
    PointsByCall,
    RowsMixed,
)

# How the loss of a batch is made of its rows' losses. The gradient of a row alone is its gradient
# in the batch times (number of rows) ** reduction. If each row has its own value, it is SUM.
SUM, MEAN = 0, 1

# Factors for the embedding. The points are far enough apart to reveal rows that mix.
_PROBES = (0.5, 1.5, -1.0)

# Where gradients are compared with central differences. Then the step, the rounding of f, and how
# much they may differ.
_SLOPE_PROBES = (0.53, 0.71, 0.91)
_STEP = 5e-3
_OUTPUT_ROUNDING = 2e-6
_SLOPE_TOLERANCE = 0.01

# The number of positions appended to a text to see whether padding matters.
_PADDING = 3


@dataclass(frozen=True)
class RowIndependence:
    """
    How the rows of a batch relate, for one type of objective.

    # Parameters

    loss_reduction : `int`, optional
        `SUM` or `MEAN`. `None` if the model must be run row by row: other rows change the value or
        gradient of a row, or the model takes one row only.
    needs_loss : `bool`
        Whether the explained output is the loss of a batch.
    padding_matters : `bool`
        Whether padding appended to a text changes f.
    bypasses_embeddings : `bool`
        Whether f changes with the ids of the words although their embeddings are held.
    has_other_gradient : `bool`
        Whether the gradient differs from the central differences of f.
    failed : `bool`
        Whether the model raised an exception on several rows. This may be due to the probed text.
    """

    loss_reduction: Optional[int]
    needs_loss: bool
    padding_matters: bool
    bypasses_embeddings: bool = False
    has_other_gradient: bool = False
    failed: bool = False

    @property
    def instances_may_share(self) -> bool:
        """Whether different instances may share a pass."""
        return self.loss_reduction == SUM and not self.needs_loss


class HeldPasses:
    """
    Which passes were compared with the same rows alone: the first one, each one with more than
    twice as many rows, and the first one with several texts.
    """

    def __init__(self) -> None:
        self._num_rows = 0
        self._has_several_texts = False

    def is_due(self, num_rows: int, num_texts: int) -> bool:
        """Whether such a pass is to be compared. It counts as compared from now on."""
        is_new_text = num_texts > 1 and not self._has_several_texts
        if num_rows < 2 or not (is_new_text or num_rows > 2 * self._num_rows):
            return False
        self._num_rows = max(num_rows, self._num_rows)
        self._has_several_texts |= num_texts > 1
        return True


def probe_row_independence(batch: ExplainedBatch) -> RowIndependence:
    """Evaluates the first instance of a batch alone, together with other points, and padded."""
    alone = batch.evaluate([0], _probes(batch, _PROBES[:1]), want_gradients=True)
    failed = False
    try:
        # Batches of two and of three rows must agree.
        found = {
            _loss_reduction(batch, alone, _PROBES[:count]) for count in range(2, len(_PROBES) + 1)
        }
    except RowsMixed:
        found = {None}
    except Exception:  # A model that takes one row only may fail in any way.
        found, failed = {None}, True
    return RowIndependence(
        loss_reduction=found.pop() if len(found) == 1 else None,
        needs_loss=batch.objective.needs_loss,
        padding_matters=_padding_matters(batch),
        bypasses_embeddings=batch.bypasses_embeddings,
        has_other_gradient=_has_other_gradient(batch),
        failed=failed,
    )


def _loss_reduction(
    batch: ExplainedBatch, alone: Evaluation, probes: Sequence[float]
) -> Optional[int]:
    needs_loss = batch.objective.needs_loss
    together = batch.evaluate([0] * len(probes), _probes(batch, probes), want_gradients=True)
    # An output near 0 is rounded as much as that of another point.
    size = float(together.values.abs().max())
    if not needs_loss and not close(alone.values[0], together.values[0], size):
        return None
    if needs_loss and not any(gradient.any() for gradient in alone.gradients.values()):
        return None  # Gradients of zero fit a sum and a mean alike.
    for reduction in (SUM, MEAN) if needs_loss else (SUM,):
        if same_gradients(alone.gradients, together.gradients, 0, len(probes) ** reduction):
            return reduction
    return None


def _padding_matters(batch: ExplainedBatch) -> bool:
    try:
        padded = batch.padded_value(_PADDING)
    except Exception:  # The text may be as long as the model allows.
        return False
    return not close(batch.values[0], batch.values.new_tensor(padded))


def _has_other_gradient(batch: ExplainedBatch) -> bool:
    """
    By central differences at some points of the line through 0 and the text. Most must differ: one
    may lie at a kink.
    """
    found = [_differs_from_difference(batch, multiple) for multiple in _SLOPE_PROBES]
    return 2 * sum(found) > len(found)


def _differs_from_difference(batch: ExplainedBatch, multiple: float) -> bool:
    points = _probes(batch, [multiple])
    gradients = batch.evaluate([0], points, want_gradients=True).gradients
    slope = sum(
        float((gradients[call.key][0].double() * _uneven(call.embedded[0]).double()).sum())
        for call in batch.calls
    )
    wide, narrow = (_difference(batch, multiple, step) for step in (_STEP, _STEP / 2))
    noise = 4 * max(wide.rounding, narrow.rounding)
    # At a kink the two differences do not agree either.
    is_smooth = abs(wide.value - narrow.value) <= noise + _SLOPE_TOLERANCE * abs(narrow.value)
    bound = noise + 2 * _SLOPE_TOLERANCE * max(abs(slope), abs(narrow.value))
    return is_smooth and abs(slope - narrow.value) > bound


class _Difference(NamedTuple):
    """A central difference quotient, and what rounding may make of it."""

    value: float
    rounding: float


def _difference(batch: ExplainedBatch, multiple: float, step: float) -> _Difference:
    below, above = (
        float(batch.evaluate([0], _probes(batch, [multiple + by]), want_gradients=False).values)
        for by in (-step, step)
    )
    rounding = _rounding(above, below) * max(abs(above), abs(below)) / (2 * step)
    return _Difference((above - below) / (2 * step), rounding)


def _rounding(*outputs: float) -> float:
    """Relative to the outputs, which may have been computed in half precision."""
    for dtype in (torch.float16, torch.bfloat16):
        if all(float(torch.tensor(output).to(dtype)) == output for output in outputs):
            return torch.finfo(dtype).eps
    return _OUTPUT_ROUNDING


def _probes(batch: ExplainedBatch, multiples: Sequence[float]) -> PointsByCall:
    return {
        call.key: torch.stack([multiple * _uneven(call.embedded[0]) for multiple in multiples])
        for call in batch.calls
    }


def _uneven(embedded: torch.Tensor) -> torch.Tensor:
    """
    The embedding of a text, with other vectors for equal words: of equal numbers, rounding decides
    which one is the maximum. Shape: (positions, dim).
    """
    places = torch.arange(embedded.size(0)).to(embedded)
    return embedded * (1 + 0.1 * (places + 1).sin()).unsqueeze(-1)


def close(expected: torch.Tensor, found: torch.Tensor, size: float = 0.0) -> bool:
    """
    Whether two tensors are equal up to rounding, relative to their largest element, or to `size` if
    that is larger.
    """
    largest = max(float(expected.abs().max()), float(found.abs().max()), size)
    return float((expected - found).abs().max()) <= ROUNDING * largest


def same_gradients(alone: PointsByCall, together: PointsByCall, row: int, scale: float) -> bool:
    """
    Whether the gradients of a row alone are its gradients in a batch, times a factor.

    Rounding is relative to the largest gradient of all calls. The gradient of a text without
    influence is nothing but rounding errors, which differ from pass to pass.
    """
    pairs = [(alone[key][0], scale * gradients[row]) for key, gradients in together.items()]
    size = max((float(g.abs().max()) for pair in pairs for g in pair), default=0.0)
    return all(close(expected, found, size) for expected, found in pairs)
