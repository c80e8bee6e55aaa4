"""The error of a text. For a wrong option, AllenNLP's `ConfigurationError` is raised instead."""

import json
import re
from typing import Any


class InterpretationError(ValueError):
    """A text that cannot be interpreted: the message says why. Other texts are not affected."""


class NothingLabelled(InterpretationError):
    """There is no labelled instance with the wanted number, such as a span of a tagger."""


def shown(value: Any) -> str:
    """A value for a message, as one short line."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # Of a very large integer, or of an object whose own `repr` fails.
        return f"an object of type {type(value).__name__}"
    return text if len(text) <= 80 else f"{text[:77]}..."


def reason_of(error: BaseException, inputs: Any = None) -> str:
    """The error as one line for people. A missing key is compared with the `inputs`."""
    message = str(error)
    if isinstance(error, KeyError) and error.args:
        key = error.args[0]
        if isinstance(key, str) and " " in key:  # A sentence, which `str` puts in quotes.
            message = key
        elif isinstance(inputs, dict) and key not in inputs:
            has = ", ".join(repr(name) for name in inputs) or "none"
            message = f"{key!r} (the predictor needs this key; the text has {has})"
    elif isinstance(error, json.JSONDecodeError) and "\n" not in error.doc.rstrip("\n"):
        # Its line number is always 1, and would be mistaken for that of the input.
        # Some messages end in "at" themselves.
        message = re.sub(r"( at)?$", f" at character {error.pos + 1}", error.msg, count=1)
    message = " ".join(message.split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


# The last ones are those of cuBLAS and cuDNN. cuDNN also says so if it has no room to work in.
_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate",
    "not enough memory",
    "alloc_failed",
    "unable to find an engine",
    "valid cudnn algorithm",
)


def is_out_of_memory(error: BaseException) -> bool:
    """By the message: PyTorch 1.12 raises a plain `RuntimeError`, on the CPU and on CUDA."""
    message = str(error).lower()
    return isinstance(error, MemoryError) or any(part in message for part in _OUT_OF_MEMORY)
