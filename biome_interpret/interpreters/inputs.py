"""Checks of the predictor and of the inputs. Each message says what to give in their place."""

from pathlib import Path
from typing import Any, Iterable, List, Mapping

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance
from allennlp.models import Archive, Model
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError, shown


def checked_predictor(value: Any) -> Predictor:
    """Refuses what people give in its place: a model, an archive, a path, a class."""
    if isinstance(value, Predictor):
        return value
    how = "load one with Predictor.from_path('model.tar.gz')"
    if isinstance(value, Model):
        how = "make one with Predictor.by_name('text_classifier')(model, dataset_reader)"
    elif isinstance(value, Archive):
        how = "make one with Predictor.from_archive(archive)"
    elif isinstance(value, (str, Path)):
        how = f"load it first: Predictor.from_path({shown(str(value))})"
    raise ConfigurationError(
        f"predictor is {_described(value)}; it must be an allennlp Predictor: {how}"
    )


def one_input(method: str, value: Any) -> Any:
    """The input of one text. `method` is where it was given."""
    if isinstance(value, (dict, Instance)):
        return value
    hint = ""
    if isinstance(value, (list, tuple)):
        hint = f". For several inputs there is {_batch_form(method)}"
    raise InterpretationError(
        f"{method} takes the input of the predictor, a dict such as "
        f'{{"sentence": "A good film."}}; it was given {_described(value)}{hint}'
    )


def many_inputs(method: str, value: Any) -> List[Any]:
    """A list of inputs, each of which is checked later. `method` is where it was given."""
    if isinstance(value, (str, Mapping, Instance)) or not isinstance(value, Iterable):
        raise TypeError(
            f'{method} takes a list of inputs, such as [{{"sentence": "A good film."}}]; it was '
            f"given {_described(value)}. Put a single input into a list"
        )
    return list(value)


def _batch_form(method: str) -> str:
    return "interpret_batch_json" if method == "interpret_json" else "saliency_interpret_batch_json"


def _described(value: Any) -> str:
    """For example "the string 'A dull film.'"."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, torch.nn.Module):  # Its `repr` lists all its layers.
        return f"a model ({type(value).__name__})"
    if isinstance(value, Archive):
        return "an Archive"
    names = {"str": "the string", "dict": "the dict", "list": "the list"}
    kind = type(value).__name__
    return f"{names.get(kind, kind)} {shown(value)}"
