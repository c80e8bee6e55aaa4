"""The gradients of f by the points at which a pass evaluates it."""

from typing import Optional, Sequence

import torch

from biome_interpret.errors import InterpretationError, is_out_of_memory, reason_of
from biome_interpret.models.execution.row_values import ROUNDING, PointsByCall


def gradients_by(
    leaves: PointsByCall, values: torch.Tensor, expected: torch.Tensor
) -> PointsByCall:
    """
    # Parameters

    leaves : `PointsByCall`
        The only leaves of the graph: parameters are frozen.
    values : `torch.Tensor`
        f at the points. Shape: (rows,), or (1,) for a loss of them all.
    expected : `torch.Tensor`
        f at the texts of the rows. Shape: (rows,).

    # Returns

    `PointsByCall`
        In the shapes of the leaves.

    # Raises

    `InterpretationError`
        If f differs from f(x), but its graph contains none of the points, or if PyTorch cannot
        compute the gradient.
    """
    found: Sequence[Optional[torch.Tensor]] = [None] * len(leaves)
    if values.requires_grad:
        _differentiate(values)
        found = [leaf.grad for leaf in leaves.values()]
    if all(gradient is None for gradient in found) and len(values) == len(expected):
        differs = not torch.allclose(
            values.double(), expected.to(values.device), rtol=ROUNDING, atol=0.0
        )
        if differs:
            raise InterpretationError(
                "the model's output changes with the text's embedding, but the model cuts its "
                "gradient off, by `detach()` or a function that is not differentiable"
            )
    return {
        key: torch.zeros_like(leaf) if gradient is None else gradient
        for (key, leaf), gradient in zip(leaves.items(), found)
    }


def _differentiate(values: torch.Tensor) -> None:
    try:
        # `torch.autograd.grad` would do the same, but reentrant checkpointing refuses it.
        values.sum().backward()
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise InterpretationError(
            f"the model's gradient cannot be computed ({reason_of(error)}): a method that needs "
            f"none, such as 'biome-occlusion', can explain it"
        ) from error
