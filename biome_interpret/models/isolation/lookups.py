"""Looks ids up safely on a GPU."""

import threading
from contextlib import contextmanager
from typing import Any, Iterator

import torch


@contextmanager
def checked_lookups(device: torch.device) -> Iterator[None]:
    """
    An id beyond the rows of an embedding raises `IndexError`, as on the CPU. By itself it would end
    all use of the GPU by this process. PyTorch's own embeddings are checked, such as those of
    positions, in this thread. Each lookup waits for the GPU, so this is for trials only.
    """
    if device.type == "cpu":
        yield
        return
    lookup, thread = torch.nn.functional.embedding, threading.get_ident()

    def checked(input: torch.Tensor, weight: torch.Tensor, *args: Any, **options: Any) -> Any:
        if threading.get_ident() == thread and input.numel() and int(input.max()) >= len(weight):
            raise IndexError(f"the id {int(input.max())} is beyond the {len(weight)} rows")
        return lookup(input, weight, *args, **options)

    torch.nn.functional.embedding = checked
    try:
        yield
    finally:
        torch.nn.functional.embedding = lookup
