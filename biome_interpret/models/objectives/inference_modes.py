"""Inference modes: the function of a model's output that is explained."""

import inspect
from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional

import torch
from allennlp.common import Params, Registrable
from allennlp.common.checks import ConfigurationError

from biome_interpret.errors import InterpretationError, reason_of, shown
from biome_interpret.models.registry import constructed

Outputs = Dict[str, Any]


@dataclass(frozen=True)
class Choices:
    """
    What a model chose between, and the explained choice: a class, or a tag for each of some tokens.

    # Parameters

    logits : `torch.Tensor`
        Shape: (rows, choices, classes).
    indices : `torch.LongTensor`
        The explained class of each choice. Shape: (rows, choices).
    mask : `torch.BoolTensor`
        Which choices count. Shape: (rows, choices).
    probabilities : `torch.Tensor`, optional
        The model's own probabilities, if they are not the softmax of the logits.
        Shape: (rows, choices, classes).
    """

    logits: torch.Tensor
    indices: torch.Tensor
    mask: torch.Tensor
    probabilities: Optional[torch.Tensor] = None

    @property
    def log_probabilities(self) -> torch.Tensor:
        """Shape: (rows, choices, classes)."""
        own = self.probabilities
        return self.logits.log_softmax(dim=-1) if own is None else own.log()

    def total_of(self, scores: torch.Tensor) -> torch.Tensor:
        """The sum of the explained classes' scores. (rows, choices, classes) -> (rows,)."""
        chosen = scores.gather(-1, self.indices.unsqueeze(-1)).squeeze(-1)
        return chosen.masked_fill(~self.mask, 0.0).sum(dim=-1)


class InferenceMode(Registrable):
    """
    The explained function f of a model's output. The higher f, the more the output speaks for the
    target. Register a subclass for a function of your own.
    """

    # Rounding of f is relative to f, or to this if it is larger. A log-probability near 0 is the
    # difference of larger numbers.
    least_size = 0.0

    def __call__(self, outputs: Outputs, choices: Choices) -> torch.Tensor:
        """Shape: (rows,)."""
        raise NotImplementedError

    @classmethod
    def from_params(cls, params: Any, **extras: Any) -> "InferenceMode":  # type: ignore[override]
        return cls.of(params) if cls is InferenceMode else super().from_params(params, **extras)

    @classmethod
    def of(cls, value: Any) -> "InferenceMode":
        """
        The mode with a registered name, of a dictionary of `type` and parameters, or of a function
        of outputs and choices. `None` is `"logits"`.
        """
        if isinstance(value, InferenceMode):
            return value
        if _is_function_of_two(value):
            return FunctionMode(value)
        if value is None or isinstance(value, str):
            value = {"type": "logits" if value is None else value}
        if not isinstance(value, (dict, Params)):
            raise ConfigurationError(
                f"inference_mode is {shown(value)}; it must be a name or a function of (outputs, "
                f"choices)"
            )
        make = super().from_params
        return constructed(InferenceMode, "inference_mode", value, make, "a function or ")


def _is_function_of_two(value: Any) -> bool:
    if not callable(value) or isinstance(value, type):
        return False
    try:
        inspect.signature(value).bind("outputs", "choices")
    except (TypeError, ValueError):  # It takes other arguments, or does not tell.
        return False
    return True


@InferenceMode.register("logits")
class Logits(InferenceMode):
    """The target's logit; for a span of tags the sum of their logits."""

    def __call__(self, outputs: Outputs, choices: Choices) -> torch.Tensor:
        return choices.total_of(choices.logits)


@InferenceMode.register("log_softmax")
class LogSoftmax(InferenceMode):
    """The target's log-probability; for a span of tags the sum of theirs."""

    least_size = 1.0

    def __call__(self, outputs: Outputs, choices: Choices) -> torch.Tensor:
        return choices.total_of(choices.log_probabilities)


@InferenceMode.register("softmax")
class Softmax(LogSoftmax):
    """The target's probability; for a span of tags the product of theirs."""

    least_size = 0.0

    def __call__(self, outputs: Outputs, choices: Choices) -> torch.Tensor:
        return super().__call__(outputs, choices).exp()


@InferenceMode.register("loss")
class Loss(InferenceMode):
    """Minus the model's loss, one number for a batch."""

    def __call__(self, outputs: Outputs, choices: Choices) -> torch.Tensor:
        raise TypeError("the loss is read from the model's output, not from its choices")


class FunctionMode(InferenceMode):
    """
    A function of your own: `function(outputs, choices)` returns one number for each row. `outputs`
    is the model's output, `choices` the `Choices` read from it.
    """

    def __init__(self, function: Callable[[Outputs, Choices], torch.Tensor]) -> None:
        self._function = function

    def __call__(self, outputs: Outputs, choices: Choices) -> torch.Tensor:
        try:
            values = self._function(outputs, choices)
        except Exception as error:
            raise InterpretationError(
                f"the inference_mode function failed: {reason_of(error)}"
            ) from error
        rows, is_tensor = len(choices.logits), isinstance(values, torch.Tensor)
        if not is_tensor or values.shape != (rows,):
            found = tuple(values.shape) if is_tensor else type(values).__name__
            raise InterpretationError(
                f"the inference_mode function must return a tensor of shape (rows,) = ({rows},), "
                f"not {found}"
            )
        return values
