"""What a model adds to its output when it makes it readable."""

from typing import Any, Optional

import numpy
import torch
from allennlp.models import Model

from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.tensors import device_of, fresh


def made_readable(model: Model, outputs: Outputs) -> Outputs:
    """The readable output. `outputs` are left as they are."""
    try:
        return _made(model, outputs)
    except RuntimeError:  # A tensor with a gradient cannot become an array.
        with torch.no_grad():
            return _made(model, {name: _detached(value) for name, value in outputs.items()})


def as_numbers(value: Any, model: Model) -> Optional[torch.Tensor]:
    """
    A tensor, or an array or a list of numbers, on the device of the model. `None` for anything
    else.
    """
    try:
        found = value if isinstance(value, torch.Tensor) else torch.tensor(numpy.asarray(value))
        return found.to(device_of(model))
    except (TypeError, ValueError, RuntimeError):
        return None


def _made(model: Model, outputs: Outputs) -> Outputs:
    return dict(model.make_output_human_readable(fresh(outputs)))


def _detached(value: Any) -> Any:
    return value.detach() if isinstance(value, torch.Tensor) else value
