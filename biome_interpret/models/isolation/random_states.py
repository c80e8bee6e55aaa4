"""Restores the states of the global random generators."""

import random
from contextlib import contextmanager
from typing import Iterator

import numpy
import torch


@contextmanager
def random_states_kept(device: torch.device) -> Iterator[None]:
    """For Python, NumPy, and PyTorch on the CPU and on the device."""
    python_state, numpy_state = random.getstate(), numpy.random.get_state(legacy=False)
    torch_state = torch.get_rng_state()
    device_state = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    try:
        yield
    finally:
        random.setstate(python_state)
        numpy.random.set_state(numpy_state)
        torch.set_rng_state(torch_state)
        if device_state is not None:
            torch.cuda.set_rng_state(device_state, device)
