"""Holds the gradient of f against the central differences of f."""

from typing import NamedTuple

import torch

from biome_interpret.models.execution.evaluation import ExplainedBatch

# Where both are compared. Then the step, the rounding of f, and how much they may differ.
_PROBES = (0.53, 0.71, 0.91)
_STEP = 5e-3
_OUTPUT_ROUNDING = 2e-6
_TOLERANCE = 0.01


def has_other_gradient(batch: ExplainedBatch) -> bool:
    """
    Whether the gradient differs from the central differences of f, at some points of the line
    through 0 and the text. Most must differ: one may lie at a kink.
    """
    found = [_differs_from_difference(batch, multiple) for multiple in _PROBES]
    return 2 * sum(found) > len(found)


def _differs_from_difference(batch: ExplainedBatch, multiple: float) -> bool:
    points = batch.uneven_points([multiple])
    gradients = batch.evaluate([0], points, want_gradients=True).gradients
    slope = sum(
        float((gradients[key][0].double() * direction[0].double()).sum())
        for key, direction in batch.uneven_points([1.0]).items()
    )
    wide, narrow = (_difference(batch, multiple, step) for step in (_STEP, _STEP / 2))
    noise = 4 * max(wide.rounding, narrow.rounding)
    # At a kink the two differences do not agree either.
    is_smooth = abs(wide.value - narrow.value) <= noise + _TOLERANCE * abs(narrow.value)
    bound = noise + 2 * _TOLERANCE * max(abs(slope), abs(narrow.value))
    return is_smooth and abs(slope - narrow.value) > bound


class _Difference(NamedTuple):
    """A central difference quotient, and what rounding may make of it."""

    value: float
    rounding: float


def _difference(batch: ExplainedBatch, multiple: float, step: float) -> _Difference:
    below, above = (
        float(
            batch.evaluate([0], batch.uneven_points([multiple + by]), want_gradients=False).values
        )
        for by in (-step, step)
    )
    size = max(abs(above), abs(below), batch.objective.least_size)
    rounding = _rounding(above, below) * size / (2 * step)
    return _Difference((above - below) / (2 * step), rounding)


def _rounding(*outputs: float) -> float:
    """Relative to the outputs, which may have been computed in half precision."""
    for dtype in (torch.float16, torch.bfloat16):
        if all(float(torch.tensor(output).to(dtype)) == output for output in outputs):
            return torch.finfo(dtype).eps
    return _OUTPUT_ROUNDING
