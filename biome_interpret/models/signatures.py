"""What a module's forward method takes. Asked for again with each text, and slow to find out."""

import inspect
from functools import lru_cache
from typing import Any, Callable, List

import torch


def forward_parameters(module: torch.nn.Module) -> List[inspect.Parameter]:
    """Without `self`."""
    function = getattr(module.forward, "__func__", None)
    # Methods hold on to their module, which no cache is to keep alive.
    if function is None:
        return list(inspect.signature(module.forward).parameters.values())
    return _parameters(function)[1:]


@lru_cache(maxsize=256)
def _parameters(function: Callable[..., Any]) -> List[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def can_do_without(module: torch.nn.Module) -> List[str]:
    """The names of the parameters that may be left out, since they are `None` by default."""
    return [p.name for p in forward_parameters(module) if p.default is None]


def takes_anything(module: torch.nn.Module) -> bool:
    """Whether a module's forward method takes whatever it is given by name."""
    return any(p.kind is p.VAR_KEYWORD for p in forward_parameters(module))
