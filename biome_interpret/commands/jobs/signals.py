"""Ctrl-C and `kill` stop the job at once, but never inside a line of output."""

import signal
from contextlib import contextmanager
from types import FrameType
from typing import Any, Dict, Iterator, List, Optional

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """The process got a signal to stop. A `BaseException` does not count as a text's failure."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        # The status that shells give to a process that a signal has ended.
        self.exit_status = 128 + signum


class StopSignals:
    """
    A context that raises `Stopped` at a signal. While signals are `held`, it waits. The context can
    be entered again where other code has replaced the handlers.
    """

    def __init__(self) -> None:
        self._before: List[Dict[int, Any]] = []
        self._is_held = False
        self._is_ignored = False
        self._pending: Optional[int] = None

    def __enter__(self) -> "StopSignals":
        self._before.append({})
        for signum in _SIGNALS:
            try:
                self._before[-1][signum] = signal.signal(signum, self._handle)
            except ValueError:  # Only the main thread gets signals.
                break
        return self

    def __exit__(self, *error: object) -> None:
        for signum, handler in self._before.pop().items():
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
        """Ignores further signals until the outermost context ends."""
        self._is_ignored = True

    @contextmanager
    def ignored(self) -> Iterator[None]:
        """A context that ignores signals, also if other code has replaced the handlers."""
        before, self._is_ignored = self._is_ignored, True
        try:
            with self:
                yield
        finally:
            self._is_ignored = before

    def _handle(self, signum: int, frame: Optional[FrameType]) -> None:
        if self._is_ignored:
            return
        if not self._is_held:
            raise Stopped(signum)
        self._pending = signum
