"""A job alone writes to its output, and says so if anything of it is lost."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path
from typing import Any, Callable, List

import pytest

from biome_interpret.commands import loading
from biome_interpret.visualization import files
from tests.commands.command_line import (
    ARCHIVE,
    ROOT,
    CommandLine,
    as_bytes,
    read_lines,
    reviews,
    status_of,
)
from tests.commands.jobs.long_job import QUICK, count_lines, once, run_job


def run_in_two_parts(
    command: CommandLine, out: Path, number: int, between: Callable[[], Any]
) -> Any:
    """A job that reads a pipe. The act takes place when the first eight lines are written."""
    read_end, write_end = os.pipe()
    lines = [as_bytes(review) + b"\n" for review in reviews(number)]

    def feed() -> None:
        with open(write_end, "wb", buffering=0) as pipe:
            pipe.write(b"".join(lines[:8]))
            deadline = time.monotonic() + 60
            while count_lines(out) < 8 and time.monotonic() < deadline:
                time.sleep(0.01)
            between()
            pipe.write(b"".join(lines[8:]))

    feeder = threading.Thread(target=feed)
    feeder.start()
    done = run_job(command, f"/dev/fd/{read_end}", out)
    feeder.join()
    os.close(read_end)
    return done


class TestExistingOutput:
    """Finished work is replaced only if the command says so."""

    def test_of_an_unfinished_job_is_refused(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        part = whole[: len(whole) // 2]
        out.write_bytes(part)
        job = Path(f"{out}.job.json").read_bytes()
        done = run_job(command, source, out)
        assert done.status == 2
        assert (
            f"--output-file {out} is not empty: give --resume to continue its job, or " in done.err
        )
        assert "--overwrite to replace it" in done.err
        assert out.read_bytes() == part and Path(f"{out}.job.json").read_bytes() == job
        assert run_job(command, source, out, "--resume").status == 1
        assert out.read_bytes() == whole

    def test_is_refused_before_the_model_is_loaded(
        self, command: CommandLine, source: Path, out: Path, tmp_path: Path
    ) -> None:
        out.write_text("notes of mine\n")
        done = command("interpret", tmp_path / "no-model.tar.gz", source, "--output-file", out)
        assert done.status == 2
        # There is nothing to resume.
        assert "is not empty: give --overwrite to replace it, or name another file" in done.err
        assert out.read_text() == "notes of mine\n"

    def test_is_replaced_by_overwrite(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        out.write_text("an old line\n")
        assert run_job(command, source, out, "--overwrite").status == 1
        assert out.read_bytes() == whole

    def test_that_another_job_wrote_meanwhile_is_refused(
        self, command: CommandLine, source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        load = loading.load_predictor

        def load_slowly(arguments: Any) -> Any:
            out.write_text("of a job that ended\n")
            return load(arguments)

        monkeypatch.setattr(loading, "load_predictor", load_slowly)
        done = run_job(command, source, out)
        assert done.status == 2 and f"--output-file {out} is not empty" in done.err
        assert out.read_text() == "of a job that ended\n"

    def test_that_is_empty_is_written(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        out.write_bytes(b"")
        assert run_job(command, source, out).status == 1
        assert out.read_bytes() == whole


class TestLockedOutput:
    @pytest.mark.parametrize("more", [[], ["--resume"]])
    def test_a_second_job_is_refused_and_the_first_goes_on(
        self, command: CommandLine, source: Path, out: Path, more: List[str]
    ) -> None:
        statuses: List[int] = []

        def second() -> None:
            arguments = ["interpret", ARCHIVE, source, *QUICK, "--output-file", out, *more]
            statuses.append(status_of([str(argument) for argument in arguments]))

        done = run_in_two_parts(command, out, 12, second)
        assert statuses == [2]
        assert f"another job is writing to {out}: wait until it ends, or name another" in done.err
        assert done.status == 0
        assert [record["line"] for record in read_lines(out)] == [*range(1, 13)]

    def test_by_another_name_is_refused_too(
        self, command: CommandLine, source: Path, out: Path, tmp_path: Path
    ) -> None:
        link = tmp_path / "link.jsonl"
        link.symlink_to(out)
        statuses: List[int] = []

        def second() -> None:
            arguments = ["interpret", ARCHIVE, source, *QUICK, "--output-file", link]
            statuses.append(status_of([str(argument) for argument in arguments]))

        run_in_two_parts(command, out, 12, second)
        assert statuses == [2] and len(read_lines(out)) == 12
        # The job has ended.
        assert run_job(command, source, link, "--overwrite").status == 1

    def test_without_locks_the_first_job_notices_the_second(
        self,
        command: CommandLine,
        source: Path,
        out: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(files, "fcntl", None)  # As on Windows.

        def second() -> None:
            arguments = ["interpret", ARCHIVE, source, *QUICK, "--output-file", out, "--overwrite"]
            assert status_of([str(argument) for argument in arguments]) == 1

        done = run_in_two_parts(command, out, 12, second)
        assert done.status == 1
        assert f"cannot write {out}: another program changed it" in done.err


class TestLostOutput:
    def test_that_is_removed(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        out.unlink()
        with once(lambda: count_lines(out) > 0, out.unlink):
            done = run_job(command, source, out)
        assert done.status == 1
        assert f"cannot write {out}: the file was removed or replaced meanwhile\n" in done.err
        assert run_job(command, source, out, "--resume").status == 1
        assert out.read_bytes() == whole

    def test_whose_folder_is_removed(
        self, command: CommandLine, source: Path, tmp_path: Path
    ) -> None:
        inner = tmp_path / "folder" / "out.jsonl"
        inner.parent.mkdir()
        with once(lambda: count_lines(inner) > 0, lambda: shutil.rmtree(inner.parent)):
            done = run_job(command, source, inner)
        assert done.status == 1
        assert f"cannot write {inner}: the file was removed or replaced meanwhile\n" in done.err

    @pytest.mark.parametrize("size", [0, 100, 100_000])
    def test_that_another_program_changes(
        self, command: CommandLine, source: Path, out: Path, whole: bytes, size: int
    ) -> None:
        out.unlink()
        with once(lambda: count_lines(out) > 0, lambda: os.truncate(out, size)):
            done = run_job(command, source, out)
        assert done.status == 1
        assert f"cannot write {out}: another program changed it: it has {size} bytes" in done.err
        assert out.stat().st_size == size
        if size < len(whole):
            assert run_job(command, source, out, "--resume").status == 1
            assert out.read_bytes() == whole

    def test_that_is_removed_after_the_last_line(self, command: CommandLine, out: Path) -> None:
        done = run_in_two_parts(command, out, 8, out.unlink)
        assert done.status == 1
        assert "the file was removed or replaced meanwhile\n8 texts interpreted" in done.err


class TestChangedInput:
    @pytest.mark.parametrize("size", [0, 300, 100_000])
    def test_is_reported(
        self, command: CommandLine, source: Path, out: Path, tmp_path: Path, size: int
    ) -> None:
        texts = tmp_path / "texts.jsonl"
        shutil.copy(source, texts)
        with once(lambda: count_lines(out) > 0, lambda: os.truncate(texts, size)):
            done = run_job(command, texts, out)
        assert done.status == 1
        assert "the input was changed while it was read: texts may be missing" in done.err
        assert "the same command with --resume" not in done.err

    def test_that_is_standard_input_is_reported_too(
        self, source: Path, out: Path, tmp_path: Path
    ) -> None:
        texts = tmp_path / "texts.jsonl"
        shutil.copy(source, texts)
        arguments = [sys.executable, "-W", "ignore", "-m", "biome_interpret", "interpret"]
        arguments += [str(ARCHIVE), "-", *QUICK, "--output-file", str(out)]
        with texts.open() as stdin, once(
            lambda: count_lines(out) > 0, lambda: os.truncate(texts, 300)
        ):
            done = subprocess.run(
                arguments, stdin=stdin, stderr=subprocess.PIPE, text=True, cwd=ROOT
            )
        assert done.returncode == 1
        assert "the input was changed while it was read" in done.stderr


class TestJobFile:
    @pytest.mark.parametrize(
        "content", ["[]", "null", "7", "[" * 100_000, '{"archive": ' + "[" * 900 + "]" * 900 + "}"]
    )
    def test_of_something_else_is_refused(
        self, command: CommandLine, source: Path, out: Path, whole: bytes, content: str
    ) -> None:
        Path(f"{out}.job.json").write_text(content)
        done = run_job(command, source, out, "--resume")
        assert done.status == 2
        assert "cannot resume" in done.err and "Traceback" not in done.err
        assert out.read_bytes() == whole

    def test_that_cannot_be_written_leaves_the_output_as_it_was(
        self, command: CommandLine, source: Path, out: Path, whole: bytes, tmp_path: Path
    ) -> None:
        resource = pytest.importorskip("resource")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(tmp_path / "model")
        before = sorted(os.listdir(tmp_path))
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (400, limits[1]))
            output = ["--output-file", out, "--overwrite"]
            done = command("interpret", tmp_path / "model", source, *QUICK, *output)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert done.status == 2
        assert f"cannot write {out}.job.json: File too large\n" in done.err
        assert out.read_bytes() == whole
        assert sorted(os.listdir(tmp_path)) == before


def test_a_typed_line_is_answered_before_the_next_is_typed(
    command: CommandLine, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pty = pytest.importorskip("pty")
    keyboard, terminal = pty.openpty()
    written: List[int] = []

    def type_lines() -> None:
        for number, review in enumerate(reviews(2), start=1):
            os.write(keyboard, json.dumps(review).encode() + b"\n")
            deadline = time.monotonic() + 60
            while count_lines(out) < number and time.monotonic() < deadline:
                time.sleep(0.01)
            written.append(count_lines(out))
        os.write(keyboard, b"\x04")  # Ctrl-D

    typist = threading.Thread(target=type_lines)
    typist.start()
    with open(terminal) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        arguments = ["interpret", ARCHIVE, "-", "--output-file", out]
        assert status_of([str(argument) for argument in arguments]) == 0
    typist.join()
    os.close(keyboard)
    assert written == [1, 2]
