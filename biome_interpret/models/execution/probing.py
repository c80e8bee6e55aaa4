"""Finds out once, on a few points of one text, what holds for all passes of a model."""

import math
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence

import torch

from biome_interpret.models.execution.comparison import (
    close,
    is_close_probability,
    same_gradients,
    size_of,
)
from biome_interpret.models.execution.evaluation import ExplainedBatch
from biome_interpret.models.execution.gradient_check import has_other_gradient
from biome_interpret.models.execution.row_values import Evaluation, RowsMixed
from biome_interpret.stack import storage_address, storage_bytes

# How the loss of a batch is made of its rows' losses. The gradient of a row alone is its gradient
# in the batch times (number of rows) ** reduction. If each row has its own value, it is SUM.
SUM, MEAN = 0, 1

# Factors for the embedding. The points are far enough apart to reveal rows that mix.
_PROBES = (0.5, 1.5, -1.0)

# The memory of a pass, in units of what its graph holds between the forward and the backward pass.
_PEAK_MEMORY = 1.5

# The rows of the passes whose memory is compared. Layers round the sizes of their buffers: a few
# rows more may take none.
_MEMORY_PROBES = tuple(0.1 * (row + 1) for row in range(16))
_FEW = 4

# Attention takes memory quadratic in the length of a text. At this length it takes as much as
# everything else.
_ATTENTION_LENGTH = 256

# The number of positions appended to a text to see whether padding matters.
_PADDING = 3


PADDING_NOTE = (
    "the model's output changes when padding is appended to a text: what is explained is the text "
    "alone, not as it is predicted in a batch with longer ones"
)

ALONE_NOTE = (
    "the model does not take several rows, or its rows influence one another: each point was run "
    "alone, which takes longer"
)
GRADIENT_NOTE = (
    "the model's gradient is not that of its output, as after `detach()`, a gradient reversal or a "
    "clipped gradient: the scores follow the gradient, and do not add up to the output"
)
BYPASS_NOTE = (
    "the model's output also depends on the words in a way that does not lead through their "
    "embeddings: that part is not explained"
)


@dataclass(frozen=True)
class ProbeResult:
    """
    What was found for one type of objective.

    # Parameters

    loss_reduction : `int`, optional
        `SUM` or `MEAN`. `None` if the model must be run row by row: other rows change the value or
        gradient of a row, or the model takes one row only.
    needs_loss : `bool`
        Whether the explained output is the loss of a batch.
    padding_matters : `bool`, optional
        Whether padding appended to a text changes f. `None` if that is not known.
    bypasses_embeddings : `bool`
        Whether f changes with the ids of the words although their embeddings are held.
    has_other_gradient : `bool`
        Whether the gradient differs from the central differences of f.
    bytes_per_position : `float`, optional
        The memory that a pass takes for each position of a short row. `None` if it is not known, or
        if memory does not bound the size of a pass.
    failed : `bool`
        Whether the model raised an exception on several rows, or with padding. This may be due to
        the probed text.
    """

    loss_reduction: Optional[int]
    needs_loss: bool
    padding_matters: Optional[bool]
    bypasses_embeddings: bool = False
    has_other_gradient: bool = False
    bytes_per_position: Optional[float] = None
    failed: bool = False

    @property
    def may_pad(self) -> bool:
        """Whether texts of different lengths may share a pass."""
        return self.padding_matters is False

    @property
    def instances_may_share(self) -> bool:
        """Whether different instances may share a pass."""
        return self.loss_reduction == SUM and not self.needs_loss

    @property
    def notes(self) -> List[str]:
        """For the results of all texts."""
        conditions = {
            PADDING_NOTE: self.padding_matters is True,
            ALONE_NOTE: self.loss_reduction is None,
            BYPASS_NOTE: self.bypasses_embeddings,
            GRADIENT_NOTE: self.has_other_gradient,
        }
        return [note for note, holds in conditions.items() if holds]


