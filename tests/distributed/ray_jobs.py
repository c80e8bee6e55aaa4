"""Runs `interpret --engine ray` in processes of its own, watches them and reads what they write."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple, Union

import pytest

from tests.commands.command_line import ARCHIVE, ROOT

WITHOUT_RAY = (
    "ray is not installed: the versions that resume a job have no build for Python 3.8 and 3.9"
)
QUICK = ["--interpreter", '{"type": "biome-integrated-gradient", "n_steps": 2}']
# Small batches and files, so that a job that is killed has done a part.
SMALL = ["--batch-size", "8", "--rows-per-file", "24"]

# Seconds. A busy machine may be many times slower than a quiet one.
LONGEST = 600

Row = Dict[str, Any]


def start(*arguments: Union[str, Path], cwd: Path = ROOT, **options: Any) -> subprocess.Popen:
    command = [sys.executable, "-W", "ignore", "-m", "biome_interpret", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **options}
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def run(*arguments: Union[str, Path], **options: Any) -> Tuple[int, str]:
    """The exit status, and what the command says."""
    running = start(*arguments, **options)
    said, _ = running.communicate(timeout=LONGEST)
    return running.returncode, said.decode("utf-8")


def interpret(*arguments: Union[str, Path]) -> List[Union[str, Path]]:
    return ["interpret", ARCHIVE, *arguments, "--engine", "ray"]


def rows(folder: Path) -> List[Row]:
    """All rows, in the order of file, line and result."""
    parquet = pytest.importorskip("pyarrow.parquet", reason=WITHOUT_RAY)
    found = [
        row for path in folder.glob("*.parquet") for row in parquet.read_table(path).to_pylist()
    ]
    return sorted(found, key=lambda row: (row["file"], row["line"], row["result"]))


def wait_until(is_true: Callable[[], bool], running: subprocess.Popen) -> None:
    while not is_true():
        assert running.poll() is None, running.communicate()[0].decode("utf-8")
        time.sleep(0.02)


def descendants(pid: int) -> Dict[int, str]:
    """The processes that a process has started, and their command lines."""
    parents, lines = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            status = (path / "stat").read_text().rpartition(")")[2].split()
            lines[int(path.name)] = (path / "cmdline").read_text().replace("\0", " ")
            parents[int(path.name)] = int(status[1])
        except OSError:  # It has ended meanwhile.
            continue
    found = {pid}
    while added := {child for child, parent in parents.items() if parent in found} - found:
        found |= added
    return {one: lines[one] for one in found - {pid}}


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
