"""
Wraps a module's method, for one thread only.

PyTorch 1.12's forward hooks run in every thread. They also do not see keyword arguments, and
AllenNLP calls most token embedders with those.
"""

import functools
import threading
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Tuple

import torch

# Called in place of a method, with the method itself and its arguments.
Wrapper = Callable[..., Any]


class _Patch:
    """Stands in for a module's method as long as any thread wraps it."""

    def __init__(self, module: torch.nn.Module, name: str) -> None:
        self._module = module
        self._name = name
        self._method = getattr(module, name)
        # A method that was set on the module itself, if any.
        self._own_method = vars(module).get(name)
        self._wrappers_by_thread: Dict[int, List[Wrapper]] = {}

        @functools.wraps(self._method)
        def patched_method(*args: Any, **kwargs: Any) -> Any:
            call = self._method
            for wrapper in self._wrappers_by_thread.get(threading.get_ident(), ()):
                call = functools.partial(wrapper, call)
            return call(*args, **kwargs)

        vars(module)[name] = patched_method

    def add(self, wrapper: Wrapper) -> None:
        self._wrappers_by_thread.setdefault(threading.get_ident(), []).append(wrapper)

    def remove(self, wrapper: Wrapper) -> bool:
        """Puts the module back if this was its last wrapper. Returns whether it was."""
        thread = threading.get_ident()
        wrappers = self._wrappers_by_thread.get(thread, [])
        if wrapper in wrappers:
            wrappers.remove(wrapper)
        if not wrappers:
            self._wrappers_by_thread.pop(thread, None)
        if self._wrappers_by_thread:
            return False
        vars(self._module).pop(self._name, None)
        if self._own_method is not None:
            vars(self._module)[self._name] = self._own_method
        return True


_patches: Dict[Tuple[int, str], _Patch] = {}
_patches_lock = threading.Lock()


@contextmanager
def patched(module: torch.nn.Module, wrapper: Wrapper, method: str = "forward") -> Iterator[None]:
    """
    Calls `wrapper(method, *args, **kwargs)` whenever this thread calls the module's method. The
    caller gets what the wrapper returns. A method may have several wrappers, also from several
    threads. The latest one of a thread is called first. The module is put back afterwards, also
    after an exception.
    """
    key = (id(module), method)
    try:
        with _patches_lock:
            if key not in _patches:
                _patches[key] = _Patch(module, method)
            _patches[key].add(wrapper)
        yield
    finally:
        with _patches_lock:
            if key in _patches and _patches[key].remove(wrapper):
                del _patches[key]
