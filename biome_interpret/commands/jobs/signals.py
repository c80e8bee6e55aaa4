"""Being asked to stop, by Ctrl-C or by `kill`: at once, but never in the middle of a line."""

import signal
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Dict, Iterator, Optional, Type

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """
    The process was asked to stop. No `Exception`, lest it be taken for a text's failure.

    # Parameters

    signum : `int`
        By which signal.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum

    @property
    def exit_status(self) -> int:
        """What a shell expects of it."""
        return 128 + self.signum


class StopSignals:
    """Raises `Stopped` while entered; only after it, where it comes while `held`."""

    def __init__(self) -> None:
        self._before: Dict[int, Any] = {}
        self._is_held = False
        self._pending: Optional[int] = None

    def __enter__(self) -> "StopSignals":
        for signum in _SIGNALS:
            try:
                self._before[signum] = signal.signal(signum, self._handle)
            except ValueError:  # Outside the main thread, which alone gets signals.
                break
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
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
        """Until left: what is still done is done quickly."""
        for signum in self._before:
            signal.signal(signum, signal.SIG_IGN)

    def _handle(self, signum: int, frame: Optional[FrameType]) -> None:
        if not self._is_held:
            raise Stopped(signum)
        self._pending = signum
