"""Compares what a model gives for a row alone with what it gives for the row in a batch."""

import math
from typing import Optional, Tuple

import torch

from biome_interpret.models.execution.evaluation import ExplainedBatch
from biome_interpret.models.execution.row_values import ROUNDING, PointsByCall
from biome_interpret.models.objectives import Objective


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

    @property
    def compared(self) -> Tuple[int, bool]:
        """The most rows of such a pass, and whether one had several texts."""
        return self._num_rows, self._has_several_texts


def size_of(values: torch.Tensor, objective: Objective) -> float:
    """
    What the rounding of values of f is relative to. A value near 0 is rounded as much as that of
    another point.
    """
    return max(float(values.abs().max()), objective.least_size)


def close(expected: torch.Tensor, found: torch.Tensor, size: float = 0.0) -> bool:
    """
    Whether two tensors are equal up to rounding, relative to their largest element, or to `size` if
    that is larger.
    """
    largest = max(float(expected.abs().max()), float(found.abs().max()), size)
    return float((expected - found).abs().max()) <= ROUNDING * largest


def is_close(expected: float, found: float, size: float) -> bool:
    """As `close`, for numbers."""
    return abs(expected - found) <= ROUNDING * max(abs(expected), abs(found), size)


def same_gradients(alone: PointsByCall, together: PointsByCall, row: int, scale: float) -> bool:
    """
    Whether the gradients of a row alone are its gradients in a batch, times a factor.

    Rounding is relative to the largest gradient of all calls. The gradient of a text without
    influence is nothing but rounding errors, which differ from pass to pass.
    """
    pairs = [(alone[key][0], scale * gradients[row]) for key, gradients in together.items()]
    size = max((float(g.abs().max()) for pair in pairs for g in pair), default=0.0)
    return all(close(expected, found, size) for expected, found in pairs)


def is_close_probability(expected: Optional[float], found: Optional[float]) -> bool:
    """Whether two probabilities are equal up to rounding. One that is not a number counts as 0."""
    numbers = [0.0 if one is None or math.isnan(one) else one for one in (expected, found)]
    return is_close(numbers[0], numbers[1], 1.0)


def has_same_numbers(alone: ExplainedBatch, together: ExplainedBatch, row: int) -> bool:
    """Whether the only text of a batch has the f and the probability of a row of another batch."""
    size = size_of(together.values, together.objective)
    return is_close(alone.outputs[0], together.outputs[row], size) and is_close_probability(
        alone.probabilities[0], together.probabilities[row]
    )
