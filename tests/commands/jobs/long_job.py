"""A job of sixty lines, and helpers to run, stop and watch it."""

import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, Union

from tests.commands.command_line import CommandLine, Done

# Few steps: the tests are about which lines are written.
QUICK = ["--interpreter", '{"type": "biome-integrated-gradient", "n_steps": 2}']
QUICK += ["--batch-size", "8"]
BROKEN = ["", "not json", {"sentence": ""}, "  ", b"\xff"]


def run_job(
    command: CommandLine,
    source: Union[str, Path],
    out: Path,
    *more: Union[str, Path],
    **options: Any,
) -> Done:
    return command.interpret(source, *QUICK, "--output-file", out, *more, **options)


def count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@contextmanager
def once(is_time: Callable[[], bool], act: Callable[[], Any]) -> Iterator[None]:
    """Another thread acts as soon as the condition holds."""

    def watch() -> None:
        while not is_time():
            time.sleep(0.001)
        act()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield
    thread.join(timeout=60)
