"""What the benchmark is doing, on standard error."""

import sys
import time
from typing import Iterator, Sequence, TypeVar

T = TypeVar("T")

_START = time.monotonic()


def say(message: str) -> None:
    elapsed = int(time.monotonic() - _START)
    print(f"[{elapsed // 60:3d}:{elapsed % 60:02d}] {message}", file=sys.stderr, flush=True)


def following(label: str, items: Sequence[T], every: float = 20.0) -> Iterator[T]:
    """The items, with a line on how far it has got now and then (seconds)."""
    last = time.monotonic()
    for number, item in enumerate(items):
        if time.monotonic() - last > every:
            say(f"    {label}: {number} of {len(items)}")
            last = time.monotonic()
        yield item
