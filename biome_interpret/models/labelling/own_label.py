"""What a model itself calls its prediction, compared with the logits that are explained."""

from typing import Any, List, Mapping, NamedTuple, Optional

import torch
from allennlp.data import Instance
from allennlp.data.fields import LabelField
from allennlp.predictors import Predictor

from biome_interpret.models.labelling.base import Labelling, with_fields
from biome_interpret.models.labelling.tasks.labels import LabelLabelling
from biome_interpret.models.objectives import LabelObjective, MultiLabelObjective, Objective
from biome_interpret.models.objectives.reading import (
    EACH,
    VALUE,
    Reading,
    agree,
    own_names,
    with_dimensions,
)


class OwnLabel(NamedTuple):
    """
    What a model says of a text.

    # Parameters

    best : `int`, optional
        The class with the largest probability or logit; `None` if that is unknown.
    name : `str`, optional
        What the model itself calls its prediction.
    """

    best: Optional[int]
    name: Optional[str]

    @classmethod
    def of(cls, objective: Objective, said: Mapping[str, Any]) -> "OwnLabel":
        """From the model's readable output `said`."""
        reading = objective.reading
        names = [] if reading is None else own_names(said, reading.label_key)
        return cls(_best_class(objective, said), names[0] if len(names) == 1 else None)


def _best_class(objective: Objective, said: Mapping[str, Any]) -> Optional[int]:
    """
    The class with the largest of the model's own probabilities, if these do not follow from the
    logits; otherwise with the largest logit. `None` if `said` has neither for a single label.
    """
    label, reading = objective.label_objective, objective.reading
    if not isinstance(label, LabelObjective) or reading is None or reading.meaning == VALUE:
        return None
    own = reading.probabilities if reading.meaning == EACH else None
    numbers = _numbers(said, own or reading.logits)
    if numbers is None or not numbers.isfinite().all():
        return None
    return label.predicted(numbers)[0]


def has_logits(objective: Objective, said: Mapping[str, Any]) -> bool:
    """
    Whether the model's output of the reading's name has the shape of a label's logits: that of the
    parts of a text has it only if the text has one part.
    """
    reading = objective.reading
    if reading is None or reading.logits not in said or objective.logit_dims != 2:
        return True
    return _numbers(said, reading.logits) is not None


def has_usual_probabilities(objective: Objective, said: Mapping[str, Any]) -> bool:
    """Whether the model's own probabilities follow from its logits, if the reading says so."""
    reading = objective.reading
    if reading is None or reading.usual_probabilities is None:
        return True
    logits = _numbers(said, reading.logits)
    own = _numbers(said, reading.usual_probabilities)
    if logits is None or own is None or reading.meaning != EACH:
        return True
    is_several = isinstance(objective.label_objective, MultiLabelObjective)
    return agree(own, logits.sigmoid() if is_several else logits.softmax(dim=-1))


def _numbers(said: Mapping[str, Any], name: Optional[str]) -> Optional[torch.Tensor]:
    """Shape: (1, classes). `None` if there are none of that name."""
    if name is None or name not in said:
        return None
    try:
        value = torch.as_tensor(said[name])
    except (TypeError, ValueError, RuntimeError):  # The model may put something else in its place.
        return None
    return with_dimensions(value.unsqueeze(0).double(), 2)


def with_own_label(
    predictor: Predictor, instance: Instance, objective: Objective, own: OwnLabel
) -> Instance:
    """
    The labelled instance. If this package labelled it by scores, its label becomes what the
    model itself calls it, or else the best class.
    """
    label = instance.fields.get(objective.label_name)
    if own.best is None or not isinstance(label, LabelField):
        return instance
    wanted = own.best
    if own.name is not None:
        names = _names(objective).items()
        wanted = next((index for index, name in names if name == own.name), wanted)
    is_wanted = int(label.as_tensor({})) == wanted
    if is_wanted or not isinstance(Labelling.of(predictor), LabelLabelling):
        return instance
    new = objective.label_objective.retargeted(label, wanted)
    return with_fields(predictor, instance, **{objective.label_name: new})


