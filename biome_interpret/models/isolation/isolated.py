"""Interpreting leaves the model and the process as they were, also after an exception."""

import copy
import os
import threading
from contextlib import nullcontext
from typing import (
    Any,
    Callable,
    ClassVar,
    ContextManager,
    List,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)
from weakref import WeakKeyDictionary

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models import Model

from biome_interpret.errors import InterpretationError
from biome_interpret.models.isolation.attributes import AttributesKept
from biome_interpret.models.isolation.encoder_states import fixed_encoder_states
from biome_interpret.models.isolation.patching import WrappersKept
from biome_interpret.models.isolation.random_states import RandomStates
from biome_interpret.models.tensors import device_of
from biome_interpret.stack import (
    Flag,
    autocast_states,
    exact_float32,
    float32_flags,
    set_autocast_states,
    set_flags,
)

_Result = TypeVar("_Result")

_model_locks: "WeakKeyDictionary[Model, threading.RLock]" = WeakKeyDictionary()


def run_isolated(model: Model, run: Callable[[], _Result]) -> _Result:
    """
    Calls `run`, with the model in evaluation mode and its parameters frozen. Every forward pass
    starts from the same states of stateful encoders. Other threads that interpret the model wait.
    Afterwards flags, metrics, attributes, encoder states and global random states are as before.

    Ctrl-C may interrupt any line, also those that restore. So all is restored twice: one interrupt
    prevents at most one of the two. This is a function, since Ctrl-C may also come after a block
    has ended and before its context manager has noticed.

    # Raises

    `ConfigurationError`
        If the model was made inside `torch.inference_mode()`.
    `InterpretationError`
        If another thread trained the model meanwhile.
    """
    with _lock_of(model), _outside_inference_mode():
        state = _State(model)
        try:
            try:
                state.change()
                with fixed_encoder_states(model, state.modules):
                    result = run()
                state.refuse_training()
                return result
            finally:
                state.restore()
        finally:
            state.restore()


def _lock_of(model: Model) -> Any:
    # In one step: threads cannot get two locks for one model.
    return _model_locks.setdefault(model, threading.RLock())


def _outside_inference_mode() -> ContextManager[Any]:
    """Tensors that are made in that mode have no gradients."""
    if torch.is_inference_mode_enabled():
        return torch.inference_mode(False)
    return nullcontext()


# The states of models that are interpreted now, by any thread.
_changed: List["_State"] = []


