"""A job that is stopped leaves whole lines, and can be resumed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, List

import pytest

from tests.commands.command_line import ARCHIVE, ROOT, CommandLine, read_lines, reviews, write_lines
from tests.commands.jobs.long_job import QUICK, count_lines, once, run_job


class TestSignals:
    def test_kill_at_any_moment(
        self, command: CommandLine, source: Path, out: Path, whole: bytes, tmp_path: Path
    ) -> None:
        killed = tmp_path / "killed.jsonl"
        arguments = [sys.executable, "-W", "ignore", "-m", "biome_interpret", "interpret"]
        arguments += [str(ARCHIVE), str(source), *QUICK, "--output-file", str(killed)]
        running = subprocess.Popen(arguments, stderr=subprocess.DEVNULL, cwd=ROOT)
        while count_lines(killed) < 20:
            time.sleep(0.002)
            assert running.poll() is None
        running.send_signal(signal.SIGKILL)
        running.wait()
        assert killed.read_bytes() != whole
        assert run_job(command, source, killed, "--resume").status == 1
        assert killed.read_bytes() == whole

    def test_killed_before_the_first_line(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        # The output is emptied before its new job file is written.
        out.write_bytes(b"")
        Path(f"{out}.job.json").write_text("of another job")
        assert run_job(command, source, out, "--resume").status == 1
        assert out.read_bytes() == whole

    @pytest.mark.parametrize("signum, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_ctrl_c_and_kill_leave_whole_lines_and_a_summary(
        self,
        command: CommandLine,
        source: Path,
        out: Path,
        whole: bytes,
        signum: int,
        status: int,
    ) -> None:
        out.unlink()
        before = signal.getsignal(signal.SIGINT)
        with once(lambda: count_lines(out) > 0, lambda: os.kill(os.getpid(), signum)):
            done = run_job(command, source, out)
        assert done.status == status
        written = out.read_bytes()
        assert written and whole.startswith(written) and written.endswith(b"\n")
        good, failed = written.count(b'"interpretations"'), written.count(b'"error":')
        assert f"interrupted\n{good} texts interpreted, {failed} failed" in done.err
        assert done.err.endswith("the same command with --resume continues the job\n")
        assert "Traceback" not in done.err
        assert run_job(command, source, out, "--resume").status == 1
        assert out.read_bytes() == whole
        assert signal.getsignal(signal.SIGINT) is before


class TestFailFast:
    def test_stops_before_the_first_failure(
        self, command: CommandLine, out: Path, tmp_path: Path
    ) -> None:
        lines: List[Any] = [*reviews(10), "not json", *reviews(10)]
        source = write_lines(tmp_path / "texts.jsonl", lines)
        done = run_job(command, source, out, "--fail-fast")
        assert done.status == 1
        assert "line 11: JSONDecodeError: Expecting value at character 1" in done.err
        assert [record["line"] for record in read_lines(out)] == [*range(1, 11)]
        # Resumed without the option, the job keeps the line.
        assert run_job(command, source, out, "--resume").status == 1
        assert [record["line"] for record in read_lines(out)] == [*range(1, 22)]


class TestWriteErrors:
    def test_a_closed_pipe_ends_quietly(
        self, command: CommandLine, source: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        read_end, write_end = os.pipe()
        os.close(read_end)
        with open(write_end, "w") as pipe:
            monkeypatch.setattr(sys, "stdout", pipe)
            done = command.interpret(source, *QUICK)
        assert done.status == 141
        assert done.err == ""

    def test_standard_error_that_nobody_reads_does_not_end_the_job(
        self, source: Path, out: Path, whole: bytes
    ) -> None:
        read_end, write_end = os.pipe()
        os.close(read_end)
        arguments = [sys.executable, "-W", "ignore", "-m", "biome_interpret", "interpret"]
        arguments += [str(ARCHIVE), str(source), *QUICK, "--output-file", str(out)]
        out.unlink()
        done = subprocess.run(arguments, stderr=write_end, cwd=ROOT)
        os.close(write_end)
        assert done.returncode == 1  # Some texts are broken.
        assert out.read_bytes() == whole

    def test_a_full_disk_gets_one_line(
        self, command: CommandLine, source: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        done = command.interpret(source, *QUICK, "--output-file", "/dev/full")
        assert done.status == 1
        assert "cannot write /dev/full: No space left on device\n" in done.err
        with open("/dev/full", "w") as full:
            monkeypatch.setattr(sys, "stdout", full)
            done = command.interpret(source, *QUICK)
        assert done.status == 1
        assert "cannot write standard output: No space left on device\n" in done.err
        assert "Traceback" not in done.err

    def test_a_report_that_cannot_be_written_is_made_by_resume(
        self, command: CommandLine, two: Path, out: Path, tmp_path: Path
    ) -> None:
        job = (two, *QUICK, "--output-file", out)
        done = command.interpret(*job, "--html", "/dev/full")
        assert done.status == 1
        said = [line for line in done.err.splitlines() if not line.startswith("\r")]
        assert said[-3:] == [
            "cannot write /dev/full: No space left on device",
            "2 texts interpreted, 0 failed",
            "the same command with --resume continues the job",
        ]
        assert done.err.count("2 texts interpreted") == 1
        page = tmp_path / "page.html"
        done = command.interpret(*job, "--html", page, "--resume")
        assert done.status == 0 and page.exists()

    def test_a_disk_that_fills_up_leaves_whole_lines(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        resource = pytest.importorskip("resource")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

        def fill_up() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) // 2, limits[1]))

        out.unlink()
        try:
            with once(lambda: count_lines(out) > 0, fill_up):
                done = run_job(command, source, out)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, before)
        assert done.status == 1
        assert f"cannot write {out}: File too large" in done.err
        written = out.read_bytes()
        assert whole.startswith(written) and written.endswith(b"\n")
        assert run_job(command, source, out, "--resume").status == 1
        assert out.read_bytes() == whole
