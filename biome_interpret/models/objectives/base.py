"""What every objective has in common, and how the one for an instance is found."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Container, Dict, Hashable, List, Optional, Sequence, Tuple, Union
from weakref import WeakKeyDictionary

import torch
from allennlp.common import Registrable
from allennlp.data import Instance
from allennlp.data.fields import Field, LabelField, MetadataField, TextField
from allennlp.models import Model

from biome_interpret.errors import InterpretationError
from biome_interpret.models.batches import TensorDict
from biome_interpret.models.modes import Choices, InferenceMode, LogSoftmax, Loss, Outputs, Softmax
from biome_interpret.models.registered import latest_first
from biome_interpret.models.signatures import Signature, forward_signature

# How far a loss may be from the sum of its rows, relative to their size, before it is no longer put
# down to rounding.
_LOSS_ROUNDING = 1e-5

# The class of an objective, and the name of the label's field.
_Kind = Tuple[Any, str]

# Where an instance has a label and else nothing but such fields, the types of these tell our own
# classes all. To ask each class takes long beside a small model's pass.
_TOLD_BY_TYPE = frozenset([LabelField, TextField, MetadataField])
_kinds: "WeakKeyDictionary[Model, Dict[Tuple[Any, ...], _Kind]]" = WeakKeyDictionary()


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


class UnknownObjective(Objective):
    """A label of a kind that no registered objective knows: nothing to choose from."""


def objective_for(
    model: Model, instance: Instance, mode: InferenceMode, whole_losses: Container[type] = ()
) -> Objective:
    """
    The objective for a labelled instance.

    # Parameters

    whole_losses : `Container[type]`
        The kinds of objectives of which the loss is known not to be told by rows.
    """
    is_loss = isinstance(mode, Loss)
    kind, name = _kind_of(model, instance)
    of_rows = LogSoftmax() if is_loss else mode
    found: Objective = kind(model, name, instance.fields.get(name), of_rows)
    if not is_loss:
        return found
    by_rows = found.reads_prediction and not found.needs_label and type(found) not in whole_losses
    # Values of their own making may take longer than a loss.
    is_plain = type(found).values is Objective.values
    return LossByRows(found) if by_rows and is_plain else LossObjective(found)


def _kind_of(model: Model, instance: Instance) -> _Kind:
    """The class of the objective for an instance, and which field it takes for the label."""
    kinds = latest_first(Objective)
    types = [type(field) for field in instance.fields.values()]
    if not (_TOLD_BY_TYPE.issuperset(types) and LabelField in types and _are_ours(kinds)):
        return _first_that_fits(kinds, model, instance)
    known, fields = _kinds.setdefault(model, {}), (kinds, *instance.fields, *types)
    if fields not in known:
        known[fields] = _first_that_fits(kinds, model, instance)
    return known[fields]


def _first_that_fits(kinds: Sequence[Any], model: Model, instance: Instance) -> _Kind:
    for kind in kinds:
        name = kind.label_in(model, instance)
        if name is not None:
            return kind, name
    return UnknownObjective, "label"


@lru_cache(maxsize=32)
def _are_ours(kinds: Sequence[Any]) -> bool:
    package, _, _ = __name__.partition(".")
    return all(kind.__module__.startswith(f"{package}.") for kind in kinds)


def loss_in_place_of(objective: Objective) -> Objective:
    """For a model whose output does not tell an objective's values."""
    if isinstance(objective, LossByRows):
        return LossObjective(objective.inner)
    loss = LossObjective(objective)
    loss.notes.append(objective.why_loss)
    return loss


def forward_arguments(objective: Objective, tensors: TensorDict) -> TensorDict:
    """
    What the model is called with: what it takes, and without the label, where that is not needed
    and AllenNLP's convention is kept that a model does without, so that it spares the loss and its
    metrics.
    """
    signature = forward_signature(objective.model)
    left_out: Sequence[str] = ()
    if not (objective.needs_loss or objective.needs_label):
        left_out = [name for name in objective.label_names if name in signature.can_do_without]
    return {
        name: value
        for name, value in tensors.items()
        if (signature.takes_anything or name in signature.names) and name not in left_out
    }


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
