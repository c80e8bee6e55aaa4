"""Minus the loss as the explained number, for the whole batch or row by row."""

from typing import Hashable, Optional, Tuple

import torch
from allennlp.data import Instance

from biome_interpret.errors import InterpretationError
from biome_interpret.models.objectives.base import (
    IGNORES_OUTSIDE,
    LabelProbabilities,
    Objective,
    Target,
)
from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.objectives.reading import Reading
from biome_interpret.models.signatures import forward_signature
from biome_interpret.models.tensors import TensorDict

# How far rounding may take a float32 loss from the rows' sum or mean, relative to their size.
_TOLERANCE = 1e-5

# As `Objective.why_loss`.
_NO_PROBABILITY = (
    "{model} gives no probability of what it predicts, and its loss is of another kind: "
    "the loss is explained instead"
)

# The key under which `RowwiseLossObjective.run` adds the tolerance to the outputs.
_LOSS_TOLERANCE = "loss_tolerance"


class _WrappedObjective(Objective):
    """Another objective's label, with another explained number."""

    def __init__(self, inner: Objective) -> None:
        super().__init__(inner.model, inner.label_name, inner.label, inner.mode)
        self.inner = inner
        self.notes = list(inner.notes)

    @property
    def type_key(self) -> Hashable:
        return type(self), self.inner.type_key

    @property
    def output_name(self) -> Optional[str]:
        return "loss"

    @property
    def logit_dims(self) -> Optional[int]:  # type: ignore[override]
        return self.inner.logit_dims

    @property
    def reading_key(self) -> Hashable:
        return self.inner.reading_key

    def read_as(self, reading: Optional[Reading]) -> None:
        self.inner.read_as(reading)
        super().read_as(reading)

    @property
    def label_objective(self) -> Objective:
        return self.inner

    def name_as(self, own_label: Tuple[int, str]) -> None:
        self.inner.name_as(own_label)

    @property
    def label_names(self) -> Tuple[str, ...]:
        return self.inner.label_names

    def run(self, arguments: TensorDict) -> Outputs:
        try:
            return self.inner.run_for_loss(arguments)
        except (InterpretationError, RuntimeError, MemoryError):
            raise
        except Exception as error:  # The metrics that the model updates with the loss may fail.
            raise InterpretationError(
                f"{type(self.model).__name__} gives no loss for the explained label "
                f"({type(error).__name__}: {error})"
            ) from error

    def probabilities(self, outputs: Outputs, tensors: TensorDict) -> Optional[torch.Tensor]:
        return self.inner.probabilities(outputs, tensors)

    def label_probabilities(self, outputs: Outputs, tensors: TensorDict) -> LabelProbabilities:
        return self.inner.label_probabilities(outputs, tensors)

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        return self.inner.target_of(instance, probability)


class LossObjective(_WrappedObjective):
    """Minus the model's loss, which every labelled instance has."""

    needs_loss = True
    reads_prediction = False
    # It may be of any kind.
    least_size = 0.0

    def values(self, outputs: Outputs, tensors: TensorDict) -> torch.Tensor:
        """One value for all rows. Shape: (1,)."""
        is_of_span = bool(tensors.get(IGNORES_OUTSIDE))
        if is_of_span and IGNORES_OUTSIDE not in forward_signature(self.model).names:
            self._note_other_tags()
        if "loss" not in outputs:
            outputs = self.model.make_output_human_readable(outputs)
        if "loss" not in outputs:
            raise InterpretationError(
                f"{type(self.model).__name__} gives no loss for this label, and its logits are not "
                f"explained"
            )
        loss: torch.Tensor = outputs["loss"]
        return -loss.sum().reshape(1)

    def _note_other_tags(self) -> None:
        note = (
            f"{type(self.model).__name__} takes no `{IGNORES_OUTSIDE}`: its loss is that of all "
            f"tags of the text, with 'O' for each token beside those that the target names"
        )
        if note not in self.notes:
            self.notes.append(note)


class LossNotAdditive(InterpretationError):
    """A model's loss is neither the sum nor the mean of its rows' negative log-probabilities."""

    def __init__(self, objective: Objective) -> None:
        super().__init__("the model's loss is not the sum or the mean of its rows' losses")
        self.objective_class = type(objective)


class RowwiseLossObjective(_WrappedObjective):
    """
    Minus the loss of each row: the log-probability of its label, which is the inner objective's
    value. The loss of most models is minus the mean or the sum of these over the rows. Each pass is
    checked against the model's own loss.
    """

    needs_label = True

    def run(self, arguments: TensorDict) -> Outputs:
        outputs = super().run(arguments)
        loss = outputs.get("loss")
        tolerance = _TOLERANCE
        if isinstance(loss, torch.Tensor) and loss.is_floating_point():
            tolerance = max(tolerance, torch.finfo(loss.dtype).eps)
        # Added here, since outputs in bfloat16 are made float32 before `values` gets them.
        return {**outputs, _LOSS_TOLERANCE: tolerance}

    def values(self, outputs: Outputs, tensors: TensorDict) -> torch.Tensor:
        """
        # Raises

        `LossNotAdditive`
            If minus the model's loss is neither the sum nor the mean of the values.
        """
        values = self.inner.values(outputs, tensors)
        # A prediction without a label has no loss. A pass with a label has to have one.
        if _LOSS_TOLERANCE in outputs and outputs.get("loss") is None:
            raise LossNotAdditive(self.inner)
        if outputs.get("loss") is not None:
            numbers, loss = values.detach(), torch.as_tensor(outputs["loss"]).detach()
            total, found = float(numbers.sum()), -float(loss.sum())
            size = float(numbers.abs().sum()) + len(values)
            bound = outputs.get(_LOSS_TOLERANCE, _TOLERANCE) * size
            if abs(found - total) > bound and abs(found * len(values) - total) > bound:
                raise LossNotAdditive(self.inner)
        return values


def loss_in_place_of(objective: Objective) -> Objective:
    """The loss, if the model's output lacks the objective's values."""
    if isinstance(objective, RowwiseLossObjective):
        return LossObjective(objective.inner)
    loss = LossObjective(objective)
    why = objective.why_loss if objective.has_probability else _NO_PROBABILITY
    loss.notes.append(why.format(model=type(objective.model).__name__))
    return loss
