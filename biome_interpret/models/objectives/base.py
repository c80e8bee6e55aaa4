"""The base classes of objectives, and what they share to find labels and logits."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Dict, Hashable, Iterable, List, Optional, Sequence, Tuple, Union

import torch
from allennlp.common import Registrable
from allennlp.data import Instance, Token
from allennlp.data.fields import Field
from allennlp.models import Model

from biome_interpret.errors import InterpretationError
from biome_interpret.models.isolation.recording import run_recording
from biome_interpret.models.objectives.inference_modes import (
    Choices,
    InferenceMode,
    LogSoftmax,
    Outputs,
    Softmax,
)
from biome_interpret.models.objectives.read_instance import labels_of
from biome_interpret.models.objectives.reading import Reading, with_dimensions
from biome_interpret.models.signatures import Signature, forward_signature
from biome_interpret.models.tensors import TensorDict, fresh

# The flag of an instance that is labelled with some of its tags: the "O" of others does not count.
IGNORES_OUTSIDE = "ignore_loss_on_o_tags"

# For each row the probability of each label, by the label's name, the most probable first.
LabelProbabilities = List[Optional[Dict[str, float]]]


@dataclass(frozen=True)
class Target:
    """
    What is explained.

    # Parameters

    label : `str`, optional
        The label's name; a span's tags, or the words of an answer, separated by spaces.
    index : `int`, optional
        The label's index in the model's output; `None` for a span.
    probability : `float`, optional
        The model's probability for the target, if its output gives one.
    words : `str`, optional
        The words that bear the label, if not the whole text.
    """

    label: Optional[str] = None
    index: Optional[int] = None
    probability: Optional[float] = None
    words: Optional[str] = None


class NoOutput(InterpretationError):
    """A model's output lacks what is to be explained."""

    def __init__(self) -> None:
        super().__init__("the model's output has no logits of the expected shape")


