"""Interpreting leaves no trace: the state of model and process is put back, whatever happens."""

import copy
import threading
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Sequence
from weakref import WeakKeyDictionary

import torch
from allennlp.models import Model
from allennlp.training.metrics import Metric

from biome_interpret.models.isolation.encoder_states import same_states
from biome_interpret.models.isolation.random_states import random_states_kept
from biome_interpret.models.tensors import device_of

_locks: "WeakKeyDictionary[Model, threading.RLock]" = WeakKeyDictionary()
_locks_lock = threading.Lock()

# Parameters, hooks and the like, where no metric is.
_OF_EVERY_MODULE = frozenset(vars(torch.nn.Module()))

# Of values of these types there is no need of copies, and no time to ask `deepcopy`.
_UNCHANGING = (int, float, str, type(None))


def lock_of(model: Model) -> Any:
    """One lock for each model, so that threads that interpret it take turns."""
    with _locks_lock:
        return _locks.setdefault(model, threading.RLock())


@contextmanager
def untouched(model: Model) -> Iterator[None]:
    """
    The model in evaluation mode, its parameters without gradients, every pass starting from the
    same states of its stateful encoders, and no other thread interpreting it. Afterwards its
    flags, its metrics and those states are what they were, and so is the global random state.
    """
    with lock_of(model), random_states_kept(device_of(model)), _default_type():
        modules = list(model.modules())
        with _evaluation_mode(modules), _metrics_kept(model, modules), same_states(model, modules):
            yield


@contextmanager
def _evaluation_mode(modules: Sequence[torch.nn.Module]) -> Iterator[None]:
    training = [module for module in modules if module.training]
    # Half of a small model's backward pass goes into the gradients of its parameters.
    parameters = [p for m in modules for p in m._parameters.values() if p is not None]
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    for module in training:
        module.training = False
    for parameter in trained:
        parameter.requires_grad = False
    try:
        yield
    finally:
        for module in training:
            module.training = True
        for parameter in trained:
            parameter.requires_grad = True


@contextmanager
def _metrics_kept(model: Model, modules: Sequence[torch.nn.Module]) -> Iterator[None]:
    metrics = {id(m): (m, _copy_of(m, model)) for m in _metrics(modules)}
    try:
        yield
    finally:
        for metric, saved in metrics.values():
            vars(metric).clear()
            vars(metric).update(saved)


@contextmanager
def _default_type() -> Iterator[None]:
    # spaCy's first blank pipeline sets it.
    default = torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_default_dtype(default)


def _metrics(modules: Sequence[torch.nn.Module]) -> Iterator[Metric]:
    for module in modules:
        if type(module).__module__.startswith("torch."):
            continue
        for name, value in vars(module).items():
            if name not in _OF_EVERY_MODULE and isinstance(value, (Metric, dict, list, tuple)):
                yield from (member for member in _members(value) if isinstance(member, Metric))


def _members(value: Any) -> List[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _copy_of(metric: Metric, model: Model) -> Dict[str, Any]:
    # The vocabulary, which some metrics hold, is large and never changes: kept, not copied.
    memo = {id(model.vocab): model.vocab}
    return {
        name: value if isinstance(value, _UNCHANGING) else copy.deepcopy(value, memo)
        for name, value in vars(metric).items()
    }
