"""What a model's loss says of its label: which field it is, and whether a text has several."""

from typing import Any, Dict, FrozenSet, List, Optional, Sequence
from weakref import WeakKeyDictionary

from allennlp.data import Instance
from allennlp.data.fields import Field, LabelField, MultiLabelField
from allennlp.models import Model
from allennlp.predictors import Predictor

from biome_interpret.models.labelling.base import with_fields

# Found once for each model: the labels of instances that have fields of these names, and whether a
# text has several labels.
_labels: "WeakKeyDictionary[Model, Dict[FrozenSet[str], List[str]]]" = WeakKeyDictionary()
_has_several: "WeakKeyDictionary[Model, Optional[bool]]" = WeakKeyDictionary()


def labels_by_loss(
    predictor: Predictor, instance: Instance, missing: Sequence[str], given: Sequence[str]
) -> List[str]:
    """
    The labels among the fields that the model may do without: those that its loss needs, if the
    instance has its label. If it lacks it: those that give a loss.

    # Parameters

    missing : `Sequence[str]`
        The fields that the instance lacks.
    given : `Sequence[str]`
        Those that it has.
    """
    model = predictor._model
    known = _labels.setdefault(model, {})
    key = frozenset(instance.fields)
    if key not in known and given and _loss(model, instance) is not None:
        fields = instance.fields
        without = [Instance({n: f for n, f in fields.items() if n != name}) for name in given]
        known[key] = [name for name, one in zip(given, without) if _loss(model, one) is None]
    elif key not in known:
        label = LabelField(0, skip_indexing=True)
        added = [with_fields(predictor, instance, **{name: label}) for name in missing]
        known[key] = [name for name, one in zip(missing, added) if _loss(model, one) is not None]
    return known[key]


def label_by_loss(
    predictor: Predictor, instance: Instance, name: str, size: int
) -> Optional[Field[Any]]:
    """
    A label of the kind that the model has a loss for: a single one, or any number of them. `None`
    if it has one for both or neither.

    # Parameters

    name : `str`
        The field of the label.
    size : `int`
        The number of labels that the model knows.
    """
    model = predictor._model
    one, none = LabelField(0, skip_indexing=True), _no_label(size)
    if model not in _has_several:
        labels: List[Field[Any]] = [one, none]
        texts = [with_fields(predictor, instance, **{name: label}) for label in labels]
        loss_of_one, loss_of_none = (_loss(model, text) for text in texts)
        # A softmax that is trained on shares of its labels has a loss of zero without any.
        is_several = loss_of_one is None and bool(loss_of_none)
        is_one = loss_of_one is not None and loss_of_none is None
        _has_several[model] = is_several if is_several or is_one else None
    is_known = _has_several[model]
    return None if is_known is None else none if is_known else one


def _no_label(size: int) -> MultiLabelField:
    return MultiLabelField([], skip_indexing=True, num_labels=size)


def _loss(model: Model, instance: Instance) -> Optional[float]:
    """`None` if the model gives none, or if it takes other labels."""
    try:
        return float(model.forward_on_instance(instance)["loss"])
    except Exception:  # The model may fail in any way on a label that is not its own.
        return None
