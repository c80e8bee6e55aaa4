"""Selects the objective for a labelled instance, and the arguments of the model."""

from functools import lru_cache
from typing import Any, Container, Dict, Sequence, Tuple
from weakref import WeakKeyDictionary

from allennlp.data import Instance
from allennlp.data.fields import LabelField, MetadataField, TextField
from allennlp.models import Model

from biome_interpret.models.objectives.base import Objective
from biome_interpret.models.objectives.inference_modes import InferenceMode, LogSoftmax, Loss
from biome_interpret.models.objectives.loss import LossByRows, LossObjective
from biome_interpret.models.registry import latest_first
from biome_interpret.models.signatures import forward_signature
from biome_interpret.models.tensors import TensorDict

# The class of an objective, and the name of the label's field.
_Kind = Tuple[Any, str]

# Where an instance has a label and else nothing but such fields, the types of these tell our own
# classes all. To ask each class takes long beside a small model's pass.
_TOLD_BY_TYPE = frozenset([LabelField, TextField, MetadataField])
_kinds: "WeakKeyDictionary[Model, Dict[Tuple[Any, ...], _Kind]]" = WeakKeyDictionary()


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
