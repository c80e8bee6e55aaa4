"""What `interpret --engine ray` writes."""

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any, Dict, List

import pytest

from biome_interpret.distributed import job
from tests.commands.command_line import ARCHIVE, DULL, CommandLine, read_lines, write_lines
from tests.commands.test_report import head
from tests.distributed.conftest import BROKEN
from tests.distributed.ray_jobs import QUICK, SMALL, WITHOUT_RAY, interpret, rows, run


class TestRows:
    def test_every_text_has_one_and_ids_are_unique(self, corpus: Path, finished: Path) -> None:
        found = rows(finished)
        assert all(row["result"] == 1 for row in found)
        ids = Counter(row["id"] for row in found)
        assert {*ids.values()} == {1}
        by_file = Counter(str(Path(row["file"]).relative_to(corpus)) for row in found)
        assert by_file["a.jsonl"] == 80 + len(BROKEN)
        assert [by_file[name] for name in ("b/b.jsonl.gz", "b/a.jsonl", "c.parquet")] == [40] * 3
        assert {*by_file} == {
            "a.jsonl",
            "b/b.jsonl.gz",
            "b/a.jsonl",
            "c.parquet",
            "broken.jsonl.gz",
        }
        # The blank line counts, and has no row.
        lines = [row["line"] for row in found if row["file"] == str(corpus / "a.jsonl")]
        assert lines == [n for n in range(1, 86) if n != 11]

    def test_scores_are_those_of_the_local_engine(
        self, command: CommandLine, corpus: Path, finished: Path, tmp_path: Path
    ) -> None:
        local = tmp_path / "local.jsonl"
        for name in ("a.jsonl", "b/b.jsonl.gz"):
            command.interpret(corpus / name, *QUICK, "--output-file", local, "--overwrite")
            by_line = {record["line"]: record for record in read_lines(local)}
            found = [row for row in rows(finished) if row["file"] == str(corpus / name)]
            assert [row["line"] for row in found] == [*by_line]
            for row in found:
                record = by_line[row["line"]]
                assert row["error"] == record.get("error")
                if row["error"] is None:
                    _assert_same(row, record)

    def test_a_file_that_breaks_off_has_an_error_after_its_last_line(
        self, corpus: Path, finished: Path
    ) -> None:
        found = [row for row in rows(finished) if row["file"].endswith("broken.jsonl.gz")]
        assert "the file cannot be read after line" in found[-1]["error"]
        assert all(row["error"] is None for row in found[:-1])
        assert [row["line"] for row in found] == [*range(1, len(found) + 1)]

    def test_columns_of_parquet_that_the_predictor_does_not_want_are_cut(
        self, finished: Path
    ) -> None:
        row = next(row for row in rows(finished) if row["file"].endswith(".parquet"))
        assert len(row["input"]) < 300 and '"sentence"' in row["input"]
        assert row["error"] is None

    def test_the_end_names_the_failures(self, corpus: Path, finished: Path) -> None:
        said = (finished.parent / "said").read_text()
        assert f"texts interpreted, {len(BROKEN) + 1} failed" in said
        assert f"{corpus / 'a.jsonl'} line 4: JSONDecodeError: Expecting value" in said
        assert said.endswith("mend them, and give them to a job of their own\n")
        assert "text/s" in said
        assert "Traceback" not in said and "ray" not in said.replace(str(corpus), "")


def _assert_same(row: Dict[str, Any], record: Dict[str, Any]) -> None:
    [one] = record["interpretations"]
    [(name, field)] = one["fields"].items()
    assert row["tokens"] == field["tokens"]
    assert row["scores"] == pytest.approx(field["scores"], abs=1e-5)
    assert row["field"] == [name] * len(field["tokens"])
    assert row["target"] == one["target"]["label"]
    assert row["output"] == pytest.approx(one["output"], abs=1e-5)
    assert row["evaluations"] == one["n_evaluations"]
    assert row["method"] == one["method"]


def test_a_report_has_the_gold_labels_and_says_what_was_explained(
    command: CommandLine, tmp_path: Path
) -> None:
    lines = [{"review": "A dull film.", "mine": label} for label in ("positive", "negative")]
    source = write_lines(tmp_path / "texts.jsonl", lines)
    out, now, later = (tmp_path / name for name in ("out", "now.html", "later.html"))
    arguments = interpret(source, *QUICK, "--field", "sentence=review", "--gold-field", "mine")
    arguments += ["--target", "gold", "--output-dir", out, "--html", now, "--actors", "1"]
    status, said = run(*arguments)
    assert status == 0, said
    found = rows(out)
    assert [row["gold"] for row in found] == [row["target"] for row in found]
    assert [row["gold"] for row in found] == ["positive", "negative"]
    shown = head(now)
    assert (shown["Texts"], shown["Explained"]) == ("2 · texts.jsonl", "the gold label")
    assert shown["Archive"] == "sst2_bilstm/model.tar.gz"
    assert "Accuracy 50.0 %" in now.read_text("utf-8")
    done = command("report", out, "--html", later, "--title", "Interpretations")
    assert done.status == 0 and later.read_bytes() == now.read_bytes()


