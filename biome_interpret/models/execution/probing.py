"""Finds out once, on a few points of one text, what holds for all passes of a model."""

from dataclasses import dataclass
from typing import Optional, Sequence

from biome_interpret.models.execution.comparison import close, same_gradients
from biome_interpret.models.execution.evaluation import Evaluation, ExplainedBatch, RowsMixed
from biome_interpret.models.execution.gradient_check import has_other_gradient

# How the loss of a batch is made of its rows' losses. The gradient of a row alone is its gradient
# in the batch times (number of rows) ** reduction. If each row has its own value, it is SUM.
SUM, MEAN = 0, 1

# Factors for the embedding. The points are far enough apart to reveal rows that mix.
_PROBES = (0.5, 1.5, -1.0)

# The number of positions appended to a text to see whether padding matters.
_PADDING = 3


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


def probe(batch: ExplainedBatch) -> ProbeResult:
    """Evaluates the first instance of a batch alone, together with other points, and padded."""
    alone = batch.evaluate([0], batch.uneven_points(_PROBES[:1]), want_gradients=True)
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
    return ProbeResult(
        loss_reduction=found.pop() if len(found) == 1 else None,
        needs_loss=batch.objective.needs_loss,
        padding_matters=_padding_matters(batch),
        bypasses_embeddings=batch.bypasses_embeddings,
        has_other_gradient=has_other_gradient(batch),
        failed=failed,
    )


def _loss_reduction(
    batch: ExplainedBatch, alone: Evaluation, probes: Sequence[float]
) -> Optional[int]:
    needs_loss = batch.objective.needs_loss
    together = batch.evaluate([0] * len(probes), batch.uneven_points(probes), want_gradients=True)
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
