"""Checks of options. Each message names the option and the values that it takes."""

import difflib
import json
import numbers
from pathlib import Path
from typing import Any, Collection, Dict, List, Mapping, Optional, Union

import numpy
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.modules.encoder_base import _EncoderBase
from allennlp.predictors import Predictor

from biome_interpret.errors import shown
from biome_interpret.models.labelling.targets import DatasetNumber
from biome_interpret.models.tensors import device_of

Device = Union[int, str, torch.device]

# The largest number of points for a text. Larger ones take hours, and more memory than there is.
MOST_POINTS = 20_000
# For points whose weights solve a system of linear equations.
MOST_SOLVED_POINTS = 2_000
_LARGEST_INTEGER = 2**63 - 1


def one_of(name: str, value: Any, allowed: Collection[str]) -> str:
    if not isinstance(value, str) or value not in allowed:
        known = ", ".join(repr(choice) for choice in allowed)
        raise ConfigurationError(f"{name} is {shown(value)}; it must be one of {known}")
    return str(value)


def whole_number(
    name: str, value: Any, at_least: int = 1, at_most: int = MOST_POINTS, reason: str = ""
) -> int:
    """`reason` says when these bounds hold."""
    if not _is_number(value, numbers.Integral) or not at_least <= value <= at_most:
        raise ConfigurationError(
            f"{name} is {shown(value)}; {reason}it must be an integer from {at_least} to {at_most}"
        )
    return int(value)


def seed(name: str, value: Any) -> int:
    return whole_number(name, value, at_least=0, at_most=_LARGEST_INTEGER)


def amount(name: str, value: Any) -> float:
    if not _is_number(value, numbers.Real) or not 0 <= value < 1e30:
        raise ConfigurationError(
            f"{name} is {shown(value)}; it must be a number from 0 to less than 1e30"
        )
    return float(value)


def share(name: str, value: Any) -> float:
    if not _is_number(value, numbers.Real) or not 0 < value < 1:
        raise ConfigurationError(f"{name} is {shown(value)}; it must be a number between 0 and 1")
    return float(value)


def flag(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, numpy.bool_)):
        raise ConfigurationError(f"{name} is {shown(value)}; it must be true or false")
    return bool(value)


def _is_number(value: Any, kind: type) -> bool:
    """Whether a value is a number, also one of numpy's. Python counts `True` as one."""
    return isinstance(value, kind) and not isinstance(value, bool)


def name(name: str, value: object) -> Optional[str]:
    if value is not None and not (isinstance(value, str) and value):
        raise ConfigurationError(f"{name} is {value!r}; it must be a name, as a string")
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
        meant = _meant(shown(name).strip("'"), allowed)
        hint = f" (did you mean '{meant}'?)" if meant else ""
        raise ConfigurationError(
            f"{interpreter} has no option {shown(name)}{hint}; its options are {', '.join(allowed)}"
        )


def _meant(name: str, allowed: Collection[str]) -> Optional[str]:
    """The option with all words of the name, or else the one with the most similar letters."""
    words = set(name.split("_"))
    same = [option for option in allowed if words <= set(option.split("_"))]
    return next(iter(same or difflib.get_close_matches(name, allowed, n=1)), None)


def target(value: Any) -> Union[str, int, None]:
    if isinstance(value, (str, type(None))):
        return value
    if _is_number(value, numbers.Integral) and abs(value) <= _LARGEST_INTEGER:
        return value if isinstance(value, DatasetNumber) else int(value)
    raise ConfigurationError(
        f"target is {shown(value)}; it must be the name of a label, its index, or 'gold'. Only "
        f"interpret_json and the other interpret_ methods take a list of targets"
    )


def background(value: Union[str, Path, List[Any], None]) -> Optional[List[Any]]:
    """The texts of a list or of a JSONL file: the predictor's JSON inputs, or plain strings."""
    if value is None:
        return None
    if isinstance(value, (Mapping, Params)):
        raise ConfigurationError(
            f"background is {shown(value)}; it must be a list, also of a single text: [{{...}}]"
        )
    texts = _read_jsonl(Path(value)) if isinstance(value, (str, Path)) else _listed(value)
    texts = [text.as_dict() if isinstance(text, Params) else text for text in texts]
    if not texts or not all(isinstance(text, (str, dict)) for text in texts):
        raise ConfigurationError(
            f"background must be a list of texts (strings, or JSON objects as the predictor takes "
            f"them) or the path of a JSONL file of texts, with at least one text; it is "
            f"{shown(value)}"
        )
    return texts


def _listed(value: Any) -> List[Any]:
    """Empty if it is not a list."""
    try:
        return list(value)
    except TypeError:
        return []


def _read_jsonl(path: Path) -> List[Any]:
    try:
        if path.exists() and not path.is_file():  # A device or a pipe may have no end.
            raise OSError("it is not a file")
        lines = path.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError, RecursionError) as error:
        # The message of an `OSError` repeats the path.
        reason = getattr(error, "strerror", None) or error
        message = f"background {shown(str(path))} cannot be read as JSONL: {reason}"
        raise ConfigurationError(message) from error


def move_to_device(predictor: Predictor, device: Device) -> None:
    """Moves the model, and updates the device of the predictor."""
    model = predictor._model
    before = device_of(model)
    try:
        found = _device(device)
        # Some device that cannot hold a number could take the weights away.
        torch.zeros(1, device=found).tolist()
        model.to(found)
        for module in model.modules():  # Encoders such as ELMo's keep them as they are.
            states = getattr(module, "_states", None)
            if isinstance(module, _EncoderBase) and states is not None:
                module._states = tuple(state.to(found) for state in states)
    except (RuntimeError, AssertionError, TypeError, ValueError) as error:
        model.to(before)  # Too little memory may have stopped it midway.
        raise ConfigurationError(
            f"device is {shown(device)}, which this machine cannot use; it must be an index (-1 "
            f"for the CPU), a name such as 'cuda:0', or a torch.device: {_first_line(error)}"
        ) from error
    predictor.cuda_device = next(model.parameters()).get_device()


def _device(value: Any) -> torch.device:
    if _is_number(value, numbers.Integral):
        value = "cpu" if value == -1 else f"cuda:{value}"
    if not isinstance(value, (str, torch.device)):
        raise TypeError(f"it is of type {type(value).__name__}")
    return torch.device(value)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
