"""Interpreting leaves no trace: the state of model and process is put back, whatever happens."""

import copy
import random
import threading
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List
from weakref import WeakKeyDictionary

import numpy
import torch
from allennlp.models import Model
from allennlp.modules.encoder_base import _EncoderBase
from allennlp.training.metrics import Metric

_locks: "WeakKeyDictionary[Model, threading.RLock]" = WeakKeyDictionary()
_locks_lock = threading.Lock()


def lock_of(model: Model) -> Any:
    """One lock for each model, so that threads that interpret it take turns."""
    with _locks_lock:
        return _locks.setdefault(model, threading.RLock())


@contextmanager
def untouched(model: Model) -> Iterator[None]:
    """
    The model in evaluation mode, and no other thread interpreting it. Afterwards its training
    flags, its metrics and the states of its stateful encoders are what they were, and so is the
    global random state.
    """
    with lock_of(model), _evaluation_mode(model), _random_state(model), _default_type():
        metrics = {id(m): (m, _copy_of(m, model)) for m in _metrics(model)}
        encoders = [module for module in model.modules() if isinstance(module, _EncoderBase)]
        states = [copy.deepcopy(encoder._states) for encoder in encoders]
        try:
            yield
        finally:
            for metric, saved in metrics.values():
                vars(metric).clear()
                vars(metric).update(saved)
            for encoder, encoder_states in zip(encoders, states):
                encoder._states = encoder_states


@contextmanager
def _evaluation_mode(model: Model) -> Iterator[None]:
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def _default_type() -> Iterator[None]:
    # spaCy's first blank pipeline sets it.
    default = torch.get_default_dtype()
    try:
        yield
    finally:
        torch.set_default_dtype(default)


@contextmanager
def _random_state(model: Model) -> Iterator[None]:
    devices = {p.device.index for p in model.parameters() if p.device.type == "cuda"}
    python_state, numpy_state = random.getstate(), numpy.random.get_state()
    with torch.random.fork_rng(devices=sorted(devices)):
        try:
            yield
        finally:
            random.setstate(python_state)
            numpy.random.set_state(numpy_state)


def _metrics(model: Model) -> Iterator[Metric]:
    for module in model.modules():
        for value in vars(module).values():
            members = _members(value)
            yield from (member for member in members if isinstance(member, Metric))


def _members(value: Any) -> List[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _copy_of(metric: Metric, model: Model) -> Dict[str, Any]:
    # The vocabulary, which some metrics hold, is large and never changes: kept, not copied.
    return copy.deepcopy(vars(metric), {id(model.vocab): model.vocab})
