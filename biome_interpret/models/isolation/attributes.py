"""What a model keeps in a forward pass: plain attributes, such as a cache or a counter."""

from typing import Any, Dict, Iterator, List, Sequence, Tuple

import torch
from allennlp.modules.encoder_base import _EncoderBase

# The names of PyTorch's own attributes.
PYTORCHS = frozenset(vars(torch.nn.Module()))

# Larger containers are taken for data that never changes.
_LARGEST = 10_000

_Containers = (dict, list, set)


class AttributesKept:
    """
    The attributes of some modules, and what their dicts, lists and sets hold. Tensors are not
    copied: one that a model writes into stays changed. `encoder_states` keeps those of stateful
    encoders.
    """

    def __init__(self, modules: Sequence[torch.nn.Module]) -> None:
        self._saved: List[Tuple[Dict[str, Any], Dict[str, Any]]] = []
        self._contents: List[Tuple[Any, Any]] = []
        for module in modules:
            if type(module).__module__.startswith("torch.") or isinstance(module, _EncoderBase):
                continue
            own = dict(_own_attributes(vars(module)))
            self._saved.append((vars(module), own))
            for value in [*own.values(), module._buffers]:
                if isinstance(value, _Containers) and len(value) <= _LARGEST:
                    self._contents.append((value, value.copy()))

    def restore(self) -> None:
        """May be called again, also if it was interrupted at any line."""
        for attributes, saved in self._saved:
            for name, value in saved.items():
                if attributes.get(name, self) is not value:
                    attributes[name] = value
            for name in [name for name, _ in _own_attributes(attributes) if name not in saved]:
                attributes.pop(name, None)
        for container, saved in self._contents:
            if not _same_items(container, saved):
                _refill(container, saved)


def _own_attributes(attributes: Dict[str, Any]) -> Iterator[Tuple[str, Any]]:
    """Without methods: they may be patched for another thread."""
    for name, value in [*attributes.items()]:
        if name not in PYTORCHS and not callable(value):
            yield name, value


def _same_items(container: Any, saved: Any) -> bool:
    if len(container) != len(saved):
        return False
    if isinstance(container, dict):
        return all(container.get(key, saved) is value for key, value in saved.items())
    if isinstance(container, set):
        return bool(container == saved)
    return all(one is other for one, other in zip(container, saved))


def _refill(container: Any, saved: Any) -> None:
    if isinstance(container, list):
        container[:] = saved
        return
    container.update(saved)
    for key in [key for key in container if key not in saved]:
        container.remove(key) if isinstance(container, set) else container.pop(key)