class Objective(Registrable):
    """
    Reads the explained number from a model's output. One is made for each labelled instance, of the
    first registered class that finds its label there. Register a subclass for a model of your own.

    Labels are read from the tensors, row by row: the rows of a batch may be different instances.

    # Parameters

    model : `Model`
    label_name : `str`
        The field that holds the label.
    label : `Field`, optional
        `None` if the instance has no such field.
    mode : `InferenceMode`
    """

    # Classes with a higher priority are tried first; among equals, the latest registered. It is not
    # inherited: a class that sets none has 0, and is tried before ours, which are negative.
    priority = 0
    # The fields of the label, if their names are fixed. `fits` gets the first. If there are none,
    # `fits` is tried on each field that the model's forward method may omit.
    label_fields: Tuple[str, ...] = ()
    # What `fits` checks unless overridden: the label's class, and attributes that the model has.
    label_class: Optional[type] = None
    model_attributes: Tuple[str, ...] = ()
    # The value is the loss, one number for a whole batch.
    needs_loss = False
    # All that is read from the output is there if the text is run without a label.
    reads_prediction = True
    # The model must be run with the label: a decoder, for example, reads the target's words.
    needs_label = False
    # The number of dimensions of the logits, if they are one of the outputs of the model. Which one
    # is found out, see `reading`.
    logit_dims: Optional[int] = None
    # Whether a single logit stands for two labels.
    takes_one_logit = False
    # The note of a result if the loss had to be explained instead. `{model}` is the model's class.
    why_loss = "{model} gives no logits for what it predicts: the loss is explained instead"

    def __init__(
        self, model: Model, label_name: str, label: Optional[Field[Any]], mode: InferenceMode
    ) -> None:
        self.model = model
        self.label_name = label_name
        self.label = label
        self.mode = mode
        self.notes: List[str] = []
        self.reading: Optional[Reading] = None
        # What the model itself calls the label with the largest logit, and its index.
        self.own_label: Optional[Tuple[int, str]] = None
        # The fields of other labels that the predictor gives the instance.
        self.other_labels: Tuple[str, ...] = ()
        # The field of the text that a label is a sequence along.
        self.labelled_text: Optional[str] = None
        # Whether all labels are known to be among the model's outputs. To look at them again would
        # wait for a GPU.
        self.has_checked_labels = False

    @property
    def type_key(self) -> Hashable:
        """Equal for objectives that read the same output of a model in the same way."""
        return type(self), self.output_name

    @property
    def least_size(self) -> float:
        """As in `InferenceMode`."""
        return self.mode.least_size

    @classmethod
    def fits(cls, model: Model, label: Field[Any]) -> bool:
        """Whether the objective takes such a field as its label."""
        if cls.label_class is None:
            raise NotImplementedError
        has_attributes = all(hasattr(model, name) for name in cls.model_attributes)
        return has_attributes and isinstance(label, cls.label_class)

    @classmethod
    def label_in(cls, model: Model, instance: Instance) -> Optional[str]:
        """The field of the instance that the objective takes as its label; `None` without one."""
        if not set(cls.label_fields) <= set(instance.fields):
            return None
        names = cls.label_fields[:1] or label_candidates(model, instance)
        return next((name for name in names if cls.fits(model, instance[name])), None)

    @property
    def reading_key(self) -> Hashable:
        """Equal for objectives whose logits are read in the same way."""
        return (type(self),)

    def read_as(self, reading: Optional[Reading]) -> None:
        """Reads the logits in this way."""
        self.reading = reading

    @property
    def output_name(self) -> Optional[str]:
        """The model's output that is explained; `None` if it is no output of the model itself."""
        return None if self.reading is None else self.reading.logits

    @property
    def label_objective(self) -> "Objective":
        """The objective that reads the label: another one if this explains the loss."""
        return self

    def name_as(self, own_label: Tuple[int, str]) -> None:
        """Takes over what the model itself calls a label."""
        self.own_label = own_label

    def logits(self, outputs: Outputs) -> Optional[torch.Tensor]:
        """
        The logits in a model's output, with `logit_dims` dimensions, the first for rows and the
        last for classes; `None` if it has none.
        """
        value = None
        if self.reading is not None and self.reading.logits is not None:
            value = outputs.get(self.reading.logits)
        if self.logit_dims is None or not isinstance(value, torch.Tensor):
            return None
        # The CPU has no softmax in half precision.
        value = value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
        return with_dimensions(value, self.logit_dims)

    def predicted(self, logits: torch.Tensor) -> List[int]:
        """The classes that one row of logits speaks for, choice by choice."""
        return [*logits.argmax(dim=-1).flatten().tolist()]

    @property
    def namespace(self) -> Optional[str]:
        """The label's namespace in the model's vocabulary; `None` if the labels have no names."""
        if self.reading is not None and self.reading.logits is not None:
            return self.reading.namespace
        return namespace_of(self.model, self.label)

    @property
    def has_probability(self) -> bool:
        """Whether the probability of a label is known."""
        return self.reading is None or self.reading.gives_probability

    @property
    def label_names(self) -> Tuple[str, ...]:
        """All fields that the label is made of."""
        return self.label_fields or (self.label_name,)

    def run(self, arguments: TensorDict) -> Outputs:
        """A forward pass: the model's output, and what else `choices` needs."""
        outputs: Outputs = self.model(**arguments)
        return outputs

    def run_for_loss(self, arguments: TensorDict) -> Outputs:
        """A forward pass that gives a loss."""
        outputs: Outputs = self.model(**arguments)
        return outputs

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        """What the model chose between; `None` if its output does not have it."""
        return None

    def values(self, outputs: Outputs, tensors: TensorDict) -> torch.Tensor:
        """
        The explained function of each row. Shape: (rows,).

        # Raises

        `NoOutput`
            If the output does not have it. Then the loss is explained.
        """
        choices = self.choices(outputs, tensors)
        if choices is None or (isinstance(self.mode, LogSoftmax) and not self.has_probability):
            raise NoOutput()
        return self.mode(outputs, choices)

    def probabilities(self, outputs: Outputs, tensors: TensorDict) -> Optional[torch.Tensor]:
        """
        The model's probability for each row's target. Shape: (rows,). `None` if its output has
        none.
        """
        choices = self.choices(outputs, tensors) if self.has_probability else None
        return None if choices is None else Softmax()(outputs, choices)

    def label_probabilities(self, outputs: Outputs, tensors: TensorDict) -> LabelProbabilities:
        """Empty if labels are not for the text as a whole."""
        return []

    @property
    def labels(self) -> Dict[int, str]:
        """The names of the labels that may be a target, by their index."""
        return {}

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        """What is explained of an instance."""
        return self.target(instance.fields.get(self.label_name), probability)

    def target(self, label: Optional[Field[Any]], probability: Optional[float]) -> Target:
        return Target(probability=probability)

    def retargeted(self, label: Field[Any], target: Union[str, int]) -> Field[Any]:
        """
        The label field for another target.

        # Raises

        `InterpretationError`
            If the model does not know the target.
        """
        raise InterpretationError(
            f"target {target!r} cannot be chosen here: only labels of a text as a whole, the "
            f"alternatives of a multiple choice and words to fill in can be targets; this model is "
            f"explained for what it predicts"
        )


