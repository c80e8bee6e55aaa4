"""Connects to Ray, or starts it on this machine, and watches the progress of a job."""

import logging
import os
import socket
import sys
import threading
from argparse import Namespace
from contextlib import contextmanager, redirect_stdout, suppress
from typing import Any, Dict, Iterator, Tuple

from allennlp.common import Tqdm
from allennlp.common.checks import ConfigurationError

from biome_interpret.commands.jobs.signals import StopSignals
from biome_interpret.distributed.attempts import by_value
from biome_interpret.distributed.dataset import number_of_actors
from biome_interpret.errors import reason_of

# Reading and writing take one CPU. Newer versions of Ray take another one to resume.
_OTHER_CPUS = 2
_SECONDS = 0.5
_SECONDS_TO_REACH = 10.0


@contextmanager
def connected(arguments: Namespace, signals: StopSignals) -> Iterator[int]:
    """
    Ray inside the block, and the number of actors that it has room for. Without an address Ray is
    started on this machine, and stopped at the end. Raises `ConfigurationError` if there is no
    cluster at the address, or if it is too small.
    """
    _quieten()
    import ray

    gpus_per_actor, wanted = arguments.gpus_per_actor, arguments.actors
    address = arguments.ray_address or os.environ.get("RAY_ADDRESS") or "local"
    options: Dict[str, Any] = {}
    if address == "local":
        cores = _num_cores()
        if wanted is None and not gpus_per_actor:
            wanted = max(1, cores - 1)
        # The other tasks share the cores. If Ray counted these only, it might never start them.
        options = {"num_cpus": max(wanted or 1, cores) + _OTHER_CPUS, "include_dashboard": False}
    # Ray prints what tasks raised, with their tracebacks, and raises the last one too. A thread of
    # its own prints some of it late, until Ray is shut down.
    with open(os.devnull, "w") as null, redirect_stdout(null), signals:
        # Ray replaces handlers of signals. At the end they are as before.
        try:
            _start(address, options)
            yield number_of_actors(wanted, gpus_per_actor, _OTHER_CPUS)
        finally:
            with signals.ignored():
                ray.shutdown()


def _start(address: str, options: Dict[str, Any]) -> None:
    import ray

    try:
        if address not in ("local", "auto"):
            _reach(address)
        with _standard_error_hidden():
            ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"--ray-address {address}: there is no cluster of Ray ({reason_of(error)})"
        ) from error


def _reach(address: str) -> None:
    """Raises `OSError` or `ValueError` if nothing answers. Ray itself tries for many minutes."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), timeout=_SECONDS_TO_REACH).close()


def _num_cores() -> int:
    """Those that this process may use."""
    has_affinity = hasattr(os, "sched_getaffinity")
    return len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1


def _quieten() -> None:
    """Ray reads most of these when it is imported. ALLENNLP_DEBUG=1 shows what it says."""
    if os.environ.get("ALLENNLP_DEBUG"):
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray.data

    ray.data.DataContext.get_current().enable_progress_bars = False
    # It logs the traceback of an error before it raises it.
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def _standard_error_hidden() -> Iterator[None]:
    """Ray writes that it was told to be quiet. It writes to the file descriptor."""
    sys.stderr.flush()
    kept, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


class Counter:
    """An actor of Ray that counts texts. One that is explained twice after a crash counts twice."""

    def __init__(self) -> None:
        self._texts = 0
        self._failed = 0

    def add(self, texts: int, failed: int) -> None:
        self._texts += texts
        self._failed += failed

    def counts(self) -> Tuple[int, int]:
        return self._texts, self._failed


def new_counter() -> Any:
    import ray

    with by_value(sys.modules[__name__]):
        return ray.remote(num_cpus=0)(Counter).remote()


@contextmanager
def progress_of(counter: Any) -> Iterator[None]:
    """Inside the block, a bar on standard error shows what a `Counter` has counted."""
    import ray

    is_done = threading.Event()
    bar = Tqdm.tqdm(unit="text", desc="interpreting")

    def show() -> None:
        texts, failed = ray.get(counter.counts.remote())
        if failed:
            bar.set_postfix(failed=failed, refresh=False)
        bar.update(texts - bar.n)

    def watch() -> None:
        while not is_done.wait(_SECONDS):
            with suppress(ray.exceptions.RayError):
                show()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        try:
            yield
        finally:
            is_done.set()
            thread.join()
        # The job is done, whatever became of its counter.
        with suppress(ray.exceptions.RayError):
            show()
    finally:
        bar.close()
