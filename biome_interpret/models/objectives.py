"""Objectives: what of a labelled instance is explained, found by the type of its label."""

import inspect
from dataclasses import dataclass
from typing import Dict, List, Optional, Tuple, Type, Union

import torch
from allennlp.common import Registrable
from allennlp.data import Instance
from allennlp.data.fields import Field, LabelField, SequenceLabelField
from allennlp.models import Model
from allennlp.modules.conditional_random_field import ConditionalRandomField
from allennlp.nn.util import get_text_field_mask

from biome_interpret.errors import InterpretationError
from biome_interpret.models.batches import TensorDict
from biome_interpret.models.modes import Choices, InferenceMode, LogSoftmax, Loss, Outputs, Softmax


@dataclass(frozen=True)
class Target:
    """
    What is explained.

    # Parameters

    label : `str`, optional
        The label's name; a span's tags, separated by spaces.
    index : `int`, optional
        The label's index in the model's output; `None` for a span.
    probability : `float`, optional
        The model's own, where its output tells.
    """

    label: Optional[str] = None
    index: Optional[int] = None
    probability: Optional[float] = None


class Objective(Registrable):
    """
    Reads the explained function from a model's output. One is made for each labelled instance, of
    the first registered class that fits it; a model of the user's own may register another.

    # Parameters

    model : `Model`
    label_name : `str`
        The field that holds the label.
    label : `Field`, optional
        `None` where no field is known to hold one.
    mode : `InferenceMode`
    """

    # The loss is one number for a batch: no row of it has a value of its own.
    needs_loss = False

    def __init__(
        self, model: Model, label_name: str, label: Optional[Field], mode: InferenceMode
    ) -> None:
        self.model = model
        self.label_name = label_name
        self.label = label
        self.mode = mode
        self.notes: List[str] = []

    @classmethod
    def fits(cls, model: Model, label: Field) -> bool:
        raise NotImplementedError

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        """What the model chose between; `None` where its output does not tell."""
        raise NotImplementedError

    def values(self, outputs: Outputs, tensors: TensorDict) -> torch.Tensor:
        """The explained function of each row. Shape: (rows,)."""
        choices = self.choices(outputs, tensors)
        if choices is None:
            raise InterpretationError("the model's output has no logits of the expected shape")
        return self.mode(outputs, choices)

    def probabilities(self, outputs: Outputs, tensors: TensorDict) -> List[float]:
        """The model's probability for each row's target; empty where its output does not tell."""
        choices = self.choices(outputs, tensors)
        return [] if choices is None else Softmax()(outputs, choices).tolist()

    def label_probabilities(
        self, outputs: Outputs, tensors: TensorDict
    ) -> List[Optional[Dict[str, float]]]:
        """
        For each row the model's probability for each label, most probable first; empty where the
        text does not have one label.
        """
        return []

    @property
    def labels(self) -> Dict[int, str]:
        """The names of the labels that may be a target, by their index."""
        return {}

    def target(self, label: Optional[Field], probability: Optional[float]) -> Target:
        return Target(probability=probability)

    def retargeted(self, label: Field, target: Union[str, int]) -> Field:
        """
        The label field for another target.

        # Raises

        `InterpretationError`
            If the model does not know the target.
        """
        raise InterpretationError(
            f"target {target!r} cannot be chosen here: only a model with one label for each text "
            f"takes a target; this one is explained for what it predicts"
        )


