"""A worker or the command itself is killed: nothing is lost, and nothing is there twice."""

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import pytest

from tests.commands.command_line import ROOT, CommandLine, reviews, write_lines
from tests.distributed.ray_jobs import (
    LONGEST,
    QUICK,
    SMALL,
    WITHOUT_RAY,
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


# In the processes of Ray, one text waits. So no job ends before its test has done something to it.
HELD = """
import os, sys, time
from pathlib import Path
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from biome_interpret import IntegratedGradient


@SaliencyInterpreter.register("held")
class Held(IntegratedGradient):
    def interpret_each(self, inputs, targets=None):
        if "default_worker" in sys.argv[0] and " 150" in repr(inputs):
            Path("pid").write_text(str(os.getpid()))
            while not Path("released").exists():
                time.sleep(0.05)
        return super().interpret_each(inputs, targets)
"""


class Job(NamedTuple):
    """A job that waits for `release` when it has written some files."""

    folder: Path
    command: List[Any]

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def start(self, num_files: int) -> subprocess.Popen:
        """Until this number of files is written, and the process that waits is known."""
        running = start(*self.command, cwd=self.folder)
        wait_until(lambda: len(self.written()) >= num_files and self.waiting() > 0, running)
        return running

    def written(self) -> List[Path]:
        """The files that are whole: they have a checkpoint of their own."""
        done = self.out / "_checkpoint"
        return [path for path in self.out.glob("*.parquet") if (done / _of(path)).exists()]

    def waiting(self) -> int:
        """The process that waits, or 0."""
        pid = self.folder / "pid"
        return int(pid.read_text() or 0) if pid.exists() else 0

    def release(self) -> None:
        (self.folder / "released").touch()


@pytest.fixture
def job(corpus: Path, tmp_path: Path) -> Job:
    (tmp_path / "held.py").write_text(HELD)
    command = interpret(corpus, *SMALL, "--output-dir", tmp_path / "out", "--actors", "2")
    command += ["--include-package", "held", "--interpreter", '{"type": "held", "n_steps": 2}']
    return Job(tmp_path, command)


def test_a_worker_that_is_killed(job: Job, finished: Path) -> None:
    running = job.start(num_files=2)
    started = descendants(running.pid)
    assert started[job.waiting()].startswith(ACTOR)
    # Only the processes that explain import AllenNLP. The others read, write and count.
    assert {"ray::Attempts", "ray::Counter"} <= {name.strip() for name in started.values()}
    others = {pid: name for pid, name in started.items() if not name.startswith(ACTOR)}
    assert [name for pid, name in others.items() if name.startswith("ray::") and _torch(pid)] == []
    assert _torch(job.waiting())
    kill(job.waiting())
    job.release()
    said, _ = running.communicate(timeout=LONGEST)
    assert running.returncode == 1, said.decode()
    assert_same_rows(job.out, finished)


def _torch(pid: int) -> bool:
    """Whether the process has loaded PyTorch."""
    try:
        return "libtorch" in Path(f"/proc/{pid}/maps").read_text()
    except OSError:  # It has ended.
        return False


def test_a_command_that_is_killed_is_resumed(
    job: Job, finished: Path, command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(job.folder)
    running = job.start(num_files=3)
    kill(running.pid)
    running.communicate()
    before = {path: path.read_bytes() for path in job.written()}
    job.release()
    done = command(*job.command)
    assert done.status == 2 and "is not empty: add --resume to continue its job" in done.err
    done = command(*job.command, "--resume", "--granularity", "word")
    assert done.status == 2 and "cannot resume" in done.err
    status, said = run(*job.command, "--resume", cwd=job.folder)
    assert status == 1, said
    assert_same_rows(job.out, finished)
    assert {path: path.read_bytes() for path in before} == before
    assert not (job.out / "_checkpoint").exists()
    done = command(*job.command, "--resume")
    assert done.status == 1 and "the job is finished already" in done.err
    assert_same_rows(job.out, finished)


def _of(data: Path) -> str:
    """The name of a file's checkpoint. Ray adds a number to the name of the file itself."""
    return f"{data.stem.rpartition('-')[0]}.parquet"


@pytest.mark.parametrize(
    "signum, status, times", [(signal.SIGINT, 130, 100), (signal.SIGTERM, 143, 1)]
)
def test_ctrl_c_and_kill_stop_it_and_all_its_processes(
    job: Job, signum: int, status: int, times: int
) -> None:
    running = job.start(num_files=1)  # In a process group of its own, as a terminal does it.
    started = descendants(running.pid)
    assert any(name.startswith(ACTOR) for name in started.values())
    said = ""
    for _ in range(times):
        if signum == signal.SIGINT:  # Ctrl-C reaches all of them.
            os.killpg(running.pid, signum)
        else:
            running.send_signal(signum)
        if times > 1 and not said:  # Ray is shut down now.
            while not said.endswith("continues the job\n"):
                said += os.read(running.stdout.fileno(), 4096).decode()
    said += running.communicate(timeout=LONGEST)[0].decode()
    assert running.returncode == status, said
    assert said.endswith("interrupted\nthe same command with --resume continues the job\n")
    assert "Traceback" not in said
    deadline = time.monotonic() + LONGEST
    while [pid for pid in started if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


# In the processes of Ray, some texts kill the process.
DEADLY = """
import os, signal, sys
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from biome_interpret import IntegratedGradient


@SaliencyInterpreter.register("deadly")
class Deadly(IntegratedGradient):
    def interpret_each(self, inputs, targets=None):
        if "default_worker" in sys.argv[0] and "deadly" in repr(inputs):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().interpret_each(inputs, targets)
"""


def test_a_text_that_kills_its_process_each_time_has_an_error(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason=WITHOUT_RAY)
    (tmp_path / "deadly.py").write_text(DEADLY)
    texts = reviews(12)
    texts[6] = {"sentence": "A deadly film."}
    source, out = write_lines(tmp_path / "texts.jsonl", texts), tmp_path / "out"
    command = interpret(source, "--output-dir", out, "--actors", "1", "--batch-size", "4")
    command += ["--include-package", "deadly"]
    command += ["--interpreter", '{"type": "deadly", "n_steps": 2}']
    status, said = run(*command, cwd=tmp_path)
    assert status == 1 and "11 texts interpreted, 1 failed" in said, said
    assert "line 7: the process died 3 times while it explained this text" in said
    found = rows(out)
    assert [row["line"] for row in found] == [*range(1, 13)]
    assert [row["line"] for row in found if row["error"] is not None] == [7]
    assert "A deadly film." in found[6]["input"]


# Each process of Ray dies at its start. In the command's own, Ray prints until it is shut down.
DEADLY_START = """
import os, sys
import ray

if "default_worker" in sys.argv[0]:
    os.kill(os.getpid(), 9)
shutdown = ray.shutdown


def late():
    print("A worker died", flush=True)
    shutdown()


ray.shutdown = late
"""


def test_a_process_that_dies_at_its_start_ends_the_job(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason=WITHOUT_RAY)
    (tmp_path / "deadly.py").write_text(DEADLY_START)
    source = write_lines(tmp_path / "texts.jsonl", reviews(2))
    command = interpret(source, "--output-dir", tmp_path / "out", "--actors", "1")
    status, said = run(*command, "--include-package", "deadly", cwd=tmp_path)
    assert status == 1 and "the process died 3 times while it loaded the model" in said, said
    assert said.endswith("the same command with --resume continues the job\n"), said
    assert "A worker died" not in said


# Python runs it at the start of each process. In those of Ray, a file of this kind cannot be read.
DEADLY_FILES = """
import os, sys
import fsspec
from fsspec.implementations.local import LocalFileSystem


class Deadly(LocalFileSystem):
    protocol = "deadly"

    def _open(self, *arguments, **options):
        if "default_worker" in sys.argv[0]:
            os.kill(os.getpid(), 9)
        return super()._open(*arguments, **options)


fsspec.register_implementation("deadly", Deadly)
"""


def test_a_file_that_kills_the_process_that_reads_it_ends_the_job(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason=WITHOUT_RAY)
    (tmp_path / "sitecustomize.py").write_text(DEADLY_FILES)
    source = f"deadly://{write_lines(tmp_path / 'texts.jsonl', reviews(6))}"
    command = interpret(source, *QUICK, "--output-dir", tmp_path / "out", "--actors", "1")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    status, said = run(*command, PYTHONPATH=path)
    assert status == 1 and f"the process died 3 times while it read {source}: it may" in said, said
    assert said.endswith("the same command with --resume continues the job\n"), said
