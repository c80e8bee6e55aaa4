"""Minus the loss as the explained output."""

from typing import Dict, Hashable, List, Optional, Tuple, Union

import torch
from allennlp.data import Instance
from allennlp.data.fields import Field

from biome_interpret.errors import InterpretationError
from biome_interpret.models.objectives.base import Objective, Target
from biome_interpret.models.objectives.inference_modes import Choices, Outputs
from biome_interpret.models.signatures import forward_signature
from biome_interpret.models.tensors import TensorDict

# How far a loss may be from the sum of its rows, relative to their size, before it is no longer put
# down to rounding.
_LOSS_ROUNDING = 1e-5


class LossObjective(Objective):
    """Minus the model's loss, which every labelled instance has."""

    needs_loss = True
    reads_prediction = False

    def __init__(self, objective: Objective) -> None:
        super().__init__(objective.model, objective.label_name, objective.label, objective.mode)
        self._inner = objective
        self.notes = list(objective.notes)

    @property
    def kind(self) -> Hashable:
        return type(self), self._inner.kind

    @property
    def label_names(self) -> Tuple[str, ...]:
        return self._inner.label_names

    def run(self, arguments: TensorDict) -> Outputs:
        return _run_for_loss(self._inner, arguments)

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        return self._inner.choices(outputs, tensors)

    def values(self, outputs: Outputs, tensors: TensorDict) -> torch.Tensor:
        """Shape: (1,): one for all rows."""
        if "loss" not in outputs:
            outputs = self.model.make_output_human_readable(outputs)
        if "loss" not in outputs:
            raise InterpretationError("the model gives neither logits nor a loss for this instance")
        return -outputs["loss"].sum().reshape(1)

    def probabilities(self, outputs: Outputs, tensors: TensorDict) -> List[float]:
        return self._inner.probabilities(outputs, tensors)

    def label_probabilities(
        self, outputs: Outputs, tensors: TensorDict
    ) -> List[Optional[Dict[str, float]]]:
        return self._inner.label_probabilities(outputs, tensors)

    @property
    def labels(self) -> Dict[int, str]:
        return self._inner.labels

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        return self._inner.target_of(instance, probability)

    def target(self, label: Optional[Field], probability: Optional[float]) -> Target:
        return self._inner.target(label, probability)

    def retargeted(self, label: Field, target: Union[str, int]) -> Field:
        return self._inner.retargeted(label, target)


class LossNotByRows(InterpretationError):
    """A model's loss was found to be something else than its rows' log-probabilities."""

    def __init__(self, objective: Objective) -> None:
        super().__init__("the model's loss cannot be told row by row")
        self.of = type(objective)


class LossByRows(Objective):
    """
    Minus the loss, row by row: the log-probability of what each row is labelled with, of which most
    models' loss is the mean or the sum. Wherever the model is run with the labels it is held
    against the loss that the model gives: at each point, or, for a label of a text as a whole, for
    the first texts of each label.

    # Parameters

    objective : `Objective`
        That explains log-probabilities.
    """

    def __init__(self, objective: Objective) -> None:
        super().__init__(objective.model, objective.label_name, objective.label, objective.mode)
        self.inner = objective
        self.needs_label = not objective.goes_with_prediction
        self.goes_with_prediction = objective.goes_with_prediction

    @property
    def kind(self) -> Hashable:
        return type(self), self.inner.kind

    @property
    def label_names(self) -> Tuple[str, ...]:
        return self.inner.label_names

    def run(self, arguments: TensorDict) -> Outputs:
        return _run_for_loss(self.inner, arguments) if self.needs_label else super().run(arguments)

    def check(self, outputs: Outputs, tensors: TensorDict) -> None:
        """
        Holds the values of texts against their loss.

        # Parameters

        outputs : `Outputs`
            For the texts as they are.

        # Raises

        `LossNotByRows`
            If they do not agree.
        """
        signature = forward_signature(self.model)
        known = {
            n: v for n, v in tensors.items() if signature.takes_anything or n in signature.names
        }
        loss = _run_for_loss(self.inner, known).get("loss")
        self.values(outputs if loss is None else {**outputs, "loss": loss}, tensors)

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        return self.inner.choices(outputs, tensors)

    def values(self, outputs: Outputs, tensors: TensorDict) -> torch.Tensor:
        """
        # Raises

        `LossNotByRows`
            If the loss is neither their mean nor their sum, but for the sign.
        """
        values = self.inner.values(outputs, tensors)
        if "loss" in outputs:
            total = float(values.sum())
            bound = _LOSS_ROUNDING * (float(values.abs().sum()) + len(values))
            loss = -float(outputs["loss"])
            if abs(loss - total) > bound and abs(loss * len(values) - total) > bound:
                raise LossNotByRows(self.inner)
        return values

    def probabilities(self, outputs: Outputs, tensors: TensorDict) -> List[float]:
        return self.inner.probabilities(outputs, tensors)

    def label_probabilities(
        self, outputs: Outputs, tensors: TensorDict
    ) -> List[Optional[Dict[str, float]]]:
        return self.inner.label_probabilities(outputs, tensors)

    @property
    def labels(self) -> Dict[int, str]:
        return self.inner.labels

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        return self.inner.target_of(instance, probability)

    def target(self, label: Optional[Field], probability: Optional[float]) -> Target:
        return self.inner.target(label, probability)

    def retargeted(self, label: Field, target: Union[str, int]) -> Field:
        return self.inner.retargeted(label, target)


def _run_for_loss(objective: Objective, arguments: TensorDict) -> Outputs:
    try:
        return objective.run_for_loss(arguments)
    except (InterpretationError, RuntimeError, MemoryError):
        raise
    except Exception as error:  # Of its metrics, say, which come with the loss.
        raise InterpretationError(
            f"{type(objective.model).__name__} gives no loss for the label that it is explained "
            f"for ({type(error).__name__}: {error})"
        ) from error


def loss_in_place_of(objective: Objective) -> Objective:
    """For a model whose output does not tell an objective's values."""
    if isinstance(objective, LossByRows):
        return LossObjective(objective.inner)
    loss = LossObjective(objective)
    loss.notes.append(objective.why_loss)
    return loss
