"""Makes instances of the background texts that a user gives."""

from typing import List, Sequence, Union

from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.labelling.texts import InputText


def background_instances(
    predictor: Predictor, given: Sequence[Union[JsonDict, str]], example: JsonDict
) -> List[Instance]:
    """
    # Parameters

    given : `Sequence[Union[JsonDict, str]]`
        The texts, as inputs of the predictor or as strings.
    example : `JsonDict`
        An input of the predictor. For a string, its text is replaced.

    # Raises

    `InterpretationError`
        If the predictor does not take a text.
    """
    return [_instance(predictor, _as_json(example, text)) for text in given]


def _instance(predictor: Predictor, inputs: JsonDict) -> Instance:
    try:
        text = InputText.read(predictor, inputs)[0]
        text.check_tokens()
        return text.instance
    except Exception as error:
        raise InterpretationError(
            f"the predictor does not take background text {inputs!r} "
            f"({type(error).__name__}: {error})"
        ) from error


def _as_json(example: JsonDict, given: Union[JsonDict, str]) -> JsonDict:
    if isinstance(given, dict):
        return given
    strings = [name for name, value in example.items() if isinstance(value, str)]
    names = [name for name in strings if name not in ("label", "id")] or ["sentence"]
    if len(names) != 1:
        raise InterpretationError(
            f"background texts must be JSON objects here: the input has several strings, {names}, "
            f"and a background text could stand for any of them"
        )
    return {**example, names[0]: given}