class RecordedObjective(Objective):
    """
    For a model that does not return its logits: they are the outputs of some of its parts. The pass
    ends when each part was called once. The rest, such as a search, may call the parts again.
    """

    reads_prediction = False

    def parts(self) -> Dict[str, Any]:
        """The modules to record, by the names that their outputs get."""
        raise NotImplementedError

    def run(self, arguments: TensorDict) -> Outputs:
        _, records = run_recording(
            self.model, arguments, self.parts(), enough=lambda records: all(records.values())
        )
        return {name: calls[0] for name, calls in records.items() if calls}


def forward_arguments(objective: Objective, tensors: TensorDict) -> TensorDict:
    """
    The tensors that the model's forward method takes. Optional labels are left out if the objective
    does not need them: this saves the loss and its metrics.
    """
    signature = forward_signature(objective.model)
    names = {name for name in tensors if signature.accepts(name)}
    if not (objective.needs_loss or objective.needs_label):
        labels = {*objective.label_names, *objective.other_labels}
        names -= labels & set(signature.optional)
    return {name: fresh(value) for name, value in tensors.items() if name in names}


def label_candidates(model: Model, instance: Instance) -> Sequence[str]:
    """
    Fields that may be labels: by AllenNLP's convention, a model's forward method runs without them.
    Usual names go first, except for a field that the model cannot run without: it goes last. If it
    is known which fields label the instance, no others: the model may run without a feature, too.
    """
    names = _label_candidates(forward_signature(model), tuple(instance.fields))
    labels = labels_of(instance)
    return names if labels is None else [name for name in names if name in labels]


# Each class of objectives asks for them, on each text.
@lru_cache(maxsize=256)
def _label_candidates(signature: Signature, fields: Tuple[str, ...]) -> Sequence[str]:
    usual = [name for name in ("label", "labels", "tags") if name in fields]
    optional = [name for name in fields if signature.may_omit(name)]
    return tuple(dict.fromkeys([*(n for n in usual if n in optional), *optional, *usual]))


def own_namespace(model: Model) -> Optional[str]:
    """The vocabulary namespace of labels that a model has as an attribute."""
    for attribute in ("_label_namespace", "label_namespace"):
        namespace = getattr(model, attribute, None)
        if isinstance(namespace, str):
            return namespace
    return None


def namespace_of(model: Model, label: Optional[Field[Any]]) -> str:
    """The vocabulary namespace of a label."""
    own = own_namespace(model)
    return getattr(label, "_label_namespace", "labels") if own is None else own


def joined(tokens: Iterable[Token]) -> str:
    """The texts of the tokens, separated by spaces."""
    return " ".join(str(token.text) for token in tokens)


def has_class_named(module: object, *names: str) -> bool:
    """`isinstance`, by the names of classes, which then need not be imported."""
    return any(cls.__name__ in names for cls in type(module).__mro__)