def probe(batch: ExplainedBatch, want_gradients: bool = True) -> ProbeResult:
    """
    Evaluates the first instance of a batch alone, together with other points, and padded. Without
    gradients nothing is found out about them.
    """
    alone = batch.evaluate([0], batch.uneven_points(_PROBES[:1]), want_gradients)
    failed = False
    try:
        # Batches of two and of three rows must agree. The row is the first of one, and the last of
        # the other: a model may take all numbers from its first row.
        found = {
            _loss_reduction(batch, alone, probes, row, want_gradients)
            for probes, row in [(_PROBES[:2], 0), (_PROBES[::-1], len(_PROBES) - 1)]
        }
    except RowsMixed:
        found = {None}
    except Exception:  # A model that takes one row only may fail in any way.
        found, failed = {None}, True
    padding_matters = _padding_matters(batch)
    return ProbeResult(
        loss_reduction=found.pop() if len(found) == 1 else None,
        needs_loss=batch.objective.needs_loss,
        padding_matters=padding_matters,
        bypasses_embeddings=batch.bypasses_embeddings,
        has_other_gradient=want_gradients and has_other_gradient(batch),
        bytes_per_position=_bytes_per_position(batch) if want_gradients else None,
        failed=failed or padding_matters is None,
    )


def relative_size(length: int) -> float:
    """The memory of a row of this length, in positions of a short row."""
    return length * (1 + length / _ATTENTION_LENGTH)


def _bytes_per_position(batch: ExplainedBatch) -> Optional[float]:
    if batch.device.type != "cuda":
        return None
    try:
        return bytes_per_position(batch)
    except Exception:  # The model may take one row only, or save tensors in its own way.
        return None


def bytes_per_position(batch: ExplainedBatch) -> float:
    """
    The memory that a pass takes for each position of a short row. It is measured on the first text
    of a batch. It is rounded up to a power of two, to depend on the text as little as possible.
    """
    few, many = (
        graph_bytes(batch, _MEMORY_PROBES[:count]) for count in (_FEW, len(_MEMORY_PROBES))
    )
    length = max(call.embedded.size(1) for call in batch.calls)
    per_row = max(1, many - few) / (len(_MEMORY_PROBES) - _FEW)
    found = _PEAK_MEMORY * per_row / relative_size(length)
    return float(2 ** math.ceil(math.log2(found)))


def graph_bytes(batch: ExplainedBatch, probes: Sequence[float]) -> int:
    """The size of all tensors that a pass keeps for its gradient."""
    sizes: Dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        sizes[storage_address(tensor)] = storage_bytes(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda kept: kept):
        batch.evaluate([0] * len(probes), batch.uneven_points(probes), want_gradients=True)
    return sum(sizes.values())


def _loss_reduction(
    batch: ExplainedBatch,
    alone: Evaluation,
    probes: Sequence[float],
    row: int,
    want_gradients: bool,
) -> Optional[int]:
    """`row` is that of `alone` among the probes."""
    needs_loss = batch.objective.needs_loss
    together = batch.evaluate([0] * len(probes), batch.uneven_points(probes), want_gradients)
    size = size_of(together.values, batch.objective)
    if not needs_loss and not close(alone.values[0], together.values[row], size):
        return None
    if not want_gradients:
        return None if needs_loss else SUM
    if needs_loss and not any(gradient.any() for gradient in alone.gradients.values()):
        return None  # Gradients of zero fit a sum and a mean alike.
    for reduction in (SUM, MEAN) if needs_loss else (SUM,):
        if same_gradients(alone.gradients, together.gradients, row, len(probes) ** reduction):
            return reduction
    return None


def _padding_matters(batch: ExplainedBatch) -> Optional[bool]:
    try:
        value, probability = batch.padded_values(_PADDING)
    except Exception:  # The text may be as long as the model allows.
        return None
    own = batch.values[:1]
    is_same = close(own, own.new_tensor([value]), size_of(own, batch.objective))
    return not (is_same and is_close_probability(batch.probabilities[0], probability))
