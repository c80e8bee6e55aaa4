"""What a module's forward method takes."""

import inspect
from functools import lru_cache
from typing import Any, Callable, NamedTuple, Tuple

import torch


class Signature(NamedTuple):
    """
    names : the names of the parameters, without `self`.
    optional : the names of those that are `None` by default.
    takes_anything : whether the method takes any named argument (`**kwargs`).
    """

    names: Tuple[str, ...]
    optional: Tuple[str, ...]
    takes_anything: bool

    def accepts(self, name: str) -> bool:
        return self.takes_anything or name in self.names

    def may_omit(self, name: str) -> bool:
        """Whether the method accepts the argument, and also runs without it."""
        return name in self.optional or (self.takes_anything and name not in self.names)


def forward_signature(module: torch.nn.Module) -> Signature:
    # The cache must not keep a module alive, as its bound method would.
    function = getattr(module.forward, "__func__", None)
    return _signature(module.forward, skipped=0) if function is None else _cached(function)


@lru_cache(maxsize=256)
def _cached(method: Callable[..., Any]) -> Signature:
    return _signature(method, skipped=1)  # `self`.


def _signature(function: Callable[..., Any], skipped: int) -> Signature:
    parameters = list(inspect.signature(function).parameters.values())[skipped:]
    return Signature(
        tuple(p.name for p in parameters),
        tuple(p.name for p in parameters if p.default is None),
        any(p.kind is p.VAR_KEYWORD for p in parameters),
    )
