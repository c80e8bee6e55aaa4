"""What is found for the rows of a pass."""

import math
from typing import Dict, List, NamedTuple, Optional, Sequence

import torch

from biome_interpret.attribution.coalitions import Answer
from biome_interpret.errors import InterpretationError
from biome_interpret.models.embedding.calls import CallKey

# For each call, a point of its embedding space for each row. Shape: (rows, positions, dim).
PointsByCall = Dict[CallKey, torch.Tensor]

# If one number is computed in two ways, a relative difference of at most this is rounding.
ROUNDING = 1e-4


class Evaluation(NamedTuple):
    """
    values : f of each row, in float64. Shape: (rows,).
    gradients : for each call, ∂f/∂point of each row; empty if gradients were not requested.
    probabilities : the model's probability for the target of each row, if they were requested and
        the model gives one. They are requested without gradients only. Shape: (rows,).
    """

    values: torch.Tensor
    gradients: PointsByCall
    probabilities: Optional[torch.Tensor] = None


def answers_of(passes: Sequence[Evaluation], what_to_do: str = "") -> List[Answer]:
    """
    Fetches what passes without gradients gave: one answer for each row.

    # Raises

    `InterpretationError`
        If f is not finite. The message ends with `what_to_do`.
    """
    found: List[Answer] = []
    for one in passes:
        check_finite(one.values, what_to_do)
        values = one.values.tolist()
        own = one.probabilities
        probabilities = [None] * len(values) if own is None else own.tolist()
        found += [Answer(*pair) for pair in zip(values, probabilities)]
    return found


class RowsMixed(InterpretationError):
    """The rows of a batch influence one another."""

    def __init__(
        self, reason: str = "the model's output cannot be split into the rows of its input"
    ) -> None:
        super().__init__(reason)


# What to do if f is finite for the text, and not at other points.
AT_POINTS = ". It is for the text itself: choose another `baseline`, such as 'unknown'"


def check_finite(values: torch.Tensor, what_to_do: str = "") -> None:
    """Raises `InterpretationError` if an explained output is not finite."""
    numbers = values.tolist()
    if not all(map(math.isfinite, numbers)):
        raise InterpretationError(f"the explained output is not finite: {numbers}{what_to_do}")
