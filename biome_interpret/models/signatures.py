"""What a module's forward method takes. Asked for again with each text, and slow to find out."""

import inspect
from functools import lru_cache
from typing import Any, Callable, NamedTuple, Tuple

import torch


class Signature(NamedTuple):
    """
    names : of the parameters, without `self`.
    can_do_without : the names of those that may be left out, since they are `None` by default.
    takes_anything : whether the method takes whatever it is given by name.
    """

    names: Tuple[str, ...]
    can_do_without: Tuple[str, ...]
    takes_anything: bool


def forward_signature(module: torch.nn.Module) -> Signature:
    # Methods hold on to their module, which no cache is to keep alive.
    function = getattr(module.forward, "__func__", None)
    return _signature(module.forward, 0) if function is None else _cached(function)


@lru_cache(maxsize=256)
def _cached(function: Callable[..., Any]) -> Signature:
    return _signature(function, 1)


def _signature(function: Callable[..., Any], first: int) -> Signature:
    parameters = list(inspect.signature(function).parameters.values())[first:]
    return Signature(
        tuple(p.name for p in parameters),
        tuple(p.name for p in parameters if p.default is None),
        any(p.kind is p.VAR_KEYWORD for p in parameters),
    )
