"""Whether the methods of a predictor's own class predict with what is explained."""

import threading
from typing import Any, Callable, Dict, List, Optional, Sequence

import numpy
import torch
from allennlp.data import Instance
from allennlp.predictors import Predictor

from biome_interpret.models.alignment.text_fields import texts_of
from biome_interpret.models.isolation.isolated import run_isolated
from biome_interpret.models.isolation.patching import patched
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.models.objectives.inference_modes import Outputs

_FOR_JSON = ("predict_json", "predict_instance", "predict_batch_json", "predict_batch_instance")
_FOR_INSTANCES = ("predict_instance", "predict_batch_instance")

# Predictors of these packages give the model what they read, as it is, and their models return what
# `forward` gives.
_KNOWN = ("allennlp", "allennlp_models", "biome_interpret")

# How the names of outputs end that say something of a label.
_OF_LABELS = ("logits", "probs", "probabilities", "scores", "label", "labels", "tags")

# A relative difference of at most this is rounding.
_ROUNDING = 1e-3

# Whether this thread runs a predictor: it may interpret its own predictions.
_running = threading.local()


def note_on_own_prediction(predictor: Predictor, texts: Sequence[InputText]) -> Optional[str]:
    """
    What a method of the predictor's own class changes about the text or about the model. `None` if
    it changes nothing, or if there is no such method.

    # Parameters

    texts : `Sequence[InputText]`
        All that the predictor makes of one input.
    """
    method = own_method(type(predictor), _FOR_JSON if texts[0].json else _FOR_INSTANCES)
    if method is None or getattr(_running, "predictor", False):
        return None
    _running.predictor = True
    try:
        return _note(predictor, method, texts)
    except Exception:  # Of the model: it is reported with the text. Or it cannot be compared.
        return None
    finally:
        _running.predictor = False


def _note(predictor: Predictor, method: str, texts: Sequence[InputText]) -> Optional[str]:
    model = predictor._model
    name = f"{type(predictor).__name__}.{method}"
    # Twice, since some outputs may differ each time.
    pairs = [[model.forward_on_instance(text.instance) for _ in range(2)] for text in texts]
    # What the predictor changes about the model is put back.
    calls = run_isolated(model, lambda: _calls(predictor, method, texts[0]))
    if not calls:  # The predictor runs the model in a way that is not known.
        return None
    for text, [explained, again] in zip(texts, pairs):
        own = [call for call in calls if _same(_ids(call.instance), _ids(text.instance))]
        if not own:
            return (
                f"{name} gives the model another text than the one that is explained, for at least "
                f"one input: what is explained is the text that `_json_to_instance` makes"
            )
        alone = [differences(explained, again, call.output) for call in own if call.is_alone]
        if alone and all(alone):
            keys = ", ".join(map(repr, alone[-1]))
            return (
                f"{name} gets other outputs from the model than those that are explained, for at "
                f"least one input: {keys}. What it changes about the model is not explained. Make "
                f"that change before interpreting"
            )
    return None


class _Call:
    """What a predictor gave the model, and what it got."""

    def __init__(self, instance: Instance, output: Outputs, is_alone: bool) -> None:
        self.instance = instance
        self.output = output
        self.is_alone = is_alone


def _calls(predictor: Predictor, method: str, text: InputText) -> List[_Call]:
    found: List[_Call] = []

    def observe(forward: Callable[..., List[Outputs]], instances: List[Instance]) -> List[Outputs]:
        outputs = forward(instances)
        for instance, output in zip(instances, outputs):
            # A copy: the predictor may add to it.
            found.append(_Call(instance, dict(output), len(instances) == 1))
        return outputs

    given: Any = dict(text.json) or text.instance.duplicate()
    door = ("predict_batch_" if "batch" in method else "predict_") + (
        "json" if text.json else "instance"
    )
    with patched(predictor._model, observe, "forward_on_instances"):
        getattr(predictor, door)([given] if "batch" in method else given)
    return found


def own_method(cls: type, names: Sequence[str]) -> Optional[str]:
    """The first of these methods of a class that is defined outside of the known packages."""
    for name in names:
        if getattr(cls, name).__module__.partition(".")[0] not in _KNOWN:
            return name
    return None


def _ids(instance: Instance) -> Dict[str, Any]:
    """Of each field of text."""
    return {
        name: field.as_tensor(field.get_padding_lengths())
        for name, field in instance.fields.items()
        if texts_of(instance, name)
    }


def differences(explained: Outputs, again: Outputs, found: Outputs) -> List[str]:
    """The names of the outputs that differ. A loss depends on the label that is given."""
    names = [name for name in {**explained, **found} if name != "loss"]
    return [
        name
        for name in names
        if (
            _same(explained[name], again.get(name)) and not _same(explained[name], found[name])
            if name in explained and name in found
            else name.endswith(_OF_LABELS)
        )
    ]


def _same(one: Any, other: Any) -> bool:
    """Up to rounding. Objects that are neither numbers nor strings are taken for the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    numbers = (torch.Tensor, numpy.ndarray, numpy.generic, int, float)
    if not (isinstance(one, numbers) and isinstance(other, numbers)):
        return True
    first, second = (numpy.asarray(value, dtype=float) for value in (one, other))
    return first.shape == second.shape and numpy.allclose(
        first, second, rtol=_ROUNDING, atol=1e-6, equal_nan=True
    )
