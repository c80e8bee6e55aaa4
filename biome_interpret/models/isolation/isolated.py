"""Interpreting leaves the model and the process as they were, also after an exception."""

import copy
import threading
from contextlib import contextmanager
from typing import Any, Iterator, Sequence
from weakref import WeakKeyDictionary

import torch
from allennlp.models import Model
from allennlp.training.metrics import Metric

from biome_interpret.models.isolation.encoder_states import fixed_encoder_states
from biome_interpret.models.isolation.random_states import random_states_kept
from biome_interpret.models.tensors import device_of

_model_locks: "WeakKeyDictionary[Model, threading.RLock]" = WeakKeyDictionary()
_model_locks_lock = threading.Lock()


@contextmanager
def isolated(model: Model) -> Iterator[None]:
    """
    Puts the model into evaluation mode, and freezes its parameters. Every forward pass starts from
    the same states of stateful encoders. Other threads that interpret the model wait. Afterwards
    flags, metrics, encoder states and the global random states are as before.
    """
    with _lock_of(model), random_states_kept(device_of(model)), _default_dtype_kept():
        modules = list(model.modules())
        with _evaluation_mode(modules), _metrics_kept(model, modules):
            with fixed_encoder_states(model, modules):
                yield


def _lock_of(model: Model) -> Any:
    with _model_locks_lock:
        return _model_locks.setdefault(model, threading.RLock())


@contextmanager
def _evaluation_mode(modules: Sequence[torch.nn.Module]) -> Iterator[None]:
    training = [module for module in modules if module.training]
    parameters = [p for m in modules for p in m._parameters.values() if p is not None]
    # The gradients of the parameters would take half the time of a small model's backward pass.
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    try:
        for module in training:
            module.training = False
        for parameter in trainable:
            parameter.requires_grad = False
        yield
    finally:
        for module in training:
            module.training = True
        for parameter in trainable:
            parameter.requires_grad = True


@contextmanager
def _metrics_kept(model: Model, modules: Sequence[torch.nn.Module]) -> Iterator[None]:
    # Some metrics hold the vocabulary. It is not copied, since it is large and never changes.
    saved = [
        (metric, copy.deepcopy(vars(metric), {id(model.vocab): model.vocab}))
        for metric in _metrics(modules)
    ]
    try:
        yield
    finally:
        for metric, attributes in saved:
            vars(metric).clear()
            vars(metric).update(attributes)


def _metrics(modules: Sequence[torch.nn.Module]) -> Iterator[Metric]:
    for module in modules:
        if type(module).__module__.startswith("torch."):
            continue  # PyTorch's own modules, most of a model, hold no metrics.
        for value in vars(module).values():
            if isinstance(value, dict):
                value = list(value.values())
            members = value if isinstance(value, (list, tuple)) else [value]
            yield from (member for member in members if isinstance(member, Metric))


@contextmanager
def _default_dtype_kept() -> Iterator[None]:
    # Making spaCy's first blank pipeline changes it.
    default = torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_default_dtype(default)
