"""What a model keeps in a forward pass: plain attributes, such as a cache or a counter."""

from typing import Any, Dict, List, Sequence, Tuple

import torch
from allennlp.modules.encoder_base import _EncoderBase
from allennlp.training.metrics import Metric

from biome_interpret.models.isolation.containers import HeldContents

# The names of PyTorch's own attributes.
_PYTORCHS = frozenset(vars(torch.nn.Module()))


class AttributesKept:
    """
    The attributes of some modules, and what their containers hold. Tensors are not copied: one that
    a model writes into stays changed. `encoder_states` keeps those of stateful encoders.
    """

    def __init__(self, modules: Sequence[torch.nn.Module]) -> None:
        self._saved: List[Tuple[Dict[str, Any], Dict[str, Any]]] = []
        values: List[Any] = []
        for module in modules:
            # PyTorch's own modules, most of a model, keep nothing.
            if type(module).__module__.startswith("torch.") or isinstance(module, _EncoderBase):
                continue
            own = _own_attributes(vars(module))
            self._saved.append((vars(module), _without_methods(own)))
            values += [*own.values(), module._buffers]
        self._contents = HeldContents(values)

    @property
    def metrics(self) -> List[Metric]:
        """Those that the modules hold, also in containers."""
        return self._contents.metrics

    def restore(self) -> None:
        """May be called again, also if it was interrupted at any line."""
        for attributes, saved in self._saved:
            for name, value in saved.items():
                if attributes.get(name, self) is not value:
                    attributes[name] = value
            for name in _without_methods(_own_attributes(attributes)):
                if name not in saved:
                    attributes.pop(name, None)
        self._contents.restore()


def _own_attributes(attributes: Dict[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in [*attributes.items()] if name not in _PYTORCHS}


def _without_methods(attributes: Dict[str, Any]) -> Dict[str, Any]:
    """They may be patched for another thread."""
    return {name: value for name, value in attributes.items() if not callable(value)}
