"""
Wraps a module's method, for one thread only.

PyTorch 1.12's forward hooks run in every thread. They also do not see keyword arguments, and
AllenNLP calls most token embedders with those.

An interrupt, such as Ctrl-C, may come between any two steps. So each step can be repeated, and a
wrapper that an interrupt left behind is removed by `WrappersKept`.
"""

import functools
import os
import threading
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Tuple

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
        self._wrappers_by_thread: Dict[int, Tuple[Wrapper, ...]] = {}

        @functools.wraps(self._method)
        def patched_method(*args: Any, **kwargs: Any) -> Any:
            call = self._method
            for wrapper in self.wrappers_of(threading.get_ident()):
                call = functools.partial(wrapper, call)
            return call(*args, **kwargs)

        self._patched_method = patched_method

    def wrappers_of(self, thread: int) -> Tuple[Wrapper, ...]:
        return self._wrappers_by_thread.get(thread, ())

    def set_wrappers(self, thread: int, wrappers: Tuple[Wrapper, ...]) -> bool:
        """Puts the module back if no thread wraps it. Returns whether one does."""
        if wrappers:
            self._wrappers_by_thread[thread] = wrappers
        else:
            self._wrappers_by_thread.pop(thread, None)
        if self._wrappers_by_thread:
            vars(self._module)[self._name] = self._patched_method
        elif self._own_method is not None:
            vars(self._module)[self._name] = self._own_method
        else:
            vars(self._module).pop(self._name, None)
        return bool(self._wrappers_by_thread)

    def forget_wrappers(self) -> None:
        self._wrappers_by_thread.clear()


# By the id of the module and the name of the method. A patch keeps its module alive.
_Key = Tuple[int, str]
_patches: Dict[_Key, _Patch] = {}
_patches_lock = threading.RLock()


@contextmanager
def patched(module: torch.nn.Module, wrapper: Wrapper, method: str = "forward") -> Iterator[None]:
    """
    Calls `wrapper(method, *args, **kwargs)` whenever this thread calls the module's method. The
    caller gets what the wrapper returns. A method may have several wrappers, also from several
    threads. The latest one of a thread is called first. The module is put back afterwards, also
    after an exception.
    """
    key = (id(module), method)
    thread = threading.get_ident()
    try:
        with _patches_lock:
            if key not in _patches:
                _patches[key] = _Patch(module, method)
            _patches[key].set_wrappers(thread, (*_patches[key].wrappers_of(thread), wrapper))
        yield
    finally:
        with _patches_lock:
            if key in _patches:
                left = [*_patches[key].wrappers_of(thread)]
                if wrapper in left:
                    left.remove(wrapper)
                _set_wrappers(key, thread, tuple(left))


class WrappersKept:
    """The wrappers of this thread."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        # Other threads may add patches: the list is made in one step.
        patches = [*_patches.items()]
        self._wrappers = {key: patch.wrappers_of(self._thread) for key, patch in patches}

    def restore(self) -> None:
        """Removes all that were added since then."""
        with _patches_lock:
            for key in [*_patches]:
                _set_wrappers(key, self._thread, self._wrappers.get(key, ()))
        _release_patches_lock()


def _set_wrappers(key: _Key, thread: int, wrappers: Tuple[Wrapper, ...]) -> None:
    if not _patches[key].set_wrappers(thread, wrappers):
        del _patches[key]


def _release_patches_lock() -> None:
    """Before Python 3.10, an interrupt may come between the end of a block and its release."""
    try:
        while True:
            _patches_lock.release()
    except RuntimeError:  # This thread does not have it.
        pass


def _forget_other_threads() -> None:
    """A forked process has only the thread that forked it. Another one may have had the lock."""
    global _patches_lock
    _patches_lock = threading.RLock()
    thread = threading.get_ident()
    for key in [*_patches]:
        own = _patches[key].wrappers_of(thread)
        _patches[key].forget_wrappers()
        _set_wrappers(key, thread, own)


if hasattr(os, "register_at_fork"):  # Windows does not fork.
    os.register_at_fork(after_in_child=_forget_other_threads)
