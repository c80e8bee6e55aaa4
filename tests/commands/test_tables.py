"""The Parquet files of `--output-dir`, read back and made into a report."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any, List, Sequence

import pytest
from allennlp.predictors import Predictor

from biome_interpret import GradientShap, Interpretation, Occlusion
from biome_interpret.commands.tables import Folder, gold_columns, rows_of, schema
from biome_interpret.interpretation import FieldScores
from biome_interpret.models.objectives import Target
from tests.commands.command_line import (
    ARCHIVE,
    DULL,
    REVIEWS,
    CommandLine,
    read_lines,
    write_lines,
)
from tests.commands.test_report import head

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
parquet = pytest.importorskip("pyarrow.parquet")

TWO_FIELDS = Interpretation(
    fields={
        "premise": FieldScores(["A", "film"], [0.25, -1.0], "grad_input_2"),
        "hypothesis": FieldScores([], [], "grad_input_1"),
    },
    target=Target(label="yes", index=3, probability=0.5, words="A film"),
    output=2.0,
    notes=["A note."],
)


def write(folder: Path, texts: Sequence[List[Any]]) -> Path:
    """Writes a file with the rows of texts, as the engine `ray` does."""
    folder.mkdir(exist_ok=True)
    rows = [row for text in texts for row in text]
    parquet.write_table(pa.Table.from_pylist(rows, schema()), folder / f"{len(texts)}.parquet")
    return folder


def test_a_result_without_tokens_is_read_back(tmp_path: Path) -> None:
    fields = {"tokens": FieldScores([], [], "grad_input_1")}
    one = dataclasses.replace(TWO_FIELDS, fields=fields, standard_error={"tokens": []})
    folder = Folder(str(write(tmp_path / "out", [rows_of(text_of(1, sentence=""), [one], None)])))
    [record] = folder.records()
    assert [Interpretation.from_json(found) for found in record["interpretations"]] == [one]


def text_of(line: int, file: str = "/a.jsonl", **inputs: Any) -> Any:
    return {"id": f"{file}:{line}", "file": file, "line": line, "input": json.dumps(inputs)}


def test_interactions_are_left_out(tmp_path: Path) -> None:
    predictor = Predictor.from_path(ARCHIVE, import_plugins=False)
    [found] = Occlusion(predictor, interactions=True).interpret_json(DULL)
    assert found.interactions is not None
    folder = Folder(str(write(tmp_path / "out", [rows_of(text_of(1, **DULL), [found], None)])))
    [record] = folder.records()
    [back] = [Interpretation.from_json(one) for one in record["interpretations"]]
    assert back == dataclasses.replace(found, interactions=None)


def test_results_and_errors_come_back(tmp_path: Path) -> None:
    predictor = Predictor.from_path(ARCHIVE, import_plugins=False)
    [drawn] = GradientShap(predictor).interpret_json(DULL)
    assert drawn.standard_error is not None
    found = [drawn, TWO_FIELDS]
    texts = [
        rows_of(text_of(1, **DULL), found, None),
        rows_of(text_of(2, **DULL), [], "ValueError: no"),
        rows_of({**text_of(3), "input": "not json"}, [], "JSONDecodeError: no"),
        rows_of(text_of(4, **DULL), [], None),
    ]
    folder = Folder(str(write(tmp_path / "out", texts)))
    first, second, third, fourth = folder.records()
    assert [Interpretation.from_json(one) for one in first["interpretations"]] == found
    assert (first["line"], first["inputs"]) == (1, DULL)
    assert second == {"line": 2, "inputs": DULL, "error": "ValueError: no"}
    assert third == {"line": 3, "error": "JSONDecodeError: no"}
    assert fourth == {"line": 4, "inputs": DULL, "interpretations": []}
    assert (folder.num_texts(), folder.num_failed()) == (4, 2)
    assert [row["line"] for row in folder.first_failed(1)] == [2]


@pytest.mark.parametrize("gold", ["yes", '["a"]', ["yes", "no"], [], None])
def test_gold_labels_come_back(tmp_path: Path, gold: Any) -> None:
    text = {**text_of(1, **DULL), **gold_columns(gold)}
    texts = [rows_of(text, [TWO_FIELDS], None), rows_of({**text, "line": 2}, [], "ValueError: no")]
    records = [*Folder(str(write(tmp_path / "out", texts))).records()]
    assert [record.get("gold") for record in records] == [gold, gold]


class TestReport:
    def test_of_many_texts_shows_a_sample_and_the_summary_of_all(
        self, command: CommandLine, tmp_path: Path
    ) -> None:
        number = 10_050
        texts = [rows_of(text_of(line + 1, n=line), [TWO_FIELDS], None) for line in range(number)]
        texts[7] = rows_of(text_of(8, n=7), [], "ValueError: no")
        folder, page = write(tmp_path / "out", texts), tmp_path / "page.html"
        assert command("report", folder, "--html", page).status == 0
        html = page.read_text(encoding="utf-8")
        shown_head = head(page)
        assert shown_head["Texts"] == "10,050, 1 with an error"
        assert shown_head["List"] == "a random sample of 10,000 texts; the summary covers all"
        [data] = re.findall(r'id="data">(.*?)</script>', html, re.S)
        shown = {record["line"] for record in json.loads(data)}
        assert len(shown) == 10_000
        # All of them count, and the page links to those that it shows.
        assert "×10,049" in html
        assert {int(line) for line in re.findall(r'href="#L(\d+)"', html)} <= shown

    def test_of_several_files_names_the_file_and_line_of_each_text(
        self, command: CommandLine, tmp_path: Path
    ) -> None:
        texts = [rows_of(text_of(5, file, **DULL), [TWO_FIELDS], None) for file in ("/a", "/b")]
        page = tmp_path / "page.html"
        command("report", write(tmp_path / "out", texts), "--html", page)
        [data] = re.findall(r'id="data">(.*?)</script>', page.read_text("utf-8"), re.S)
        records = json.loads(data)
        assert [record["line"] for record in records] == [1, 2]
        assert [record["inputs"]["file and line"] for record in records] == ["/a:5", "/b:5"]

    def test_is_that_of_an_output_file_with_the_same_records(
        self, command: CommandLine, tmp_path: Path
    ) -> None:
        out, first, second = (tmp_path / name for name in ("out.jsonl", "1.html", "2.html"))
        lines = [json.loads(line) for line in REVIEWS.read_text("utf-8").splitlines()]
        labels = ["positive", "negative", "neither"]
        source = write_lines(
            tmp_path / "texts.jsonl",
            [{**line, "mine": labels[i % 3]} for i, line in enumerate(lines)],
        )
        command.interpret(source, "--output-file", out, "--gold-field", "mine")
        texts = [
            rows_of(
                {**text_of(record["line"], **record["inputs"]), **gold_columns(record["gold"])},
                [Interpretation.from_json(one) for one in record["interpretations"]],
                None,
            )
            for record in read_lines(out)
        ]
        folder = write(tmp_path / "folder", texts)
        (folder / "_job.json").write_bytes(Path(f"{out}.job.json").read_bytes())
        command("report", out, "--html", first, "--title", "reviews")
        command("report", folder, "--html", second, "--title", "reviews")
        assert first.read_bytes() == second.read_bytes()
        html = second.read_text("utf-8")
        assert "4 gold labels are not among the labels of the model" in html and "Accuracy" in html
        assert head(second)["Archive"] == "sst2_bilstm/model.tar.gz"
        (folder / "_job.json").write_text("[")
        assert command("report", folder, "--html", second).status == 0
        assert "Archive" not in head(second)

    def test_refusal(self, command: CommandLine, tmp_path: Path) -> None:
        page = tmp_path / "page.html"
        other = tmp_path / "other"
        other.mkdir()
        parquet.write_table(pa.table({"a": [1]}), other / "a.parquet")
        done = command("report", other, "--html", page)
        assert done.status == 2
        assert "was not written by `interpret --output-dir`: its columns are a" in done.err
        (other / "a.parquet").write_bytes(b"PAR1")
        done = command("report", other, "--html", page)
        assert done.status == 2 and "If its job was stopped, run it again with --resume" in done.err
        (other / "inside").mkdir()
        for inside in (other / "page.html", other / "inside" / "page.html"):
            done = command("report", other, "--html", inside)
            assert done.status == 2 and "which holds rows only" in done.err
        done = command("report", "nothing://out", "--html", page)
        assert done.status == 2 and "nothing://out: ValueError" in done.err
        assert not page.exists()

    def test_of_no_texts(self, command: CommandLine, tmp_path: Path) -> None:
        page = tmp_path / "page.html"
        (tmp_path / "out").mkdir()
        assert command("report", tmp_path / "out", "--html", page).status == 0
        assert head(page) == {"Texts": "0"}
