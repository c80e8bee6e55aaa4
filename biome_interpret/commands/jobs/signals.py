"""Ctrl-C and `kill` stop the job at once, but never inside a line of output."""

import signal
from contextlib import contextmanager
from types import FrameType
from typing import Any, Dict, Iterator, Optional

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """The process got a signal to stop. A `BaseException` does not count as a text's failure."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        # The status that shells give to a process that a signal has ended.
        self.exit_status = 128 + signum


class StopSignals:
    """A context that raises `Stopped` at a signal. While signals are `held`, it waits."""

    def __init__(self) -> None:
        self._before: Dict[int, Any] = {}
        self._is_held = False
        self._pending: Optional[int] = None

    def __enter__(self) -> "StopSignals":
        for signum in _SIGNALS:
            try:
                self._before[signum] = signal.signal(signum, self._handle)
            except ValueError:  # Only the main thread gets signals.
                break
        return self

    def __exit__(self, *error: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self._pending is not None:
            raise Stopped(self._pending)

    def ignore(self) -> None:
        """Ignores further signals until the context ends."""
        for signum in self._before:
            signal.signal(signum, signal.SIG_IGN)

    def _handle(self, signum: int, frame: Optional[FrameType]) -> None:
        if not self._is_held:
            raise Stopped(signum)
        self._pending = signum
