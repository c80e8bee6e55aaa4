"""A resumed job writes the same bytes as a job that was not stopped."""

import json
import re
import shutil
from pathlib import Path
from typing import Any, List, Sequence

import pytest
from allennlp.models import Model

from biome_interpret import IntegratedGradient
from biome_interpret.models.execution.probing import ALONE_NOTE
from tests.commands.command_line import ARCHIVE, CommandLine, reviews, write_lines
from tests.commands.jobs.long_job import QUICK, run_job
from tests.models.execution.test_probing import MixesLongTexts


def without_times(written: bytes) -> bytes:
    return re.sub(rb'"seconds": [0-9.e-]+', b"", written)


class TestResume:
    def test_from_any_byte_gives_the_same_bytes(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
        # In the first line, after a line, around an end, in a later line, before the last end.
        for size in (7, ends[0], ends[7] - 1, ends[9] + 1, ends[20] + 300, ends[-1] - 1):
            out.write_bytes(whole[:size])
            done = run_job(command, source, out, "--resume")
            assert done.status == 1
            assert out.read_bytes() == whole, size
            before = sum(end <= size for end in ends)
            assert (f"{before} of them before this run" in done.err) == bool(before)

    def test_a_complete_output_stays(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        written = out.stat().st_mtime_ns
        done = run_job(command, source, out, "--resume")
        assert done.status == 1
        assert out.read_bytes() == whole and out.stat().st_mtime_ns == written
        assert "51 texts interpreted, 5 failed" in done.err

    def test_a_missing_or_empty_output_is_started(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        for prepare in (lambda: out.unlink(), lambda: out.write_bytes(b"")):
            prepare()
            assert run_job(command, source, out, "--resume").status == 1
            assert out.read_bytes() == whole

    def test_explains_the_texts_again_that_showed_how_the_model_behaves(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        seen: List[List[str]] = []
        interpret_each = IntegratedGradient.interpret_each

        def watched(self: Any, inputs: Sequence[Any], targets: Any = None) -> Any:
            seen.append([one["sentence"] for one in inputs])
            return interpret_each(self, inputs, targets)

        out.write_bytes(b"".join(whole.splitlines(keepends=True)[:30]))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(IntegratedGradient, "interpret_each", watched)
            run_job(command, source, out, "--resume")
        learnt = json.loads(Path(f"{out}.job.json").read_text())["learnt"]
        assert learnt[0] == 1 and len(learnt) < 4
        # Then the whole batch of the first missing line, and the batches after it.
        lines = source.read_bytes().splitlines()
        starts = [line for line in learnt if line < 33] + [33, 41, 49, 57]
        firsts = [json.loads(lines[line - 1])["sentence"] for line in starts]
        assert [texts[0] for texts in seen] == firsts

    @pytest.mark.parametrize("name", ["interpret", "evaluate"])
    def test_what_was_learnt_late_is_known_again(
        self, command: CommandLine, out: Path, tmp_path: Path, name: str
    ) -> None:
        Model.register("mixes_long_texts", exist_ok=True)(MixesLongTexts)
        lines: List[Any] = [{"sentence": f"A dull {word}"} for word in "film plot cast end".split()]
        long = {"sentence": "A warm and clever film about two friends."}
        source = write_lines(tmp_path / "texts.jsonl", [*lines * 2, lines[0], long, *lines * 3])
        arguments: List[Any] = [ARCHIVE, source, "-o", '{"model.type": "mixes_long_texts"}']
        arguments += [*QUICK[:2], "--batch-size", "4", "--output-file", out]
        if name == "evaluate":
            arguments += ["--leave-out", "captum", "--figure", "comprehensiveness"]
        assert command(name, *arguments).status == 0
        whole = out.read_bytes()
        records = [*map(json.loads, whole.splitlines())]
        if name == "interpret":
            notes = [one["interpretations"][0]["notes"] for one in records]
            assert notes[:8] == [[]] * 8 and notes[12:] == [[ALONE_NOTE]] * 10
        # In the batch of the long text, and after it.
        for number in (10, 12, 18):
            before = [one["line"] <= number for one in records].count(True)
            out.write_bytes(b"".join(whole.splitlines(keepends=True)[:before]))
            assert command(name, *arguments, "--resume").status == 0
            assert without_times(out.read_bytes()) == without_times(whole), number

    def test_with_a_dataset_reader(self, command: CommandLine, out: Path, tmp_path: Path) -> None:
        rows = [{"text": review["sentence"]} for review in reviews(20)]
        source = write_lines(tmp_path / "rows.jsonl", rows)
        assert run_job(command, source, out, "--use-dataset-reader").status == 0
        whole = out.read_bytes()
        out.write_bytes(whole[: len(whole) // 2])
        assert run_job(command, source, out, "--use-dataset-reader", "--resume").status == 0
        assert out.read_bytes() == whole

    def test_a_gold_label_without_an_input(
        self, command: CommandLine, out: Path, tmp_path: Path
    ) -> None:
        # Before Python 3.12 JSON cannot hold the input, and the record leaves it out.
        deep = "[" * 900 + "NaN" + "]" * 900
        nested = '{"sentence": "Bold.", "own": "positive", "n": ' + deep + "}"
        source = write_lines(tmp_path / "nested.jsonl", [nested, {"sentence": "Dull."}])
        run_job(command, source, out, "--gold-field", "own")
        whole = out.read_bytes()
        assert b'"gold": "positive", "interpretations"' in whole.splitlines()[0]
        out.write_bytes(whole[:-10])
        run_job(command, source, out, "--gold-field", "own", "--resume")
        assert out.read_bytes() == whole


class TestRefusal:
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
    def test_of_another_option(
        self,
        command: CommandLine,
        source: Path,
        out: Path,
        whole: bytes,
        change: List[str],
        named: str,
    ) -> None:
        out.write_bytes(whole[:-100])
        done = run_job(command, source, out, "--resume", *change)
        assert done.status == 2
        assert re.search(f"cannot resume .*{named}", done.err)
        assert "give --overwrite in place of --resume to start again" in done.err
        assert out.read_bytes() == whole[:-100]

    def test_of_another_input_archive_or_named_file(
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
            assert f"the {name} has changed" in done.err
            path.write_bytes(before)
        assert out.read_bytes() == kept
        assert command("interpret", *arguments, "--resume").status == 1

    def test_of_an_output_of_something_else(
        self, command: CommandLine, source: Path, out: Path, finished: Path
    ) -> None:
        out.write_text("of somebody else\n")
        done = run_job(command, source, out, "--resume")
        assert done.status == 2 and "out.jsonl.job.json cannot be read" in done.err
        assert out.read_text() == "of somebody else\n"
        shutil.copy(f"{finished}.job.json", f"{out}.job.json")
        records = finished.read_bytes()
        # The second would be a record out of order.
        for added in (b"a line by hand\n", records.splitlines(keepends=True)[0]):
            out.write_bytes(records + added)
            done = run_job(command, source, out, "--resume")
            assert done.status == 2 and "line 57 of" in done.err

    def test_of_an_output_of_standard_input(
        self, command: CommandLine, source: Path, out: Path, whole: bytes
    ) -> None:
        run_job(command, "-", out, "--overwrite", stdin=source.read_bytes())
        assert out.read_bytes() == whole
        assert run_job(command, source, out, "--resume").status == 2