class _State:
    """The state of a model and of the process: all that interpreting changes."""

    def __init__(self, model: Model) -> None:
        self.modules = list(model.modules())
        _refuse_inference_tensors(model, self.modules)
        self.thread = threading.get_ident()
        self._is_restored = False
        self._training = [module for module in self.modules if module.training]
        parameters = [p for m in self.modules for p in m._parameters.values() if p is not None]
        self._trainable = [parameter for parameter in parameters if parameter.requires_grad]
        self._versions = [
            (parameter, _versions(parameter))
            for module in self.modules
            if not _writes_its_parameters(module)
            for parameter in module._parameters.values()
            if parameter is not None
        ]
        # `differentiable_recurrence` changes these.
        self._recurrent = [
            (module, module.training, module.dropout)
            for module in self.modules
            if isinstance(module, torch.nn.RNNBase)
        ]
        vocabulary: Any = model.vocab
        # Of a namespace that was only looked up: the tokens and their ids.
        self._made_entries = {vocabulary._padding_token, vocabulary._oov_token, 0, 1}
        self._namespaces = [
            (names, {*names}) for names in (vocabulary._token_to_index, vocabulary._index_to_token)
        ]
        self._attributes = AttributesKept(self.modules)
        # Some metrics hold the vocabulary. It is not copied, since it is large and never changes.
        self._metrics = [
            (metric, copy.deepcopy(vars(metric), {id(model.vocab): model.vocab}))
            for metric in self._attributes.metrics
        ]
        self._wrappers = WrappersKept()
        self._device = device_of(model)
        self._random_states = RandomStates(self._device)
        self._default_dtype = torch.get_default_dtype()
        self._grad_enabled = torch.is_grad_enabled()
        self._autocast = autocast_states()

    def change(self) -> None:
        """To evaluation mode, with frozen parameters."""
        _changed.append(self)
        if self._device.type == "cuda":
            _Float32.keep()
        for module in self._training:
            module.training = False
        # The gradients of the parameters would take half the time of a small model's backward pass.
        for parameter in self._trainable:
            parameter.requires_grad = False

    def refuse_training(self) -> None:
        if any(_versions(parameter) != before for parameter, before in self._versions):
            raise InterpretationError(
                "the model's parameters or their gradients changed while it was interpreted: do "
                "not train it in another thread meanwhile, or interpret a copy of it"
            )

    def restore(self) -> None:
        """May be called again, also if it was interrupted at any line."""
        if self._is_restored:
            return
        self.restore_model()
        self._wrappers.restore()
        self._random_states.restore()
        # Making spaCy's first blank pipeline changes it.
        torch.set_default_dtype(self._default_dtype)
        # PyTorch's context managers may have been interrupted.
        torch.set_grad_enabled(self._grad_enabled)
        set_autocast_states(*self._autocast)
        if self in _changed:
            _changed.remove(self)
        if not _changed:
            _Float32.restore()
        self._is_restored = True

    def restore_model(self) -> None:
        for module in self._training:
            module.training = True
        for layer, training, dropout in self._recurrent:
            layer.training, layer.dropout = training, dropout
        for parameter in self._trainable:
            parameter.requires_grad = True
        for metric, attributes in self._metrics:
            vars(metric).update(attributes)
            for name in [*vars(metric)]:
                if name not in attributes:
                    del vars(metric)[name]
        # To look up a namespace makes it: empty, or with padding and the unknown word.
        for namespaces, before in self._namespaces:
            for name in {*namespaces} - before:
                if {*namespaces[name], *namespaces[name].values()} <= self._made_entries:
                    namespaces.pop(name, None)
        self._attributes.restore()


class _Float32:
    """
    The precision of float32 on a GPU. By default cuDNN rounds to TF32: then the result of a row
    depends on the other rows, by more than a wrong gradient may differ. All threads share the
    flags: they are restored when no thread interprets a model any more.
    """

    before: ClassVar[Optional[List[Flag]]] = None

    @classmethod
    def keep(cls) -> None:
        if cls.before is None:
            cls.before = float32_flags()
            set_flags(exact_float32(cls.before))

    @classmethod
    def restore(cls) -> None:
        if cls.before is not None:
            set_flags(cls.before)
            cls.before = None


def _writes_its_parameters(module: torch.nn.Module) -> bool:
    """
    In a forward pass. An embedding with `max_norm` scales its rows, and a recurrent layer on the
    GPU may move its weights into one piece.
    """
    return vars(module).get("max_norm") is not None or isinstance(module, torch.nn.RNNBase)


def _versions(parameter: torch.nn.Parameter) -> Tuple[int, Optional[int], Optional[int]]:
    """Each training step changes them. Interpreting does not, since parameters are frozen."""
    gradient = parameter.grad
    if gradient is None:
        return parameter._version, None, None
    return parameter._version, id(gradient), gradient._version


def _refuse_inference_tensors(model: Model, modules: Sequence[torch.nn.Module]) -> None:
    tensors = [t for m in modules for t in (*m._parameters.values(), *m._buffers.values())]
    if any(tensor is not None and tensor.is_inference() for tensor in tensors):
        raise ConfigurationError(
            f"{type(model).__name__} was made inside `torch.inference_mode()`, where tensors get "
            f"no gradients: load the model outside of it"
        )


def _restore_after_fork() -> None:
    """
    A forked process has only the thread that forked it. Another one may have had a lock, or would
    have restored a model.
    """
    global _model_locks
    _model_locks = WeakKeyDictionary()
    for state in [*_changed]:
        if state.thread != threading.get_ident():
            state.restore_model()
            _changed.remove(state)


if hasattr(os, "register_at_fork"):  # Windows does not fork.
    os.register_at_fork(after_in_child=_restore_after_fork)
