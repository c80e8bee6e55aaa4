"""Which of the fields that may be a label are inputs of the model."""

from typing import FrozenSet, Sequence

from allennlp.data import Instance
from allennlp.data.fields import MetadataField, TextField
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.labelling.base import labelled_instances
from biome_interpret.models.objectives.base import label_candidates
from biome_interpret.models.objectives.inference_modes import Outputs


def input_fields(
    predictor: Predictor, instance: Instance, labelled: Sequence[Instance], output: Outputs
) -> FrozenSet[str]:
    """
    The optional fields that are no label: the predictor leaves them as they are, and does not add
    them to an instance that lacks them. Empty if there is one such field only.

    # Parameters

    instance : `Instance`
        As it was read.
    labelled : `Sequence[Instance]`
        The same, with each prediction as its label.
    output : `Outputs`
        Of `forward_on_instance`.
    """
    names = [
        name
        for name in (label_candidates(predictor._model, labelled[0]) if labelled else ())
        if not isinstance(labelled[0][name], (MetadataField, TextField))
    ]
    if len(names) < 2:
        return frozenset()
    found = frozenset(
        name
        for name in names
        if name in instance.fields
        and all(one[name] == instance[name] for one in labelled)
        and not _is_added(predictor, instance, name, output)
    )
    return found if len(found) < len(names) else frozenset()


def _is_added(predictor: Predictor, instance: Instance, name: str, output: Outputs) -> bool:
    """Whether the predictor adds the field to an instance without it."""
    without = Instance({other: field for other, field in instance.fields.items() if other != name})
    without.indexed = instance.indexed
    try:
        return any(name in one.fields for one in labelled_instances(predictor, without, output))
    except InterpretationError:  # The predictor needs the field.
        return False
