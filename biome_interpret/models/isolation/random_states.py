"""
The global random generators, put back to the states that they were in.

Seldom has anything been drawn, and to ask Python's and NumPy's generators for their states takes
long beside a small model's pass: these are looked at where they lie in memory. That place is found
by trial, on generators of our own; where it cannot be found, they are asked.
"""

import ctypes
import pickle
import random
import struct
from contextlib import contextmanager
from typing import Any, Iterator, Optional, Tuple

import numpy
import torch

# Both are Mersenne twisters, of 624 numbers and a position among them, which Python has in front of
# the numbers and NumPy behind them.
_PYTHONS, _NUMPYS = struct.Struct("=i624I"), struct.Struct("=624Ii")

# Whether NumPy has a normal number left over, and which.
_LEFT_OVER = struct.Struct("@id")

# What a generator's state is told by, in bytes or in the generator's own form.
_State = Tuple[Any, ...]


@contextmanager
def random_states_kept(device: torch.device) -> Iterator[None]:
    """Those of Python, of NumPy, and of PyTorch on the CPU and on the device."""
    python_state, numpy_state = _python_state(), _numpy_state()
    torch_state = torch.get_rng_state()
    device_state = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    try:
        yield
    finally:
        if _python_state() != python_state:
            _put_back_python(*python_state)
        if _numpy_state() != numpy_state:
            _put_back_numpy(*numpy_state)
        if not torch.equal(torch.get_rng_state(), torch_state):
            torch.set_rng_state(torch_state)
        if device_state is not None:
            torch.cuda.set_rng_state(device_state, device)


def _python_state() -> _State:
    """Its numbers, and the normal number that is left over; or all that it tells when asked."""
    generator: Any = getattr(random.random, "__self__", None)
    kind: type = type(generator)
    if kind is not random.Random or _PYTHONS_PLACE is None:
        return (random.getstate(),)
    return _memory(generator, _PYTHONS_PLACE, _PYTHONS), generator.gauss_next


def _put_back_python(state: Any, *left_over: Optional[float]) -> None:
    if left_over:
        position, *numbers = _PYTHONS.unpack(state)
        state = (random.Random.VERSION, (*numbers, position), *left_over)
    random.setstate(state)


def _numpy_state() -> _State:
    """Its numbers, and what is left over; or all that it tells when asked."""
    generator: Any = getattr(numpy.random.rand, "__self__", None)
    twister: Any = getattr(generator, "_bit_generator", None)
    if type(twister) is not numpy.random.MT19937 or _LEFT_OVERS_PLACE is None:
        return (pickle.dumps(numpy.random.get_state(legacy=False)),)
    numbers = ctypes.string_at(twister.ctypes.state_address, _NUMPYS.size)
    return numbers, _memory(generator, _LEFT_OVERS_PLACE, _LEFT_OVER)


def _put_back_numpy(state: bytes, *left_over: bytes) -> None:
    if not left_over:
        numpy.random.set_state(pickle.loads(state))
        return
    *numbers, position = _NUMPYS.unpack(state)
    numpy.random.set_state(("MT19937", numbers, position, *_LEFT_OVER.unpack(*left_over)))


def _memory(generator: Any, place: int, layout: struct.Struct) -> bytes:
    return ctypes.string_at(id(generator) + place, layout.size)


def _place_in(generator: Any, layout: struct.Struct, *content: Any) -> Optional[int]:
    """Where in a generator something lies; `None` where it does not lie there once."""
    memory = ctypes.string_at(id(generator), type(generator).__basicsize__)
    sought = layout.pack(*content)
    return memory.find(sought) if memory.count(sought) == 1 else None


def _place_of_pythons() -> Optional[int]:
    generator = random.Random(0)
    generator.random()
    *numbers, position = generator.getstate()[1]
    return _place_in(generator, _PYTHONS, position, *numbers)


def _place_of_left_over() -> Optional[int]:
    generator = numpy.random.RandomState(0)
    generator.standard_normal()
    _, _, _, has_left_over, left_over = generator.get_state()
    return _place_in(generator, _LEFT_OVER, has_left_over, left_over)


_PYTHONS_PLACE, _LEFT_OVERS_PLACE = _place_of_pythons(), _place_of_left_over()
