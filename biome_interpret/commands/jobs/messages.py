"""What a command says: its exit statuses, and messages on standard error, which may be closed."""

import os
import sys
from contextlib import contextmanager, suppress
from typing import Any, Iterator, TextIO, cast

from biome_interpret.visualization.terminal import clean

FAILED, WRONG_USE, INTERRUPTED, CLOSED_PIPE = 1, 2, 130, 141


def say(message: str) -> None:
    """Prints a message without the characters that control a terminal."""
    with optional_standard_error():
        print(clean(message), file=sys.stderr, flush=True)


@contextmanager
def optional_standard_error() -> Iterator[None]:
    """Inside the block, what cannot be written to standard error is dropped without an error."""
    stream = sys.stderr
    sys.stderr = cast(TextIO, _Optional(stream))
    try:
        yield
    finally:
        sys.stderr = stream


def discard(stream: TextIO) -> None:
    """Otherwise Python flushes the stream again when it exits, and fails."""
    with suppress(OSError, ValueError):  # The stream has no file descriptor.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


class _Optional:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except OSError:
            discard(self._stream)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            discard(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
