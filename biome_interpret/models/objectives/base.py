"""What every objective has in common, and how the one for an instance is found."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Dict, Hashable, List, Optional, Sequence, Tuple, Union

import torch
from allennlp.common import Registrable
from allennlp.data import Instance
from allennlp.data.fields import Field
from allennlp.models import Model

from biome_interpret.errors import InterpretationError
from biome_interpret.models.objectives.inference_modes import (
    Choices,
    InferenceMode,
    Outputs,
    Softmax,
)
from biome_interpret.models.signatures import Signature, forward_signature
from biome_interpret.models.tensors import TensorDict


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
        The model's own, where its output tells.
    words : `str`, optional
        Those that bear the label, where it is not the whole text.
    """

    label: Optional[str] = None
    index: Optional[int] = None
    probability: Optional[float] = None
    words: Optional[str] = None


class NotTold(InterpretationError):
    """A model's output does not tell what is to be explained."""

    def __init__(self) -> None:
        super().__init__("the model's output has no logits of the expected shape")


class Objective(Registrable):
    """
    Reads the explained function from a model's output. One is made for each labelled instance, of
    the first registered class that fits it; a model of the user's own may register another.

    What it reads of a label comes from the tensors, row by row, since the rows of a batch may be of
    different instances.

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
    # A prediction of the text without a label tells all that is read from the output.
    reads_prediction = True
    # A text has one label, so that one instance is made of it; and nothing else is needed to tell
    # the values of points that go through the model as the text is predicted.
    goes_with_prediction = False
    # The label is an input too: a decoder is asked for the next word after those of the target.
    needs_label = False

    def __init__(
        self, model: Model, label_name: str, label: Optional[Field], mode: InferenceMode
    ) -> None:
        self.model = model
        self.label_name = label_name
        self.label = label
        self.mode = mode
        self.notes: List[str] = []

    @property
    def kind(self) -> Hashable:
        """The same for objectives that read a model's outputs in the same way."""
        kind: Any = type(self)
        return kind

    @classmethod
    def fits(cls, model: Model, label: Field) -> bool:
        """Whether a field that may be a label is one for this objective."""
        raise NotImplementedError

    @classmethod
    def label_in(cls, model: Model, instance: Instance) -> Optional[str]:
        """The field of the instance that is a label for this objective, if there is one."""
        candidates = label_candidates(model, instance)
        return next((name for name in candidates if cls.fits(model, instance[name])), None)

    @property
    def label_names(self) -> Tuple[str, ...]:
        """All fields that the label is made of."""
        return (self.label_name,)

    @property
    def why_loss(self) -> str:
        """The note of a result for which the loss had to be taken."""
        return (
            f"{type(self.model).__name__} gives no logits for what it predicts: the loss is "
            f"explained instead"
        )

    def run(self, arguments: TensorDict) -> Outputs:
        """A forward pass: the model's output, with what `choices` needs besides."""
        return self.model(**arguments)

    def run_for_loss(self, arguments: TensorDict) -> Outputs:
        """A forward pass that gives a loss."""
        return self.model(**arguments)

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        """What the model chose between; `None` where its output does not tell."""
        return None

    def values(self, outputs: Outputs, tensors: TensorDict) -> torch.Tensor:
        """
        The explained function of each row. Shape: (rows,).

        # Raises

        `NotTold`
            If the output does not tell: then the loss is explained.
        """
        choices = self.choices(outputs, tensors)
        if choices is None:
            raise NotTold()
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

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        """What is explained of an instance."""
        return self.target(instance.fields.get(self.label_name), probability)

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
            f"target {target!r} cannot be chosen here: only a model with one label for each text, "
            f"labels that it has or has not, alternatives to choose from or words to fill in takes "
            f"a target; this one is explained for what it predicts"
        )


def label_candidates(model: Model, instance: Instance) -> Sequence[str]:
    """
    Fields that may be labels. By AllenNLP's convention a model's labels are what its forward method
    can do without; those of the usual names go first.
    """
    return _candidates(forward_signature(model), tuple(instance.fields))


@lru_cache(maxsize=256)
def _candidates(signature: Signature, fields: Tuple[str, ...]) -> Sequence[str]:
    named = [name for name in ("label", "labels", "tags") if name in fields]
    without, takes_all = signature.can_do_without, signature.takes_anything
    free = [name for name in fields if (name in without if name in signature.names else takes_all)]
    return (
        *(name for name in named if name in free),
        *(name for name in free if name not in named),
        *(name for name in named if name not in free),
    )


def namespace_of(model: Model, label: Optional[Field]) -> str:
    """The vocabulary namespace of a label."""
    for attribute in ("_label_namespace", "label_namespace"):
        if isinstance(getattr(model, attribute, None), str):
            return getattr(model, attribute)
    return getattr(label, "_label_namespace", "labels")


def logits_of(outputs: Outputs, shape: Tuple[Optional[int], ...]) -> Optional[torch.Tensor]:
    """The logits among a model's outputs, by name and shape; `None` in it stands for any size."""
    names = ["logits", "label_logits", *(name for name in outputs if name.endswith("logits"))]
    for name in names:
        value = outputs.get(name)
        if isinstance(value, torch.Tensor) and _has_shape(value, shape):
            return value
    return None


def is_kind(module: object, *names: str) -> bool:
    """Whether something is of a class with such a name, which need not be imported for this."""
    return any(kind.__name__ in names for kind in type(module).__mro__)


def unknown_target(target: object, known: Sequence[Tuple[int, str]]) -> InterpretationError:
    if not known:
        return InterpretationError(
            f"unknown target {target!r}: the model's labels have no names, so that a target is the "
            f"index of one, a number"
        )
    listed = ", ".join(f"{name!r} ({index})" for index, name in known)
    return InterpretationError(f"unknown target {target!r}: the labels are {listed}")


def _has_shape(tensor: torch.Tensor, shape: Tuple[Optional[int], ...]) -> bool:
    return tensor.dim() == len(shape) and all(
        expected is None or size == expected for size, expected in zip(tensor.shape, shape)
    )
