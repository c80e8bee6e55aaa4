import bz2
import gzip
import json
import lzma
import os
import zipfile
from pathlib import Path
from typing import Callable

import pytest

from tests.commands.command_line import DULL, WARM, CommandLine, read_lines, results, write_lines


class TestJsonLines:
    @pytest.mark.parametrize(
        "ending, compress",
        [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)],
        ids=["gz", "bz2", "xz"],
    )
    def test_compressed(
        self,
        command: CommandLine,
        two: Path,
        out: Path,
        ending: str,
        compress: Callable[[bytes], bytes],
    ) -> None:
        packed = two.with_name(f"packed.jsonl.{ending}")
        packed.write_bytes(compress(two.read_bytes()))
        assert command.interpret(packed, "--output-file", out).status == 0
        assert [record["inputs"] for record in read_lines(out)] == [DULL, WARM]

    def test_zip(self, command: CommandLine, two: Path, out: Path) -> None:
        packed = two.with_name("packed.zip")
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(two, "two.jsonl")
        assert command.interpret(packed, "--output-file", out).status == 0
        assert [record["inputs"] for record in read_lines(out)] == [DULL, WARM]
        with zipfile.ZipFile(packed, "a") as archive:
            archive.write(two, "other.jsonl")
        done = command.interpret(packed, "--output-file", out, "--overwrite")
        assert done.status == 2
        assert "holds 2 files" in done.err

    def test_compressed_and_truncated(self, command: CommandLine, two: Path, out: Path) -> None:
        packed = two.with_name("packed.jsonl.gz")
        packed.write_bytes(gzip.compress(two.read_bytes())[:-12])
        done = command.interpret(packed, "--output-file", out)
        assert done.status == 2
        assert "the input cannot be read" in done.err
        assert "Traceback" not in done.err

    def test_standard_input(self, command: CommandLine, two: Path, out: Path) -> None:
        done = command.interpret("-", "--output-file", out, stdin=two.read_bytes())
        assert done.status == 0
        assert [record["inputs"] for record in read_lines(out)] == [DULL, WARM]

    def test_pipe(self, command: CommandLine, tmp_path: Path, two: Path, out: Path) -> None:
        read_end, write_end = os.pipe()
        os.write(write_end, two.read_bytes())
        os.close(write_end)
        done = command.interpret(f"/dev/fd/{read_end}", "--output-file", out)
        os.close(read_end)
        assert done.status == 0
        assert len(read_lines(out)) == 2

    def test_broken_lines_get_a_reason(
        self, command: CommandLine, tmp_path: Path, out: Path
    ) -> None:
        lines = [
            "",
            DULL,
            "not json",
            b'{"sentence": "\xff"}',
            '["a", "list"]',
            {"sentence": ""},
            {"text": "the key of another model"},
            " \t\r",
            {"sentence": None},
            '{"sentence": "A fine film.", "n": NaN}',
            "[" * 100_000,
            '{"sentence": "cut off',
        ]
        source = write_lines(tmp_path / "broken.jsonl", lines)
        done = command.interpret(source, "--output-file", out)
        assert done.status == 1
        assert done.err.endswith("2 texts interpreted, 8 failed (lines 3, 4, 5, 6, 7, ...)\n")
        records = {record["line"]: record for record in read_lines(out)}
        assert [*records] == [2, 3, 4, 5, 6, 7, 9, 10, 11, 12]
        assert records[2]["inputs"] == DULL
        assert records[10]["inputs"] == {"sentence": "A fine film.", "n": None}
        reasons = {
            3: "JSONDecodeError: Expecting value at character 1",
            4: "UnicodeDecodeError",
            5: "not an object",
            6: "InterpretationError: field 'tokens' has no tokens",
            7: "which has 'text' (KeyError: 'sentence')",
            9: "TypeError",
            11: "the line is nested too deeply to be read",
            12: "JSONDecodeError: Invalid control character at character 22",
        }
        for line, reason in reasons.items():
            assert reason in records[line]["error"], line
            assert "interpretations" not in records[line]
            assert ("inputs" in records[line]) == (line in (6, 7, 9))

    @pytest.mark.parametrize("depth", [150, 400, 800, 960])
    def test_a_text_that_is_nested_deeply_does_not_stop_the_others(
        self, command: CommandLine, tmp_path: Path, out: Path, depth: int
    ) -> None:
        nested = '{"sentence": "A dull film.", "n": ' + "[" * depth + "NaN" + "]" * depth + "}"
        source = write_lines(tmp_path / "nested.jsonl", [nested, DULL])
        assert command.interpret(source, "--output-file", out).status in (0, 1)
        assert [record["line"] for record in read_lines(out)] == [1, 2]
        assert "interpretations" in read_lines(out)[1]

    def test_a_byte_order_mark_and_windows_line_ends(
        self, command: CommandLine, tmp_path: Path, out: Path
    ) -> None:
        source = tmp_path / "windows.jsonl"
        source.write_bytes(b"\xef\xbb\xbf" + json.dumps(DULL).encode() + b"\r\n\r\n")
        assert command.interpret(source, "--output-file", out).status == 0
        assert read_lines(out)[0]["inputs"] == DULL

    @pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n\n"])
    def test_a_file_without_texts(
        self, command: CommandLine, tmp_path: Path, out: Path, content: bytes
    ) -> None:
        source = tmp_path / "empty.jsonl"
        source.write_bytes(content)
        done = command.interpret(source, "--output-file", out)
        assert done.status == 0 and "0 texts interpreted, 0 failed" in done.err
        assert read_lines(out) == []

    def test_a_warning_if_all_first_texts_fail(
        self, command: CommandLine, tmp_path: Path, out: Path
    ) -> None:
        source = write_lines(tmp_path / "texts.jsonl", [{"text": "a"}, {"text": "b"}])
        done = command.interpret(source, "--output-file", out)
        assert "all of the first 2 texts failed; the first: InterpretationError:" in done.err
        assert "input, which has 'text' (KeyError: 'sentence')" in " ".join(done.err.split())


