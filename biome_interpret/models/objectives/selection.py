"""Selects the objective for a labelled instance."""

from typing import Any, Container, Optional

from allennlp.data import Instance
from allennlp.data.fields import (
    IndexField,
    LabelField,
    MultiLabelField,
    SequenceLabelField,
    SpanField,
    TextField,
)
from allennlp.models import Model

from biome_interpret.models.objectives.base import Objective
from biome_interpret.models.objectives.inference_modes import InferenceMode, LogSoftmax, Loss
from biome_interpret.models.objectives.loss import LossObjective, RowwiseLossObjective
from biome_interpret.models.objectives.read_instance import labels_of
from biome_interpret.models.registry import by_priority

_LABELS = (LabelField, MultiLabelField, SequenceLabelField, SpanField, IndexField)


class UnknownObjective(Objective):
    """For a label that no registered objective takes. The loss is explained."""


def objective_for(
    model: Model,
    instance: Instance,
    mode: InferenceMode,
    non_additive: Container[type] = (),
) -> Objective:
    """
    The objective for a labelled instance. `non_additive` has the classes of objectives for which
    the model's loss was found not to be additive over rows.
    """
    for cls in by_priority(Objective):
        label_name = cls.label_in(model, instance)
        if label_name is not None:
            break
    else:
        cls, label_name = UnknownObjective, "label"
    label = instance.fields.get(label_name)
    is_loss = isinstance(mode, Loss)
    objective: Objective = cls(model, label_name, label, LogSoftmax() if is_loss else mode)
    objective.labelled_text = _labelled_text(instance, getattr(label, "sequence_field", None))
    if not cls.label_fields:
        objective.other_labels = tuple(
            name
            for name in labels_of(instance) or []
            if name not in objective.label_names and isinstance(instance[name], _LABELS)
        )
    if not is_loss:
        return objective
    is_rowwise = (
        objective.reads_prediction
        and not objective.needs_label
        and cls not in non_additive
        # Values of a class's own, such as a CRF's, may take longer than the model's loss.
        and cls.values is Objective.values
    )
    return RowwiseLossObjective(objective) if is_rowwise else LossObjective(objective)


def _labelled_text(instance: Instance, text: Any) -> Optional[str]:
    """The name of the field that is this text."""
    if not isinstance(text, TextField):
        return None
    texts = {name: one for name, one in instance.fields.items() if isinstance(one, TextField)}
    # Copies of a field share its tokens. Two texts of an instance may be equal.
    same = [name for name, one in texts.items() if one.tokens is text.tokens]
    equal = [name for name, one in texts.items() if one.tokens == text.tokens]
    return next(iter(same + equal), None)
