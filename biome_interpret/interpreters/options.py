"""Checks of options. Each message names the option and the values that it takes."""

import difflib
import json
from pathlib import Path
from typing import Any, Collection, Dict, List, Optional, Union

import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

Device = Union[int, str, torch.device]


def one_of(name: str, value: Any, allowed: Collection[str]) -> str:
    if not isinstance(value, str) or value not in allowed:
        known = ", ".join(repr(choice) for choice in allowed)
        raise ConfigurationError(f"{name} is {value!r}; it must be one of {known}")
    return str(value)


def whole_number(name: str, value: object, at_least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < at_least:
        raise ConfigurationError(
            f"{name} is {value!r}; it must be a whole number from {at_least} up"
        )
    return value


def amount(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e30:
        raise ConfigurationError(f"{name} is {value!r}; it must be a number from 0 up")
    return float(value)


def share(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1:
        raise ConfigurationError(f"{name} is {value!r}; it must be a number between 0 and 1")
    return float(value)


def flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} is {value!r}; it must be true or false")
    return value


def name(name: str, value: object) -> Optional[str]:
    if value is not None and not (isinstance(value, str) and value):
        raise ConfigurationError(f"{name} is {value!r}; it must be a name")
    return value if isinstance(value, str) else None


def refuse_both(first: Dict[str, Any], second: Dict[str, Any]) -> None:
    """Refuses options of both groups together."""
    given = [[name for name, value in g.items() if value is not None] for g in (first, second)]
    if all(given):
        either, other = (" and ".join(group) for group in (first, second))
        raise ConfigurationError(
            f"{given[0][0]} and {given[1][0]} exclude each other: give {either}, or {other}"
        )


def refuse_unknown(interpreter: str, given: Collection[str], allowed: Collection[str]) -> None:
    for name in given:
        close = difflib.get_close_matches(name, allowed, n=1)
        hint = f" (did you mean '{close[0]}'?)" if close else ""
        raise ConfigurationError(
            f"{interpreter} has no option '{name}'{hint}; its options are {', '.join(allowed)}"
        )


def target(value: object) -> Union[str, int, None]:
    if isinstance(value, bool) or not isinstance(value, (str, int, type(None))):
        raise ConfigurationError(
            f"target is {value!r}; it must be the name of a label, its index, or 'gold'. Only "
            f"interpret_json and the other interpret_ methods take a list of targets"
        )
    return value


def background(value: Union[str, Path, List[Any], None]) -> Optional[List[Any]]:
    """The texts of a list or of a JSONL file: the predictor's JSON inputs, or plain strings."""
    if value is None:
        return None
    texts = _read_jsonl(Path(value)) if isinstance(value, (str, Path)) else list(value)
    texts = [text.as_dict() if isinstance(text, Params) else text for text in texts]
    if not texts or not all(isinstance(text, (str, dict)) for text in texts):
        raise ConfigurationError(
            "background must be a list of texts (strings, or JSON objects as the predictor takes "
            "them) or the path of a JSONL file of texts, with at least one text"
        )
    return texts


def _read_jsonl(path: Path) -> List[Any]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        message = f"background '{path}' cannot be read as JSONL: {error}"
        raise ConfigurationError(message) from error


def move_to_device(predictor: Predictor, device: Device) -> None:
    """Moves the model, and updates the device of the predictor."""
    model = predictor._model
    try:
        if isinstance(device, int):
            device = "cpu" if device < 0 else f"cuda:{device}"
        model.to(torch.device(device))
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ConfigurationError(
            f"device is {device!r}, which this machine cannot use; it must be an index (-1 for the "
            f"CPU), a name such as 'cuda:0', or a torch.device: {str(error).splitlines()[0]}"
        ) from error
    predictor.cuda_device = next(model.parameters()).get_device()
