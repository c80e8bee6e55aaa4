"""Jobs that are stopped, and gone on with: neither a line nor a byte is lost or made twice."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, List, Sequence, Union

import pytest

from biome_interpret import IntegratedGradient
from tests.commands.command_line import (
    ARCHIVE,
    ROOT,
    CommandLine,
    as_bytes,
    read_lines,
    reviews,
    write_lines,
)

# Few steps, since what counts here is which lines are written.
QUICK = ["--interpreter", '{"type": "biome-integrated-gradient", "n_steps": 2}']
ERROR = b'"error":'
BROKEN = ["", "not json", {"sentence": ""}, "  ", b"\xff"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty lines, every seventh of them broken."""
    lines: List[Any] = []
    for number, review in enumerate(reviews(60)):
        lines.append(BROKEN[number // 7 % len(BROKEN)] if number % 7 == 3 else review)
    return write_lines(tmp_path_factory.mktemp("source") / "texts.jsonl", lines)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


@pytest.fixture
def whole(command: CommandLine, source: Path, out: Path) -> bytes:
    """What an uninterrupted run writes; and that run's output and job, where they stay."""
    assert job(command, source, out).status == 1
    return out.read_bytes()


def job(
    command: CommandLine,
    source: Union[str, Path],
    out: Path,
    *more: Union[str, Path],
    **options: Any,
) -> Any:
    return command.interpret(
        source, *QUICK, "--batch-size", "8", "--output-file", out, *more, **options
    )


class TestResume:
    def test_from_any_byte_on_it_comes_to_the_same_bytes(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
        # Within the first line, behind a line, a byte from there, amid a line, before the last end.
        for size in (7, ends[0], ends[7] - 1, ends[9] + 1, ends[20] + 300, ends[-1] - 1):
            out.write_bytes(whole[:size])
            done = job(command, source, out, "--resume")
            assert done.status == 1
            assert out.read_bytes() == whole, size
            before = sum(end <= size for end in ends)
            assert (f"{before} of them before this run" in done.err) == bool(before)

    def test_of_what_is_complete_does_nothing_and_says_the_same(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        written = out.stat().st_mtime_ns
        done = job(command, source, out, "--resume")
        assert done.status == 1
        assert out.read_bytes() == whole and out.stat().st_mtime_ns == written
        assert "51 texts interpreted, 5 failed" in done.err

    def test_of_nothing_begins(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        for leave in (lambda: out.unlink(), lambda: out.write_bytes(b"")):
            leave()
            assert job(command, source, out, "--resume").status == 1
            assert out.read_bytes() == whole

    def test_looks_at_the_first_texts_again_as_the_first_run_did(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        # What an interpreter finds out of a model with its first texts stays with it.
        seen: List[List[str]] = []
        interpret_each = IntegratedGradient.interpret_each

        def watched(self: Any, inputs: Sequence[Any], targets: Any = None) -> Any:
            seen.append([one["sentence"] for one in inputs])
            return interpret_each(self, inputs, targets)

        out.write_bytes(b"".join(whole.splitlines(keepends=True)[:30]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(IntegratedGradient, "interpret_each", watched)
            job(command, source, out, "--resume")
        lines = source.read_bytes().splitlines()
        assert seen[0][0] == json.loads(lines[0])["sentence"]
        # The rest begins with the batch of the first line that was missing, and is complete.
        assert seen[1][0] == json.loads(lines[32])["sentence"]
        assert sum(map(len, seen[1:])) < len(lines) - 24

    @pytest.mark.parametrize(
        "change, named",
        [
            (["--batch-size", "9"], "--batch-size was 8 and is 9"),
            (["--granularity", "word"], "--interpreter was .* and is .*word"),
            (["--target", "positive"], '--target was .* and is .*"positive"'),
            (["--target-field", "label"], '--target-field was null and is "label"'),
            (["-o", '{"model.dropout": 0.1}'], "--overrides"),
            (["--predictor", "saliency"], '--predictor was null and is "saliency"'),
        ],
    )
    def test_is_refused_where_an_option_has_changed(
        self,
        command: CommandLine,
        source: Path,
        out: Path,
        change: List[str],
        named: str,
    ) -> None:
        job(command, source, out)
        kept = out.read_bytes()[:-100]
        out.write_bytes(kept)
        done = job(command, source, out, "--resume", *change)
        assert done.status == 2
        assert re.search(f"cannot resume .*{named}", done.err)
        assert out.read_bytes() == kept

    def test_is_refused_where_input_archive_or_a_named_file_have_changed(
        self, command: CommandLine, source: Path, out: Path, tmp_path: Path
    ) -> None:
        texts = tmp_path / "texts.jsonl"
        archive = tmp_path / "model.tar.gz"
        background = write_lines(tmp_path / "background.jsonl", [{"sentence": "a film"}])
        shutil.copy(source, texts)
        shutil.copy(ARCHIVE, archive)
        interpreter = {"type": "biome-integrated-gradient", "background": str(background)}
        arguments = [archive, texts, "--interpreter", json.dumps({**interpreter, "n_steps": 2})]
        arguments += ["--output-file", out]
        command("interpret", *arguments)
        kept = out.read_bytes()
        for path, name in (
            (texts, "input"),
            (archive, "archive"),
            (background, "file named by an interpreter"),
        ):
            before = path.read_bytes()
            path.write_bytes(before + b"\n")
            done = command("interpret", *arguments, "--resume")
            assert done.status == 2
            assert f"the {name} is not what it was then" in done.err
            path.write_bytes(before)
        assert out.read_bytes() == kept
        assert command("interpret", *arguments, "--resume").status == 1

    def test_is_refused_where_nothing_is_known_of_the_output(
        self, command: CommandLine, source: Path, out: Path
    ) -> None:
        out.write_text("of somebody else\n")
        done = job(command, source, out, "--resume")
        assert done.status == 2 and "out.jsonl.job.json" in done.err
        assert out.read_text() == "of somebody else\n"
        job(command, source, out)
        with out.open("ab") as file:
            file.write(b"a line by hand\n")
        done = job(command, source, out, "--resume")
        assert done.status == 2 and "line 57 of" in done.err

    def test_an_output_of_standard_input_leaves_no_job_to_go_on_with(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        job(command, "-", out, stdin=source.read_bytes())
        assert out.read_bytes() == whole
        assert job(command, source, out, "--resume").status == 2

    def test_with_a_dataset_reader(self, command: CommandLine, out: Path, tmp_path: Path) -> None:
        rows = [{"text": review["sentence"]} for review in reviews(20)]
        source = write_lines(tmp_path / "rows.jsonl", rows)
        assert job(command, source, out, "--use-dataset-reader").status == 0
        whole = out.read_bytes()
        out.write_bytes(whole[: len(whole) // 2])
        assert job(command, source, out, "--use-dataset-reader", "--resume").status == 0
        assert out.read_bytes() == whole


class TestStopping:
    def test_killed_at_any_moment_it_goes_on_to_the_same_bytes(
        self, source: Path, out: Path, whole: bytes, tmp_path: Path
    ) -> None:
        killed = tmp_path / "killed.jsonl"
        arguments = [sys.executable, "-W", "ignore", "-m", "biome_interpret", "interpret"]
        arguments += [str(ARCHIVE), str(source), *QUICK, "--batch-size", "8"]
        arguments += ["--output-file", str(killed), "--resume"]
        # One is killed between the two writings, the other wherever it is by then.
        for records, pause in ((1, 0.0), (20, 0.013)):
            running = subprocess.Popen(arguments, stderr=subprocess.DEVNULL, cwd=ROOT)
            while not killed.exists() or killed.read_bytes().count(b"\n") < records:
                time.sleep(0.002)
                assert running.poll() is None
            time.sleep(pause)
            running.send_signal(signal.SIGKILL)
            running.wait()
        assert killed.read_bytes() != whole
        done = subprocess.run(arguments, capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 1, done.stderr
        assert killed.read_bytes() == whole

    @pytest.mark.parametrize("signum, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_asked_to_stop_it_ends_with_whole_lines_and_a_summary(
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
        with when(lambda: count_lines(out) > 0, lambda: os.kill(os.getpid(), signum)):
            done = job(command, source, out)
        assert done.status == status
        written = out.read_bytes()
        assert written and whole.startswith(written) and written.endswith(b"\n")
        good = written.count(b'"interpretations"')
        message = f"interrupted\n{good} texts interpreted, {written.count(ERROR)} failed"
        assert message in done.err
        assert done.err.endswith("the same command with --resume goes on from there\n")
        assert "Traceback" not in done.err
        assert job(command, source, out, "--resume").status == 1
        assert out.read_bytes() == whole
        assert signal.getsignal(signal.SIGINT) is before

    def test_fail_fast_stops_before_the_first_failure(
        self, command: CommandLine, out: Path, tmp_path: Path
    ) -> None:
        lines: List[Any] = [*reviews(10), "not json", *reviews(10)]
        source = write_lines(tmp_path / "texts.jsonl", lines)
        done = job(command, source, out, "--fail-fast")
        assert done.status == 1
        assert "line 11: JSONDecodeError: Expecting value at character 1" in done.err
        assert [record["line"] for record in read_lines(out)] == [*range(1, 11)]
        # Gone on with, less strictly, the line is not lost.
        assert job(command, source, out, "--resume").status == 1
        assert [record["line"] for record in read_lines(out)] == [*range(1, 22)]

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

    def test_a_full_disk_is_told_in_a_line(
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
            with when(lambda: count_lines(out) > 0, fill_up):
                done = job(command, source, out)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, before)
        assert done.status == 1
        assert f"cannot write {out}: File too large" in done.err
        written = out.read_bytes()
        assert whole.startswith(written) and written.endswith(b"\n")
        assert job(command, source, out, "--resume").status == 1
        assert out.read_bytes() == whole


class TestFailures:
    def test_what_a_batch_fails_of_as_a_whole_costs_its_own_texts_only(
        self, command: CommandLine, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        interpret_each = IntegratedGradient.interpret_each

        def short_of_memory(self: Any, inputs: Sequence[Any], targets: Any = None) -> Any:
            if any("endless" in one["sentence"] for one in inputs):
                raise MemoryError("no room\nfor so much")
            return interpret_each(self, inputs, targets)

        monkeypatch.setattr(IntegratedGradient, "interpret_each", short_of_memory)
        lines = [*reviews(3), {"sentence": "endless"}, *reviews(6)]
        done = job(command, write_lines(tmp_path / "texts.jsonl", lines), out)
        assert done.status == 1
        records = read_lines(out)
        assert records[3]["error"] == "MemoryError: no room for so much"
        assert [r["line"] for r in records if "interpretations" in r] == [1, 2, 3, *range(5, 11)]

    def test_numbers_that_are_none_make_an_error(
        self, command: CommandLine, out: Path, tmp_path: Path
    ) -> None:
        import torch
        from allennlp.predictors import Predictor

        weights = Predictor.from_path(ARCHIVE, import_plugins=False)._model.state_dict()
        weights["_classification_layer.bias"].fill_(float("nan"))
        torch.save(weights, tmp_path / "weights.th")
        source = write_lines(tmp_path / "texts.jsonl", reviews(1))
        done = job(command, source, out, "--weights-file", tmp_path / "weights.th")
        assert done.status == 1
        [record] = read_lines(out)
        assert "NaN" not in out.read_text() and record["error"]

    def test_a_batch_is_written_before_more_is_read(self, command: CommandLine, out: Path) -> None:
        read_end, write_end = os.pipe()
        lines = [as_bytes(review) + b"\n" for review in reviews(24)]
        written: List[int] = []

        def feed() -> None:
            with open(write_end, "wb", buffering=0) as pipe:
                for start in (0, 8, 16):
                    pipe.write(b"".join(lines[start : start + 8]))
                    deadline = time.monotonic() + 60
                    while count_lines(out) < start + 8 and time.monotonic() < deadline:
                        time.sleep(0.01)
                    written.append(count_lines(out))

        feeder = threading.Thread(target=feed)
        feeder.start()
        done = job(command, f"/dev/fd/{read_end}", out)
        feeder.join()
        os.close(read_end)
        assert done.status == 0
        assert written == [8, 16, 24]


def count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@contextmanager
def when(is_time: Callable[[], bool], act: Callable[[], Any]) -> Iterator[None]:
    """Does something, in another thread, as soon as something is the case."""

    def watch() -> None:
        while not is_time():
            time.sleep(0.001)
        act()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield
    thread.join(timeout=60)
