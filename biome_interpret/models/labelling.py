"""Labelled instances: from a predictor's input, for what it predicts or for another target."""

from typing import Any, Dict, List, Union

from allennlp.data import Instance
from allennlp.models import Model
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.modes import Logits
from biome_interpret.models.objectives import objective_for

# The target that stands for a text's own label.
GOLD = "gold"

Target = Union[str, int, None]


def labelled_instances(
    predictor: Predictor, instance: Instance, outputs: Dict[str, Any]
) -> List[Instance]:
    """
    What the model predicted for an instance, as labels.

    # Parameters

    outputs : `Dict[str, Any]`
        As `Model.forward_on_instance` gives them.

    # Raises

    `InterpretationError`
        If the predictor labels nothing.
    """
    kind = type(predictor)
    if kind.predictions_to_labeled_instances is Predictor.predictions_to_labeled_instances:
        raise InterpretationError(
            f"{kind.__name__} does not implement `predictions_to_labeled_instances`, so that there "
            f"is no labelled instance to interpret"
        )
    return predictor.predictions_to_labeled_instances(instance, outputs)


def retargeted(
    model: Model, instance: Instance, target: Target, own_labels: Dict[str, Any]
) -> Instance:
    """
    A labelled instance with another target in its label's place.

    # Parameters

    target : `Union[str, int]`, optional
        A label's name or index, or `GOLD`; `None` for the label that is there.
    own_labels : `Dict[str, Any]`
        By field name, what `GOLD` stands for.

    # Raises

    `InterpretationError`
        If the target is not one that the model knows, or the text has no label of its own.
    """
    if target is None:
        return instance
    objective = objective_for(model, instance, Logits())
    if target == GOLD:
        target = own_labels.get(objective.label_name)
        if isinstance(target, int) and str(target) in objective.labels.values():
            target = str(target)  # A dataset reader would have taken the number for a name.
        if isinstance(target, bool) or not isinstance(target, (str, int)):
            raise InterpretationError(
                f"target '{GOLD}' needs the text's own '{objective.label_name}', which it lacks"
            )
    label = objective.retargeted(instance.fields[objective.label_name], target)
    result = Instance({**instance.fields, objective.label_name: label})
    result.indexed = instance.indexed
    return result
