"""What is found for the rows of a pass."""

import math
from typing import Dict, NamedTuple, Sequence

import torch

from biome_interpret.errors import InterpretationError
from biome_interpret.models.embedding.calls import CallKey

# For each call, a point of its embedding space for each row. Shape: (rows, positions, dim).
PointsByCall = Dict[CallKey, torch.Tensor]


class Evaluation(NamedTuple):
    """
    values : f of each row, in float64. Shape: (rows,).
    gradients : for each call, ∂f/∂point of each row; empty if gradients were not requested.
    probabilities : the model's probability for the target of each row, if they were requested and
        the model gives one. They are requested without gradients only.
    """

    values: torch.Tensor
    gradients: PointsByCall
    probabilities: Sequence[float] = ()


class RowsMixed(InterpretationError):
    """The rows of a batch influence one another."""

    def __init__(
        self, reason: str = "the model's output cannot be split into the rows of its input"
    ) -> None:
        super().__init__(reason)


def check_finite(values: torch.Tensor) -> None:
    """Raises `InterpretationError` if an explained output is not finite."""
    numbers = values.tolist()
    if not all(map(math.isfinite, numbers)):
        raise InterpretationError(f"the explained output is not finite: {numbers}")
