"""Labelled instances with other targets than the prediction."""

from typing import Any, List, Mapping, Sequence, Union

from allennlp.data import Instance
from allennlp.data.fields import Field, LabelField
from allennlp.models import Model
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.labelling.base import Labelling, refused
from biome_interpret.models.objectives import MultiLabelObjective, objective_for
from biome_interpret.models.objectives.inference_modes import Logits

# The target that stands for a text's own label.
GOLD = "gold"

# A label's name or index, or `GOLD`; `None` for what is predicted.
TargetSpec = Union[str, int, None]


def targeted(
    predictor: Predictor,
    instance: Instance,
    labelled: Sequence[Instance],
    targets: Sequence[TargetSpec],
    own_labels: Mapping[str, Any],
) -> List[Instance]:
    """
    Labelled instances, each with each of the targets.

    # Parameters

    instance : `Instance`
        The text's, as it was read.
    labelled : `Sequence[Instance]`
        What the model predicted for it.
    targets : `Sequence[TargetSpec]`
    own_labels : `Mapping[str, Any]`
        By field name, what `GOLD` stands for: fields of a dataset reader's, or values of the input.

    # Returns

    `List[Instance]`
        Instances that are equal once they have the same target are returned once. The own label is
        the text's, not a single prediction's: it is returned once, even if nothing was predicted.

    # Raises

    `InterpretationError`
        If the model does not know a target, or the text has no label of its own.
    """
    if not labelled:
        return _gold(predictor, instance, [], own_labels) if GOLD in targets else []
    found: List[Instance] = []
    for position, one in enumerate(labelled):
        for target in targets:
            if target == GOLD:
                found += [] if position else _gold(predictor, instance, labelled, own_labels)
                continue
            new = one if target is None else _retargeted(predictor._model, one, target)
            may_repeat = position > 0 and target is not None
            if not (may_repeat and any(new.fields == other.fields for other in found)):
                found.append(new)
    return found


def _retargeted(model: Model, instance: Instance, target: Union[str, int]) -> Instance:
    objective = objective_for(model, instance, Logits())
    label: Any = instance.fields.get(objective.label_name)
    result = Instance(dict(instance.fields))
    result.indexed = instance.indexed
    result.add_field(objective.label_name, objective.retargeted(label, target), model.vocab)
    return result


def _gold(
    predictor: Predictor,
    instance: Instance,
    labelled: Sequence[Instance],
    own_labels: Mapping[str, Any],
) -> List[Instance]:
    """The instance with the text's own label, or with each of them."""
    model = predictor._model
    objective = objective_for(model, labelled[0] if labelled else instance, Logits())
    own = [own_labels.get(name) for name in objective.label_names]
    if all(isinstance(field, Field) and not isinstance(field, LabelField) for field in own):
        # `own` is empty if the label is the text itself.
        with refused(predictor, "cannot take the instance's own label for a target"):
            return Labelling.of(predictor).gold(predictor, instance)
    value: Any = own_labels.get(objective.label_name)
    value = value.label if isinstance(value, LabelField) else value
    # If a text has any number of labels, each is explained separately.
    is_several = isinstance(value, (list, tuple)) and isinstance(objective, MultiLabelObjective)
    values = list(value) if is_several else [value]
    if not labelled or any(isinstance(v, bool) or not isinstance(v, (str, int)) for v in values):
        name = f"'{objective.label_name}'" if labelled else "label"
        raise InterpretationError(
            f"target '{GOLD}' needs the text's own {name}, which it lacks: interpret an instance "
            f"that the dataset reader labelled, or give the name of a label with the input"
        )
    # If a number is a label's name, a dataset reader takes it as the name.
    names = set(objective.labels.values())
    values = [str(v) if isinstance(v, int) and str(v) in names else v for v in values]
    return [_retargeted(model, labelled[0], v) for v in values]
