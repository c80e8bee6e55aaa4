"""Tables and plain text as input, and what is said of a file in another format."""

import gzip
import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from tests.commands.command_line import DULL, WARM, CommandLine, read_lines, write_lines

TEXT = "Warm, clever and moving."


def inputs(path: Path) -> List[Any]:
    return [(record["line"], record["inputs"]) for record in read_lines(path)]


class TestTables:
    def test_by_suffix(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        source = tmp_path / "reviews.csv"
        source.write_text(f'\ufeffsentence,mine\nA dull film.,negative\n\n"{TEXT}",positive\n')
        assert command.interpret(source, "--output-file", out).status == 0
        assert inputs(out) == [
            (2, {"sentence": "A dull film.", "mine": "negative"}),
            (4, {"sentence": TEXT, "mine": "positive"}),
        ]

    def test_compressed_with_tabs(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        source = tmp_path / "reviews.TSV.gz"
        source.write_bytes(gzip.compress(b'sentence\tid\n"A dull film.\t7\n'))
        assert command.interpret(source, "--output-file", out).status == 0
        assert inputs(out) == [(2, {"sentence": '"A dull film.', "id": "7"})]

    def test_a_column_is_renamed(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        source = tmp_path / "reviews.data"
        source.write_text("review,id\nA dull film.,7\n")
        arguments = [source, "--input-format", "csv", "--output-file", out]
        assert command.interpret(*arguments, "--field", "sentence=review").status == 0
        assert inputs(out) == [(2, {"sentence": "A dull film.", "id": "7"})]
        done = command.interpret(*arguments, "--overwrite", "--field", "sentence=text")
        assert done.status == 2
        assert "has no column 'text'; it has 'review', 'id'" in done.err

    @pytest.mark.parametrize("suffix", ["csv", "jsonl"])
    @pytest.mark.parametrize("columns", [("sentence", "id"), ("id", "sentence")])
    @pytest.mark.parametrize(
        "fields, expected",
        [
            (["sentence=id", "id=sentence"], {"sentence": "A dull film.", "id": "7"}),
            (["sentence=id", "copy=id"], {"sentence": "A dull film.", "copy": "A dull film."}),
            (["sentence=id"], {"sentence": "A dull film."}),
        ],
    )
    def test_keys_are_renamed_all_at_once(
        self,
        command: CommandLine,
        tmp_path: Path,
        out: Path,
        suffix: str,
        columns: Tuple[str, str],
        fields: List[str],
        expected: Dict[str, str],
    ) -> None:
        source, row = tmp_path / f"reviews.{suffix}", {"sentence": "7", "id": "A dull film."}
        table = [",".join(columns), ",".join(row[name] for name in columns)]
        text = "\n".join(table) if suffix == "csv" else json.dumps(row)
        source.write_text(text + "\n", encoding="utf-8")
        given = [part for field in fields for part in ("--field", field)]
        assert command.interpret(source, *given, "--output-file", out).status == 0
        [(_, found)] = inputs(out)
        assert found == expected

    def test_a_field_of_several_lines_has_the_number_of_its_first(
        self, command: CommandLine, tmp_path: Path, out: Path
    ) -> None:
        source = tmp_path / "reviews.csv"
        source.write_bytes(b'sentence\r\n"A dull\nfilm."\r\nFine.\r\n')
        assert command.interpret(source, "--output-file", out).status == 0
        assert inputs(out) == [(2, {"sentence": "A dull\nfilm."}), (4, {"sentence": "Fine."})]

    def test_a_broken_row_fails_alone(
        self, command: CommandLine, tmp_path: Path, out: Path
    ) -> None:
        source = tmp_path / "reviews.csv"
        source.write_bytes(b"sentence,id\nA dull film.,7,8\nA \xff film.,9\nFine.,10\n")
        assert command.interpret(source, "--output-file", out).status == 1
        first, second, third = read_lines(out)
        assert first["error"] == "ValueError: the row has 3 fields, and the header has 2"
        assert second["error"] == "ValueError: the row is not UTF-8"
        assert third["inputs"] == {"sentence": "Fine.", "id": "10"}

    def test_a_row_that_cannot_be_parsed_fails_alone(
        self, command: CommandLine, tmp_path: Path, out: Path
    ) -> None:
        source = tmp_path / "reviews.csv"
        long = b"x" * 140_000
        source.write_bytes(b"sentence,id\nA\rdull film.,7\n" + long + b",8\nFine.,9\n")
        assert command.interpret(source, "--output-file", out).status == 1
        first, second, third = read_lines(out)
        assert "the row cannot be read: new-line character" in first["error"]
        assert "field larger than field limit" in second["error"]
        assert third["inputs"] == {"sentence": "Fine.", "id": "9"} and third["line"] == 4

    @pytest.mark.parametrize(
        "row, reason, last",
        [
            ('"A dull film,7\n"Fine.",8\n', "the row cannot be read: ',' expected after", 3),
            ('"A dull film,7\n\nFine.,8\n', "the row cannot be read: unexpected end of", 4),
            ('"A dull\nfilm"\n', "the row has 1 field, and the header has 2", 3),
        ],
    )
    def test_a_quote_that_is_not_closed_joins_no_rows_silently(
        self, command: CommandLine, tmp_path: Path, out: Path, row: str, reason: str, last: int
    ) -> None:
        source = tmp_path / "reviews.csv"
        source.write_text("sentence,id\n" + row)
        assert command.interpret(source, "--output-file", out).status == 1
        [record] = read_lines(out)
        assert record["line"] == 2 and reason in record["error"]
        assert f"It takes the lines 2 to {last}: a quote may not be closed" in record["error"]

    def test_a_column_that_is_named_twice_is_refused(
        self, command: CommandLine, tmp_path: Path
    ) -> None:
        source = tmp_path / "reviews.csv"
        source.write_text("sentence,sentence\na,b\n")
        done = command.interpret(source)
        assert done.status == 2 and "names a column twice: sentence, sentence" in done.err

    def test_a_table_is_resumed(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        source = tmp_path / "reviews.csv"
        rows = [f'"A dull\nfilm {number}."\n' for number in range(20)]
        source.write_text("review\n" + "".join(rows))
        arguments = [source, "--field", "sentence=review", "--batch-size", "4"]
        command.interpret(*arguments, "--output-file", out)
        whole = out.read_bytes()
        out.write_bytes(whole[: len(whole) // 2])
        done = command.interpret(*arguments, "--output-file", out, "--resume")
        assert done.status == 0 and out.read_bytes() == whole
        done = command.interpret(source, "--field", "a=review", "--output-file", out, "--resume")
        assert done.status == 2 and "--field was " in done.err


class TestPlainText:
    def test_by_suffix(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        source = tmp_path / "reviews.txt"
        source.write_text(f"A dull film.\n\n {TEXT}\r\n")
        assert command.interpret(source, "--output-file", out).status == 0
        assert inputs(out) == [(1, DULL), (3, {"sentence": TEXT})]

    def test_of_standard_input_with_the_predictor_s_own_key(
        self, command: CommandLine, out: Path
    ) -> None:
        arguments = ["-", "--input-format", "txt", "--output-file", out]
        assert command.interpret(*arguments, stdin=b"A dull film.\n").status == 0
        assert inputs(out) == [(1, DULL)]
        again = [*arguments, "--overwrite", "--field", "passage"]
        done = command.interpret(*again, stdin=b"A dull film.\n")
        assert done.status == 1
        assert inputs(out) == [(1, {"passage": "A dull film."})]
        # At the beginning of the line, from which the progress bar was removed.
        reason = "the predictor needs 'sentence': name what holds it with --field sentence."
        assert f"\r{reason}" in done.err

    def test_that_is_json_is_read_as_json(
        self, command: CommandLine, tmp_path: Path, out: Path
    ) -> None:
        for name in ("texts.txt", "texts.csv"):
            source = write_lines(tmp_path / name, [DULL, WARM])
            assert command.interpret(source, "--output-file", out, "--overwrite").status == 0
            assert inputs(out) == [(1, DULL), (2, WARM)]


class TestJsonLines:
    @pytest.mark.parametrize(
        "content, beginning",
        [
            ("sentence,label\nA dull film.,0\n", "sentence,label"),
            ("A dull film.\n", "A dull film."),
            (json.dumps([DULL, WARM], indent=1), "["),
            (json.dumps([DULL, WARM]), '[{"sentence": "A dull film."}'),
        ],
    )
    def test_another_format_is_refused_before_anything_is_written(
        self, command: CommandLine, tmp_path: Path, out: Path, content: str, beginning: str
    ) -> None:
        source = tmp_path / "texts"
        source.write_text(content)
        done = command.interpret(source, "--output-file", out)
        assert done.status == 2 and not out.exists()
        assert "is not JSONL. Its first line begins with" in done.err and beginning in done.err
        assert "--input-format csv or tsv" in done.err and "jq" in done.err

    @pytest.mark.parametrize("suffix", ["jsonl", "csv", "jsonl.zst"])
    @pytest.mark.parametrize(
        "content, reason",
        [
            (gzip.compress(b'{"sentence": "A dull film."}\n'), "is compressed by gzip"),
            (b"\x28\xb5\x2f\xfd$\x1d", "is compressed by Zstandard"),
            ('{"sentence": "A dull film."}\n'.encode("utf-16"), "is text in UTF-16"),
        ],
    )
    def test_what_is_no_text_is_named(
        self, command: CommandLine, tmp_path: Path, suffix: str, content: bytes, reason: str
    ) -> None:
        source = tmp_path / f"texts.{suffix}"
        source.write_bytes(content)
        done = command.interpret(source)
        assert done.status == 2
        assert f"INPUT {source} {reason}. The local engine reads text in UTF-8." in done.err

    def test_a_key_is_renamed(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        rows = [{"text": "A dull film.", "id": 3}, {"id": 4}]
        source = write_lines(tmp_path / "rows.jsonl", rows)
        done = command.interpret(source, "--field", "sentence=text", "--output-file", out)
        assert done.status == 1
        first, second = read_lines(out)
        assert first["inputs"] == {"id": 3, "sentence": "A dull film."}
        assert "no key 'text' for --field sentence; it has 'id'" in second["error"]

    def test_the_keys_of_a_dataset_are_answered_with_the_two_ways(
        self, command: CommandLine, tmp_path: Path
    ) -> None:
        source = write_lines(tmp_path / "rows.jsonl", [{"text": "a", "label": "positive"}])
        done = command.interpret(source)
        assert done.status == 1
        said = " ".join(done.err.split())
        assert "needs 'sentence': name what holds it with --field sentence=NAME" in said
        assert "--use-dataset-reader" in said

    def test_gold_on_unlabelled_lines_names_the_dataset_reader(
        self, command: CommandLine, two: Path
    ) -> None:
        done = command.interpret(two, "--target", "gold")
        assert done.status == 1
        assert "the texts have no gold label: name the key that holds it with --gold" in done.err
        assert "--use-dataset-reader" in done.err
