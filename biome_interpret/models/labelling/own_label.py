"""What a model itself calls its prediction, held against the logits that are explained."""

from typing import Any, Mapping, Optional

import torch
from allennlp.data import Instance
from allennlp.data.fields import LabelField
from allennlp.predictors import Predictor

from biome_interpret.models.labelling.base import Labelling, with_fields
from biome_interpret.models.labelling.tasks.labels import LabelLabelling
from biome_interpret.models.objectives import LabelObjective, Objective
from biome_interpret.models.objectives.reading import VALUE, own_names, with_dimensions


def own_name(objective: Objective, said: Mapping[str, Any]) -> Optional[str]:
    """The name in the model's readable output `said`; `None` if it has none."""
    reading = objective.reading
    names = own_names(said, objective.label_name, None if reading is None else reading.logits)
    return names[0] if len(names) == 1 else None


def best_class(objective: Objective, said: Mapping[str, Any]) -> Optional[int]:
    """The class with the largest logit; `None` if `said` has no such logits of a single label."""
    reading = objective.reading
    if not isinstance(objective, LabelObjective) or reading is None or reading.meaning == VALUE:
        return None
    if reading.logits is None or reading.logits not in said:
        return None
    logits = with_dimensions(torch.as_tensor(said[reading.logits]).unsqueeze(0), 2)
    if logits is None or not logits.isfinite().all():
        return None
    return objective.predicted(logits)[0]


def with_best_class(
    predictor: Predictor, instance: Instance, objective: Objective, said: Mapping[str, Any]
) -> Instance:
    """
    The labelled instance. If this package labelled it, by scores, its label is what the model
    itself calls it, or else the class with the largest of the logits that are explained.
    """
    best, own = best_class(objective, said), own_name(objective, said)
    label = instance.fields.get(objective.label_name)
    is_ours = isinstance(Labelling.of(predictor), LabelLabelling)
    if best is None or not is_ours or not isinstance(label, LabelField):
        return instance
    named = {name: index for index, name in objective.labels.items()}
    wanted = best if own is None else named.get(own, best)
    if int(label.as_tensor({})) == wanted:
        return instance
    new = objective.retargeted(label, wanted)
    return with_fields(predictor, instance, **{objective.label_name: new})


def contradiction(
    objective: Objective, instance: Instance, said: Mapping[str, Any]
) -> Optional[str]:
    """What is wrong between a label's name, the model's own name for it, and its logits."""
    best, own = best_class(objective, said), own_name(objective, said)
    if best is None or not isinstance(objective, LabelObjective):
        return None
    logits = objective.reading.logits if objective.reading is not None else None
    best_name = objective.labels.get(best)
    if own is not None and best_name not in (own, None):
        return (
            f"the model calls its prediction {own!r}, but the largest of its '{logits}' is that of "
            f"{best_name!r}"
        )
    label: Any = instance.fields[objective.label_name]
    given = label.label if isinstance(label, LabelField) else None
    found = objective.labels.get(int(label.as_tensor({})))
    if isinstance(given, str) and found is not None and found != given:
        return (
            f"the predictor labels {given!r}, but its place in '{logits}' is that of {found!r} "
            f"in the vocabulary"
        )
    return None