@Objective.register("label")
class LabelObjective(Objective):
    """One label for the text, or for the pair of texts."""

    @classmethod
    def fits(cls, model: Model, label: Field) -> bool:
        return isinstance(label, LabelField)

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        indices = tensors[self.label_name].unsqueeze(-1)
        logits = _logits(outputs, (len(indices), None))
        if logits is None:
            return None
        if int(indices.max()) >= logits.size(-1):
            raise InterpretationError(
                f"unknown target {int(indices.max())}: the model has {logits.size(-1)} outputs"
            )
        mask = torch.ones_like(indices, dtype=torch.bool)
        return Choices(logits.unsqueeze(1), indices, mask)

    def label_probabilities(
        self, outputs: Outputs, tensors: TensorDict
    ) -> List[Optional[Dict[str, float]]]:
        choices = self.choices(outputs, tensors)
        if choices is None:
            return []
        names = self.labels
        rows = choices.logits.squeeze(1).softmax(dim=-1).sort(dim=-1, descending=True)
        return [
            {names.get(i, str(i)): p for p, i in zip(probabilities, indices)}
            for probabilities, indices in zip(rows.values.tolist(), rows.indices.tolist())
        ]

    def target(self, label: Optional[Field], probability: Optional[float]) -> Target:
        index = int(label.as_tensor({}))  # type: ignore[union-attr]
        return Target(self.labels.get(index, str(index)), index, probability)

    def retargeted(self, label: Field, target: Union[str, int]) -> Field:
        indices = {name: index for index, name in self.labels.items()}
        if not indices and isinstance(target, int) and target >= 0:
            return LabelField(target, skip_indexing=True)  # A model of unnamed labels.
        known = ", ".join(f"{name!r} ({index})" for name, index in sorted(indices.items()))
        index = indices.get(target, -1) if isinstance(target, str) else target
        if index not in self.labels:
            raise InterpretationError(f"unknown target {target!r}: the labels are {known}")
        return LabelField(index, skip_indexing=True)

    @property
    def labels(self) -> Dict[int, str]:
        return self.model.vocab.get_index_to_token_vocabulary(_namespace(self.model, self.label))


@Objective.register("tags")
class TagsObjective(Objective):
    """The tags of one span, where the instance marks one; else the tags of all tokens."""

    @classmethod
    def fits(cls, model: Model, label: Field) -> bool:
        return isinstance(label, SequenceLabelField)

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        tags = tensors[self.label_name]
        logits = _logits(outputs, (*tags.shape, None))
        return None if logits is None else Choices(logits, tags, self._explained(tensors))

    def target(self, label: Optional[Field], probability: Optional[float]) -> Target:
        tags = [str(tag) for tag in label.labels]  # type: ignore[union-attr]
        return Target(" ".join(tag for tag in tags if tag != "O") or None, None, probability)

    def _explained(self, tensors: TensorDict) -> torch.Tensor:
        tags = tensors[self.label_name]
        # Shape: (rows, tokens). Positions beyond a text's end hold no tag.
        mask = _text_mask(tensors, tags.shape)
        if tensors.get("ignore_loss_on_o_tags"):
            vocabulary = self.model.vocab.get_token_to_index_vocabulary(
                _namespace(self.model, self.label)
            )
            mask &= tags != vocabulary.get("O", -1)
        return mask


@Objective.register("crf_tags")
class CrfTagsObjective(TagsObjective):
    """
    Tags scored by a conditional random field: its emissions are the logits, and its likelihood the
    probability.
    """

    @classmethod
    def fits(cls, model: Model, label: Field) -> bool:
        return super().fits(model, label) and _crf(model) is not None

    def values(self, outputs: Outputs, tensors: TensorDict) -> torch.Tensor:
        if not isinstance(self.mode, LogSoftmax):
            return super().values(outputs, tensors)
        likelihood = self._log_likelihood(outputs, tensors)
        return likelihood.exp() if isinstance(self.mode, Softmax) else likelihood

    def probabilities(self, outputs: Outputs, tensors: TensorDict) -> List[float]:
        if self.choices(outputs, tensors) is None:
            return super().probabilities(outputs, tensors)
        return self._log_likelihood(outputs, tensors).exp().tolist()

    def _log_likelihood(self, outputs: Outputs, tensors: TensorDict) -> torch.Tensor:
        choices = self.choices(outputs, tensors)
        if choices is None:
            raise InterpretationError("the model's output has no logits of the expected shape")
        crf = _crf(self.model)
        assert crf is not None
        rows = zip(choices.logits, choices.indices, choices.mask)
        # The field adds up the rows that it is given: one at a time, to keep them apart.
        return torch.stack([crf(row[None], tags[None], mask[None]) for row, tags, mask in rows])


