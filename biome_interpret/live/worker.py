"""One thread that runs the model, and a bounded queue before it."""

import asyncio
import math
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any, Callable, Deque, Optional

from biome_interpret.errors import reason_of
from biome_interpret.live.answers.refusals import Refused

# The longest time after which a client is told to ask again.
_LONGEST_WAIT = 60


class Job:
    """
    # Parameters

    run : `Callable[[Callable[[], bool]], Any]`
        What to do. Its argument tells whether the job was cancelled.
    """

    def __init__(self, run: Callable[[Callable[[], bool]], Any]) -> None:
        self.run = run
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[Any] = self._loop.create_future()
        self._cancelled = threading.Event()

    def is_cancelled(self) -> bool:
        return self._cancelled.is_set()

    def cancel(self) -> None:
        self._cancelled.set()

    def finish(self, value: Any, error: Optional[Exception]) -> None:
        """From the thread of the worker."""
        with suppress(RuntimeError):  # The server has stopped, and the loop is closed.
            self._loop.call_soon_threadsafe(self._set, value, error)

    def _set(self, value: Any, error: Optional[Exception]) -> None:
        if self.result.done():
            return
        if error is None:
            self.result.set_result(value)
        else:
            self.result.set_exception(error)
            self.result.exception()  # Nobody may be there to take it.


class Worker:
    """
    Jobs are carried out one after the other, since they share the model.

    # Parameters

    most_waiting : `int`
        How many jobs may wait. A further one is refused with status 503.
    """

    def __init__(self, most_waiting: int) -> None:
        self._most_waiting = most_waiting
        self._waiting: Deque[Job] = deque()
        self._running: Optional[Job] = None
        self._changed = threading.Condition()
        self._is_stopped = False
        self._seconds = 1.0
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    def submit(self, run: Callable[[Callable[[], bool]], Any]) -> Job:
        """From the event loop. Raises `Refused` if the queue is full."""
        with self._changed:
            if self._is_stopped:
                raise Refused(503, "the server was stopped: start it again")
            if len(self._waiting) >= self._most_waiting:
                seconds = math.ceil(self._seconds * (len(self._waiting) + 1))
                wait = max(1, min(seconds, _LONGEST_WAIT))
                raise Refused(
                    503,
                    f"{len(self._waiting)} requests are waiting: ask again in {wait} s",
                    headers={"Retry-After": str(wait)},
                )
            job = Job(run)
            self._waiting.append(job)
            self._changed.notify()
            return job

    def cancel(self, job: Job) -> None:
        """A waiting job is dropped. A running one is told."""
        job.cancel()
        with self._changed, suppress(ValueError):
            self._waiting.remove(job)

    def stop(self) -> None:
        """All requests are refused from now on, also the one that is answered now."""
        with self._changed:
            self._is_stopped = True
            for job in [*self._waiting, *([self._running] if self._running else [])]:
                job.cancel()
                job.finish(None, Refused(503, "the server was stopped: start it again"))
            self._waiting.clear()
            self._changed.notify()

    def close(self, timeout: float) -> bool:
        """Stops, and returns whether the thread has ended in time."""
        self.stop()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._running = None
                self._changed.wait_for(lambda: self._waiting or self._is_stopped)
                if self._is_stopped:
                    return
                job = self._running = self._waiting.popleft()
            started = time.monotonic()
            error: Optional[Exception]
            try:
                value, error = job.run(job.is_cancelled), None
            except Exception as failure:
                value, error = None, failure
            except BaseException as failure:  # A predictor may exit: the thread must live on.
                value, error = None, RuntimeError(reason_of(failure))
            self._seconds = time.monotonic() - started
            job.finish(value, error)
            del job, value, error
