"""Records outputs of a model's parts that the model itself does not return."""

import threading
from contextlib import ExitStack
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import torch

# The outputs of each part, call by call.
Records = Dict[str, List[Any]]


class _Enough(Exception):
    """Stops a forward pass when all that is needed was recorded."""


def run_recording(
    model: Callable[..., Dict[str, Any]],
    arguments: Mapping[str, Any],
    parts: Mapping[str, torch.nn.Module],
    enough: Optional[Callable[[Records], bool]] = None,
) -> Tuple[Dict[str, Any], Records]:
    """
    Runs a forward pass and records the outputs of some of the model's parts.

    # Parameters

    model : `Callable[..., Dict[str, Any]]`
    arguments : `Mapping[str, Any]`
    parts : `Mapping[str, torch.nn.Module]`
        By the names for their records. Calls by other threads are not recorded.
    enough : `Callable[[Records], bool]`, optional
        Called after each call of a part. If it returns True, the pass stops. This saves the rest,
        such as a beam search, which may cost many times more.

    # Returns

    `Tuple[Dict[str, Any], Records]`
        The model's output (empty if the pass was stopped), and the records.
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
