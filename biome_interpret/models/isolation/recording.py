"""Reading what parts of a model put out, where the model itself does not hand it over."""

import threading
from contextlib import ExitStack
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import torch

# For each part, what it put out, call by call.
Records = Dict[str, List[Any]]


class _Enough(Exception):
    """Breaks off a forward pass of which no more is needed."""


def at_once(records: Records) -> bool:
    """Enough is the first call of any part."""
    return True


def run_recording(
    model: Callable[..., Dict[str, Any]],
    arguments: Mapping[str, Any],
    parts: Mapping[str, torch.nn.Module],
    enough: Optional[Callable[[Records], bool]] = None,
) -> Tuple[Dict[str, Any], Records]:
    """
    A forward pass, and what some of the model's parts put out during it.

    # Parameters

    model : `Callable[..., Dict[str, Any]]`
    arguments : `Mapping[str, Any]`
    parts : `Mapping[str, torch.nn.Module]`
        By a name for their records. Other threads that run them meanwhile see none of it.
    enough : `Callable[[Records], bool]`, optional
        Asked after each call of a part: once it says so, the pass is broken off. What a decoder
        goes on to do, such as a beam search for each point of a path, may cost many times more.

    # Returns

    `Tuple[Dict[str, Any], Records]`
        The model's output, empty where the pass was broken off, and the records.
    """
    records: Records = {name: [] for name in parts}
    thread = threading.get_ident()

    def hook_for(name: str) -> Callable[[torch.nn.Module, Any, Any], None]:
        def record(module: torch.nn.Module, inputs: Any, output: Any) -> None:
            if threading.get_ident() != thread:
                return
            records[name].append(output)
            if enough is not None and enough(records):
                raise _Enough

        return record

    with ExitStack() as handles:
        for name, part in parts.items():
            handles.callback(part.register_forward_hook(hook_for(name)).remove)
        try:
            outputs = model(**arguments)
        except _Enough:
            outputs = {}
    return outputs, records