class LossObjective(Objective):
    """Minus the model's loss, which every labelled instance has."""

    needs_loss = True

    def __init__(self, objective: Objective) -> None:
        super().__init__(objective.model, objective.label_name, objective.label, objective.mode)
        self._inner = objective

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

    def target(self, label: Optional[Field], probability: Optional[float]) -> Target:
        return self._inner.target(label, probability)

    def retargeted(self, label: Field, target: Union[str, int]) -> Field:
        return self._inner.retargeted(label, target)


class UnknownObjective(Objective):
    """A label of a kind that no registered objective knows: nothing to choose from."""

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        return None


def objective_for(model: Model, instance: Instance, mode: InferenceMode) -> Objective:
    """The objective for a labelled instance."""
    name, label = _label_of(model, instance)
    fitting = [kind for kind in _registered() if label is not None and kind.fits(model, label)]
    # The latest registered goes first: a user's own class, or a more special one.
    kind = fitting[-1] if fitting else UnknownObjective
    objective = kind(model, name, label, mode)
    return LossObjective(objective) if isinstance(mode, Loss) else objective


def or_loss(objective: Objective, outputs: Outputs, tensors: TensorDict) -> Objective:
    """The objective itself where the output tells its choices, else one that takes the loss."""
    if objective.needs_loss or objective.choices(outputs, tensors) is not None:
        return objective
    loss = LossObjective(objective)
    loss.notes.append(
        f"{type(objective.model).__name__} gives no logits for what it predicts: the loss is "
        f"explained instead"
    )
    return loss


def forward_arguments(objective: Objective, tensors: TensorDict) -> TensorDict:
    """
    What the model is called with: without the label, where that is not needed and AllenNLP's
    convention is kept that a model does without, so that it spares the loss and its metrics.
    """
    parameters = inspect.signature(objective.model.forward).parameters
    label = parameters.get(objective.label_name)
    if objective.needs_loss or label is None or label.default is not None:
        return tensors
    return {name: value for name, value in tensors.items() if name != objective.label_name}


def _registered() -> List[Type[Objective]]:
    return [Objective.by_name(name) for name in Objective.list_available()]  # type: ignore[misc]


def _label_of(model: Model, instance: Instance) -> Tuple[str, Optional[Field]]:
    """
    The field with the label. By AllenNLP's convention a model's labels are what its forward method
    can do without.
    """
    parameters = inspect.signature(model.forward).parameters
    candidates = {
        name: field
        for name, field in instance.fields.items()
        if isinstance(field, (LabelField, SequenceLabelField))
    }
    optional = [n for n in candidates if n in parameters and parameters[n].default is None]
    for name in [*optional, *(n for n in ("label", "labels", "tags") if n in candidates)]:
        return name, candidates[name]
    return "label", None


def _namespace(model: Model, label: Optional[Field]) -> str:
    for attribute in ("_label_namespace", "label_namespace"):
        if isinstance(getattr(model, attribute, None), str):
            return getattr(model, attribute)
    return label._label_namespace  # type: ignore[union-attr]


def _logits(outputs: Outputs, shape: Tuple[Optional[int], ...]) -> Optional[torch.Tensor]:
    names = ["logits", "label_logits", *(name for name in outputs if name.endswith("logits"))]
    for name in names:
        value = outputs.get(name)
        if isinstance(value, torch.Tensor) and _has_shape(value, shape):
            return value
    return None


def _text_mask(tensors: TensorDict, shape: torch.Size) -> torch.Tensor:
    """Of the text with so many tokens. Shape: (rows, tokens)."""
    for value in tensors.values():
        if isinstance(value, dict) and all(isinstance(part, dict) for part in value.values()):
            mask = get_text_field_mask(value)
            if mask.shape == shape:
                return mask.clone()
    return torch.ones(shape, dtype=torch.bool)


def _has_shape(tensor: torch.Tensor, shape: Tuple[Optional[int], ...]) -> bool:
    return tensor.dim() == len(shape) and all(
        expected is None or size == expected for size, expected in zip(tensor.shape, shape)
    )


def _crf(model: Model) -> Optional[ConditionalRandomField]:
    return next((m for m in model.modules() if isinstance(m, ConditionalRandomField)), None)