def test_a_signal_while_the_report_is_made(
    command: CommandLine,
    corpus: Path,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = tmp_path / "page.html"
    monkeypatch.setattr(job, "make_report", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    arguments = [*interpret(corpus, *QUICK, *SMALL, "--actors", "2"), "--output-dir", finished]
    done = command(*arguments, "--resume", "--html", page)
    assert done.status == 143
    assert done.err.endswith("while the report was made: `biome-interpret report` makes it\n")


class TestRefusal:
    @pytest.fixture(autouse=True)
    def _needs_ray(self) -> None:
        pytest.importorskip("ray", reason=WITHOUT_RAY)

    @pytest.mark.parametrize(
        "given, said",
        [
            (["{two}", "--field", "sentence"], "--field sentence names no column"),
            (["{two}", "--gold-field", "mine"], "--gold-field mine: no text has this key"),
            (["{two}", "--target", "neutral"], "unknown target 'neutral'"),
            (["{table}"], "a.csv is a table, and --engine ray reads JSON lines and Parquet"),
            ([str(ARCHIVE)], "is a model; it must be a file of texts"),
            (["{two}", "--html", "{two}"], "would overwrite the input"),
        ],
    )
    def test_before_a_folder_is_made(
        self, command: CommandLine, tmp_path: Path, given: List[str], said: str
    ) -> None:
        two = write_lines(tmp_path / "two.jsonl", [DULL, DULL])
        table = write_lines(tmp_path / "a.csv", ["sentence", "Dull."])
        filled = [one.format(two=two, table=table) for one in given]
        out = tmp_path / "out"
        done = command.interpret(*filled, "--engine", "ray", "--output-dir", out)
        assert done.status == 2 and said in done.err, done.err
        assert not out.exists()


# The results of this interpreter fit into no table.
ODD = """
from dataclasses import replace
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from biome_interpret import IntegratedGradient


@SaliencyInterpreter.register("odd")
class Odd(IntegratedGradient):
    def interpret_each(self, inputs, targets=None):
        found = super().interpret_each(inputs, targets)
        return [[replace(one, n_evaluations="many") for one in each] for each in found]
"""


class TestTrouble:
    def test_no_texts(self, corpus: Path, tmp_path: Path) -> None:
        out = tmp_path / "out"
        status, said = run(*interpret(corpus / "empty.jsonl", "--output-dir", out))
        assert status == 0 and "0 texts interpreted, 0 failed" in said, said
        assert rows(out) == []
        assert (out / "_SUCCESS").exists()

    def test_what_went_wrong_in_a_worker_is_said(self, tmp_path: Path) -> None:
        pytest.importorskip("ray", reason=WITHOUT_RAY)
        (tmp_path / "odd.py").write_text(ODD)
        source = write_lines(tmp_path / "texts.jsonl", [DULL])
        command = interpret(source, "--output-dir", tmp_path / "out", "--actors", "1")
        command += ["--include-package", "odd", "--interpreter", "odd"]
        status, said = run(*command, cwd=tmp_path)
        reason, advice = said.splitlines()[-2:]
        assert status == 1 and "Could not convert 'many' with type str" in reason, said
        assert advice == "the same command with --resume continues the job"

    def test_texts_that_all_fail_are_reported_at_once_and_an_actor_that_cannot_start_ends_the_job(
        self, tmp_path: Path
    ) -> None:
        pytest.importorskip("ray", reason=WITHOUT_RAY)
        (tmp_path / "not_there.py").write_text(
            "import sys\nif 'default_worker' in sys.argv[0]:\n    raise OSError('no licence')\n"
        )
        source = write_lines(tmp_path / "texts.jsonl", [{"text": "Dull."}] * 6)
        command = interpret(source, "--output-dir", tmp_path / "out")
        status, said = run(*command, "--include-package", "not_there", cwd=tmp_path)
        assert "all of the first 4 texts failed; the first: " in said, said
        assert "name what holds it with --field sentence=NAME" in said
        assert "--use-dataset-reader" not in said
        assert status == 1 and said.count("OSError: no licence") == 1, said
        assert "the same command with --resume continues the job" in said
        assert "Traceback" not in said