def contradiction(objective: Objective, instance: Instance, own: OwnLabel) -> Optional[str]:
    """What is wrong between a label's name, the model's own name for it, and its logits."""
    label: Any = instance.fields.get(objective.label_name)
    if own.best is None or not isinstance(label, LabelField) or objective.reading is None:
        return None
    logits, names = objective.reading.logits, _names(objective)
    # A name that the vocabulary does not have says nothing of the others.
    if names.get(own.best) != own.name and own.name in names.values():
        return (
            f"the model calls its prediction {own.name!r}, but the largest of its '{logits}' is "
            f"that of {_name(names, own.best)!r}"
        )
    found = names.get(int(label.as_tensor({})))
    if isinstance(label.label, str) and found is not None and found != label.label:
        return (
            f"the predictor's label is {label.label!r}, but its index in '{logits}' is that of "
            f"{found!r} in the vocabulary"
        )
    return None


def doubts(objective: Objective, own: OwnLabel, said: Mapping[str, Any]) -> List[str]:
    """What does not contradict a label's name, but makes it uncertain."""
    reading, names = objective.reading, _names(objective)
    if reading is None or reading.logits is None:
        return []
    found = [_left_out(objective, reading, said), _labelled_too(objective)]
    if objective.logit_dims == 3 and not reading.gives_probability:
        found.append(
            "the model's loss scores the tags of a text together, in a way that is not known: "
            "their probability is left out"
        )
    elif reading.meaning == EACH and not reading.gives_probability:
        found.append(
            f"the model's loss is not that of a softmax of '{reading.logits}': the probability is "
            f"not known, and is left out"
        )
    if names and own.best is not None:
        best = _name(names, own.best)
        if own.name not in [None, best, *names.values()]:
            found.append(
                f"the model calls its prediction {own.name!r}, which its vocabulary does not have: "
                f"the largest of its '{reading.logits}' is that of {best!r}"
            )
    if reading.rivals:
        rivals = ", ".join(map(repr, reading.rivals))
        found.append(
            f"the model does not name its label: the names are those of the vocabulary's namespace "
            f"'{reading.namespace}', but there are as many in {rivals}"
        )
    if reading.trained_alike:
        found.append(
            f"'{reading.logits}' is explained, but the loss speaks for "
            f"{', '.join(map(repr, reading.trained_alike))} as well: if the label is read from "
            f"another one, name that with the option `output`"
        )
    return [one for one in found if one is not None]


def _labelled_too(objective: Objective) -> Optional[str]:
    """Other labels that the predictor gives the same instance."""
    others = objective.label_objective.other_labels
    if not others:
        return None
    return (
        f"the predictor labels {', '.join(map(repr, others))} as well: what is explained is "
        f"'{objective.label_name}' alone"
    )


def _left_out(objective: Objective, reading: Reading, said: Mapping[str, Any]) -> Optional[str]:
    """A label that a model of several labels leaves out, though it has a larger logit."""
    own = own_names(said, reading.label_key)
    logits, names = _numbers(said, reading.logits), _names(objective)
    if not isinstance(objective.label_objective, MultiLabelObjective) or logits is None or not own:
        return None
    numbers = dict(zip(names.values(), logits[0, [*names]].tolist()))
    if not all(name in numbers for name in own):
        return None
    lowest = min(numbers[name] for name in own)
    largest = max(numbers, key=lambda name: numbers[name])
    if largest in own or not numbers[largest] > lowest:
        return None
    return (
        f"the model calls its prediction {' '.join(own)!r} and leaves out {largest!r}, which has a "
        f"larger number in its '{reading.logits}'"
    )


def _name(names: Mapping[int, str], index: int) -> str:
    """AllenNLP's classifiers call a label that has no name by its number."""
    return names.get(index, str(index))


def _names(objective: Objective) -> Mapping[int, str]:
    return objective.label_objective.labels
