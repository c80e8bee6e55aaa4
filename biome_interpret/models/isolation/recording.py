"""Records outputs of a model's parts that the model itself does not return."""

import functools
from contextlib import ExitStack
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import torch

from biome_interpret.models.isolation.patching import patched

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

    def record(name: str, forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        records[name].append(output)
        if enough is not None and enough(records):
            raise _Enough
        return output

    with ExitStack() as stack:
        for name, part in parts.items():
            stack.enter_context(patched(part, functools.partial(record, name)))
        try:
            outputs = model(**arguments)
        except _Enough:
            outputs = {}
    return outputs, records
