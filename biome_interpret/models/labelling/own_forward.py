"""Whether methods of a model's own class give other outputs than its `forward`."""

from functools import partial
from typing import Optional

from allennlp.data import Instance
from allennlp.models import Model

from biome_interpret.models.isolation.isolated import run_isolated
from biome_interpret.models.labelling.own_prediction import differences, own_method
from biome_interpret.models.objectives.inference_modes import Outputs

_METHODS = ("forward_on_instances", "forward_on_instance")


def note_on_own_forward(model: Model, instance: Instance) -> Optional[str]:
    """
    Which outputs of a text differ. `None` if there are none, or if the model's class has no such
    method of its own.
    """
    method = own_method(type(model), _METHODS)
    if method is None:
        return None
    # What the method changes about the model is put back.
    return run_isolated(model, partial(_note, model, method, instance))


def _note(model: Model, method: str, instance: Instance) -> Optional[str]:
    try:
        # Twice, since some outputs may differ each time.
        explained, again = (_by_forward(model, instance) for _ in range(2))
        found = model.forward_on_instance(instance)
    except Exception:  # Of the model: it is reported with the text.
        return None
    names = differences(explained, again, found)
    if not names:
        return None
    return (
        f"{type(model).__name__}.{method} gives other outputs than the model's `forward`, which is "
        f"explained: {', '.join(map(repr, names))}"
    )


def _by_forward(model: Model, instance: Instance) -> Outputs:
    """By AllenNLP's own method."""
    return Model.forward_on_instances(model, [instance])[0]
