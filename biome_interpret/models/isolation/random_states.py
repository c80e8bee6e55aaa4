"""Restores the states of the global random generators."""

import random
import threading

import numpy
import torch


class RandomStates:
    """
    The states of Python, NumPy, and PyTorch on the CPU and on a device.

    All threads share these generators: what another thread drew meanwhile would be drawn again. So
    only the main thread restores them. A program that interprets in another thread is likely to
    draw in several.
    """

    def __init__(self, device: torch.device) -> None:
        self._is_main_thread = threading.current_thread() is threading.main_thread()
        self._device = device
        self._python = random.getstate()
        self._numpy = numpy.random.get_state(legacy=False)
        self._torch = torch.get_rng_state()
        self._cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def restore(self) -> None:
        if not self._is_main_thread:
            return
        random.setstate(self._python)
        numpy.random.set_state(self._numpy)
        torch.set_rng_state(self._torch)
        if self._cuda is not None:
            torch.cuda.set_rng_state(self._cuda, self._device)
