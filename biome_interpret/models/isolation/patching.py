"""
Standing around a method of a module, in one thread alone.

PyTorch 1.12's forward hooks do not see arguments that are given by name, as AllenNLP gives those of
most token embedders, and are every thread's.
"""

import functools
import inspect
import threading
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Tuple

import torch

# Called in a method's place, with the method itself and the arguments: `around(method, *args)`.
Around = Callable[..., Any]


class _Switch:
    """
    What a module has for a method of its own while anybody stands around it: calls by a thread
    that does are passed to it, all others go straight on.
    """

    def __init__(self, module: torch.nn.Module, name: str) -> None:
        self._module = module
        self._name = name
        self._method = getattr(module, name)
        self._before = vars(module).get(name)
        self._arounds: Dict[int, List[Around]] = {}

        def switched(*args: Any, **kwargs: Any) -> Any:
            call = self._method
            for around in self._arounds.get(threading.get_ident(), ()):
                call = functools.partial(around, call)
            return call(*args, **kwargs)

        switched.__wrapped__ = self._method  # type: ignore[attr-defined]
        # AllenNLP looks at it each time that it calls a token embedder.
        function = getattr(self._method, "__func__", None)
        if function is not None:
            switched.__signature__ = _signature_of_method(function)  # type: ignore[attr-defined]
        vars(module)[name] = switched

    def add(self, around: Around) -> None:
        thread = threading.get_ident()
        self._arounds[thread] = [*self._arounds.get(thread, ()), around]

    def remove(self, around: Around) -> bool:
        """Whether nobody is left; the module is as it was then."""
        thread = threading.get_ident()
        self._arounds[thread] = [a for a in self._arounds[thread] if a is not around]
        if not self._arounds[thread]:
            del self._arounds[thread]
        if self._arounds:
            return False
        del vars(self._module)[self._name]
        if self._before is not None:
            vars(self._module)[self._name] = self._before
        return True


@functools.lru_cache(maxsize=256)
def _signature_of_method(function: Callable[..., Any]) -> inspect.Signature:
    signature = inspect.signature(function)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


_switches: Dict[Tuple[int, str], _Switch] = {}
_switches_lock = threading.Lock()


@contextmanager
def intercepted(module: torch.nn.Module, around: Around, method: str = "forward") -> Iterator[None]:
    """
    Calls `around(method, *args, **kwargs)` wherever this thread calls the module's method; what it
    returns is what the caller gets. Several may stand around one method, also in several threads:
    the latest of a thread is called first. Afterwards the module is as it was, also after an
    exception.
    """
    key = (id(module), method)
    with _switches_lock:
        if key not in _switches:
            _switches[key] = _Switch(module, method)
        _switches[key].add(around)
    try:
        yield
    finally:
        with _switches_lock:
            if _switches[key].remove(around):
                del _switches[key]
