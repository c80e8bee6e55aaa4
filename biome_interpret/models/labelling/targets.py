"""Labelled instances with other targets than the prediction."""

from typing import Any, Callable, Collection, List, Mapping, Sequence, Union

from allennlp.data import Instance
from allennlp.data.fields import Field, LabelField
from allennlp.models import Model
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.labelling.base import Labelling, refused
from biome_interpret.models.objectives import MultiLabelObjective, Objective
from biome_interpret.models.objectives.read_instance import ReadInstance

# The target that stands for a text's own label.
GOLD = "gold"

# A label's name or index, or `GOLD`; `None` is the prediction.
TargetSpec = Union[str, int, None]


class DatasetNumber(int):
    """
    A number that labels a text in a dataset. It is the name of a label, as dataset readers take
    it; the index if no label has this name.
    """

    def among(self, names: Collection[str]) -> Union[str, int]:
        return str(int(self)) if str(int(self)) in names else int(self)


def targeted(
    predictor: Predictor,
    instance: Instance,
    labelled: Sequence[Instance],
    targets: Sequence[TargetSpec],
    own_labels: Mapping[str, Any],
    objective_of: Callable[[Instance], Objective],
) -> List[Instance]:
    """
    One instance for each labelled instance and target. If a target makes labelled instances equal,
    one of them is returned. `GOLD` counts once for the text, even if nothing was predicted.

    # Parameters

    instance : `Instance`
        As it was read.
    labelled : `Sequence[Instance]`
        The same, with each prediction as its label.
    own_labels : `Mapping[str, Any]`
        What `GOLD` stands for, by field name: fields from a dataset reader, or values of the input.
    objective_of : `Callable[[Instance], Objective]`
        The objective of a labelled instance, which knows how the model's output is read.

    # Raises

    `InterpretationError`
        If the model does not know a target, or the text has no label of its own.
    """
    given = predictor, instance, labelled, own_labels, objective_of
    if not labelled:
        return _gold(*given) if GOLD in targets else []
    found: List[Instance] = []
    for position, one in enumerate(labelled):
        for target in targets:
            if target == GOLD:
                found += [] if position else _gold(*given)
            elif target is None:
                found.append(one)
            else:
                new = _retargeted(predictor._model, one, target, objective_of(one))
                labels = objective_of(one).label_names
                if position == 0 or not any(_are_equal(new, other, labels) for other in found):
                    found.append(new)
    return found


def _are_equal(one: Instance, other: Instance, labels: Collection[str]) -> bool:
    """Whether two instances of one text are equal, as far as their fields can be compared."""
    return one.fields.keys() == other.fields.keys() and all(
        _is_same(field, other.fields[name], name not in labels)
        for name, field in one.fields.items()
    )


def _is_same(field: Field[Any], other: Field[Any], otherwise: bool) -> bool:
    try:
        return bool(field == other)
    except (RuntimeError, ValueError):  # It holds tensors or arrays.
        return otherwise


def _retargeted(
    model: Model, instance: Instance, target: Union[str, int], objective: Objective
) -> Instance:
    if isinstance(target, DatasetNumber):
        target = target.among(objective.labels.values())
    label: Any = instance.fields.get(objective.label_name)
    result = instance.duplicate()
    result.add_field(objective.label_name, objective.retargeted(label, target), model.vocab)
    return result


def _gold(
    predictor: Predictor,
    instance: Instance,
    labelled: Sequence[Instance],
    own_labels: Mapping[str, Any],
    objective_of: Callable[[Instance], Objective],
) -> List[Instance]:
    """The instance with the text's own label, or one instance for each of its own labels."""
    model = predictor._model
    first = labelled[0] if labelled else instance
    objective = objective_of(first)
    own = [own_labels.get(name) for name in objective.label_names]
    if all(isinstance(field, Field) and not isinstance(field, LabelField) for field in own):
        # For a label that is the text itself, `own` is empty.
        with refused(predictor, "cannot take the instance's own label for a target"):
            found = Labelling.of(predictor).gold(predictor, instance)
        names = objective.label_names
        return [one.labelled_by(names) if isinstance(one, ReadInstance) else one for one in found]
    value: Any = own_labels.get(objective.label_name)
    value = value.label if isinstance(value, LabelField) else value
    # Each of several labels is explained separately.
    is_several = isinstance(value, (list, tuple)) and isinstance(objective, MultiLabelObjective)
    values = list(value) if is_several else [value]
    if not labelled or any(isinstance(v, bool) or not isinstance(v, (str, int)) for v in values):
        name = f"'{objective.label_name}'" if labelled else "label"
        raise InterpretationError(
            f"target '{GOLD}' needs the text's own {name}, which it lacks: interpret an instance "
            f"that the dataset reader labelled, or give the name of a label with the input"
        )
    values = [DatasetNumber(v) if isinstance(v, int) else v for v in values]
    return [_retargeted(model, first, v, objective) for v in values]
