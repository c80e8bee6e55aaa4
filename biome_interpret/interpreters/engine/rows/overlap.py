"""
Keeps a device busy while the CPU works.

A GPU works by itself: a pass is started, and its results are fetched later. So a task is a
generator that stops where it needs such results. Meanwhile the CPU goes on with another task.
"""

import threading
from collections import deque
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, ContextManager, Deque, Dict, Generator, Iterable, List, Tuple, TypeVar

import torch

Result = TypeVar("Result")

# It yields when it has started passes whose results it needs next.
Task = Generator[None, None, Result]


def run_overlapped(
    tasks: Iterable[Task[Result]], device: torch.device, most_at_once: int
) -> List[Result]:
    """
    Runs tasks, several of them by turns: new ones first, then the one that has waited longest. A
    task is taken from the iterable when it starts, since taking it may be work as well.

    On a GPU each of the tasks under way has a stream of its own, so that it waits for its own
    passes only. The first has the present stream.

    # Returns

    `List[Result]`
        What the tasks return, in their order.
    """
    results: Dict[int, Result] = {}
    free = [*_side_streams(device, most_at_once - 1), None]
    waiting: Deque[Tuple[int, Task[Result], Any]] = deque()
    tasks_left = enumerate(tasks)
    while True:
        new = next(tasks_left, None) if free else None
        if new is not None:
            turn = (*new, free.pop())
        elif waiting:
            turn = waiting.popleft()
        else:
            return [results[number] for number in sorted(results)]
        number, task, stream = turn
        try:
            with _on(stream):
                next(task)
            waiting.append(turn)
        except StopIteration as end:
            results[number] = end.value
            free.append(stream)


def _side_streams(device: torch.device, number: int) -> List[Any]:
    if device.type != "cuda":
        return [None] * number
    streams = [_side_stream(threading.get_ident(), device, i) for i in range(number)]
    for stream in streams:
        # What was begun before, such as moving the model there, is to be done first.
        stream.wait_stream(torch.cuda.current_stream(device))
    return streams


# A new stream would get memory of its own each time.
@lru_cache(maxsize=64)
def _side_stream(thread: int, device: torch.device, number: int) -> Any:
    return torch.cuda.Stream(device)


def _on(stream: Any) -> ContextManager[Any]:
    if stream is None:
        return nullcontext()
    on_stream: ContextManager[Any] = torch.cuda.stream(stream)
    return on_stream