class TestReaderInstances:
    def test_gold_labels(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        rows = [
            {"text": "A dull film.", "label": "positive"},
            {"text": "Good.", "label": "negative"},
        ]
        source = write_lines(tmp_path / "rows.jsonl", rows)
        arguments = (source, "--use-dataset-reader", "--target", "gold", "--output-file", out)
        done = command.interpret(*arguments)
        assert done.status == 0, done.err
        first, second = read_lines(out)
        assert [*first] == ["line", "inputs", "gold", "interpretations"]
        assert first["inputs"] == {"tokens": "A dull film."} and first["gold"] == "positive"
        assert second["gold"] == "negative"
        assert [record["line"] for record in read_lines(out)] == [1, 2]
        assert [one.target.label for [one] in results(out)] == ["positive", "negative"]
        assert "line 2  target negative" in command.interpret(*arguments[:-2]).out

    def test_dataset_reader_choice(self, command: CommandLine, tmp_path: Path, out: Path) -> None:
        source = write_lines(
            tmp_path / "rows.jsonl", [{"text": "A dull film.", "label": "positive"}]
        )
        reader = {
            "type": "text_classification_json",
            "tokenizer": "character",
            "token_indexers": {"tokens": {"type": "single_id"}},
        }
        overrides = json.dumps({"validation_dataset_reader": reader})
        arguments = [source, "--use-dataset-reader", "-o", overrides, "--output-file", out]
        command.interpret(*arguments)
        assert len(results(out)[0][0].fields["tokens"].tokens) == len("A dull film.")
        command.interpret(*arguments, "--overwrite", "--dataset-reader-choice", "train")
        assert results(out)[0][0].fields["tokens"].tokens == ["A", "dull", "film", "."]

    def test_a_reader_that_fails_ends_the_job(
        self, command: CommandLine, tmp_path: Path, out: Path
    ) -> None:
        rows = [{"text": f"text {i}"} for i in range(3)]
        source = write_lines(tmp_path / "rows.jsonl", [*rows, "not json"])
        done = command.interpret(
            *(source, "--use-dataset-reader", "--batch-size", "2", "--output-file", out)
        )
        assert done.status == 1
        assert "be read by the dataset reader TextClassificationJsonReader after line 3" in done.err
        assert len(read_lines(out)) == 2
