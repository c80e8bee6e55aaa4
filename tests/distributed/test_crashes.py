"""A worker or the command itself is killed: nothing is lost, and nothing is there twice."""

import os
import signal
import time
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from tests.distributed.ray_jobs import (
    QUICK,
    SMALL,
    Row,
    descendants,
    interpret,
    kill,
    rows,
    run,
    start,
    wait_until,
)

ACTOR = "ray::MapWorker(MapBatches(Interpreting))"


def num_files(folder: Path) -> int:
    return len([*folder.glob("*.parquet")])


def assert_same_rows(folder: Path, finished: Path) -> None:
    """The same texts, each once, with the same results up to rounding."""
    found, expected = rows(folder), rows(finished)
    assert [_without_numbers(row) for row in found] == [_without_numbers(row) for row in expected]
    for row, other in zip(found, expected):
        assert (row["scores"] is None) == (other["scores"] is None)
        if row["scores"] is not None:
            assert row["scores"] == pytest.approx(other["scores"], abs=1e-5)


def _without_numbers(row: Row) -> Dict[str, Any]:
    names = ("id", "file", "line", "result", "input", "error", "target", "tokens", "evaluations")
    return {name: row[name] for name in names}


@pytest.fixture
def job(corpus: Path, tmp_path: Path) -> Tuple[List[Any], Path]:
    out = tmp_path / "out"
    return interpret(corpus, *QUICK, *SMALL, "--output-dir", out, "--actors", "2"), out


def test_a_worker_that_is_killed(job: Tuple[List[Any], Path], finished: Path) -> None:
    command, out = job
    running = start(*command)
    wait_until(lambda: num_files(out) > 1, running)
    actors = [pid for pid, name in descendants(running.pid).items() if name.startswith(ACTOR)]
    assert len(actors) == 2
    kill(actors[0])
    said, _ = running.communicate(timeout=600)
    assert running.returncode == 1, said.decode()
    assert_same_rows(out, finished)


def test_a_command_that_is_killed_is_resumed(job: Tuple[List[Any], Path], finished: Path) -> None:
    command, out = job
    running = start(*command)
    wait_until(lambda: num_files(out) > 2, running)
    kill(running.pid)
    running.communicate()
    # Each file with a checkpoint of its own is whole.
    done = [path for path in out.glob("*.parquet") if (out / "_checkpoint" / _of(path)).exists()]
    before = {path: path.read_bytes() for path in done}
    assert before
    status, said = run(*command)
    assert status == 2 and "is not empty: add --resume to continue its job" in said
    status, said = run(*command, "--resume", "--granularity", "word")
    assert status == 2 and "cannot resume" in said
    status, said = run(*command, "--resume")
    assert status == 1, said
    assert_same_rows(out, finished)
    assert {path: path.read_bytes() for path in done} == before
    assert not (out / "_checkpoint").exists()
    status, said = run(*command, "--resume")
    assert status == 1 and "the job is finished already" in said
    assert_same_rows(out, finished)


def _of(data: Path) -> str:
    """The name of a file's checkpoint. Ray adds a number to the name of the file itself."""
    return f"{data.stem.rpartition('-')[0]}.parquet"


@pytest.mark.parametrize("signum, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_and_kill_stop_it_and_all_its_processes(
    job: Tuple[List[Any], Path], signum: int, status: int
) -> None:
    command, out = job
    running = start(*command)  # In a process group of its own, as a terminal does it.
    wait_until(lambda: num_files(out) > 0, running)
    started = descendants(running.pid)
    assert any(name.startswith(ACTOR) for name in started.values())
    if signum == signal.SIGINT:  # Ctrl-C reaches all of them.
        os.killpg(running.pid, signum)
    else:
        running.send_signal(signum)
    said = running.communicate(timeout=60)[0].decode()
    assert running.returncode == status, said
    assert said.endswith("interrupted\nthe same command with --resume continues the job\n")
    assert "Traceback" not in said
    deadline = time.monotonic() + 60
    while [pid for pid in started if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline
        time.sleep(0.1)
