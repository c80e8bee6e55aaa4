"""Which files are read, and how."""

import bz2
import json
import lzma
from datetime import date
from pathlib import Path
from typing import Any, Dict, List

import pytest
from allennlp.common.checks import ConfigurationError

from biome_interpret.distributed.texts import line_of, tables_of, text_files
from tests.commands.command_line import write_lines
from tests.distributed.ray_jobs import WITHOUT_RAY

pytest.importorskip("pyarrow", reason=WITHOUT_RAY)
pytest.importorskip("fsspec", reason=WITHOUT_RAY)

TEXTS = [{"sentence": f"Film {i}."} for i in range(3)]


def rows(path: Path) -> List[Dict[str, Any]]:
    return [row for table in tables_of(str(path)) for row in table.to_pylist()]


class TestFiles:
    def test_of_a_folder_those_of_texts_are_read(self, tmp_path: Path) -> None:
        for name in ("b.jsonl", "a.json", "c/d.parquet", "c/e.jsonl.zst", "no.txt", "_job.json"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(b"")
        for name in (".hidden/x.jsonl", "_tmp/x.jsonl"):
            (tmp_path / name).parent.mkdir()
            (tmp_path / name).write_bytes(b"")
        found = [file.name for file in text_files([str(tmp_path)])]
        assert found == [
            str(tmp_path / n) for n in ("a.json", "b.jsonl", "c/d.parquet", "c/e.jsonl.zst")
        ]

    def test_of_a_named_file_the_name_does_not_matter(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write_lines(tmp_path / "texts", TEXTS)
        monkeypatch.chdir(tmp_path)
        [file] = text_files(["texts"])
        assert file.name == str(tmp_path / "texts")
        [file] = text_files([f"file://{tmp_path}/texts"])
        assert [row["line"] for row in rows(file.name)] == [1, 2, 3]

    @pytest.mark.parametrize(
        "names, said",
        [
            (["nowhere"], "the input nowhere does not exist, or is a folder without files that"),
            (["empty"], "the input empty does not exist, or is a folder without files that"),
            (["a.jsonl", "."], "a.jsonl is named twice: leave one out"),
            (["a.zip"], "a.zip: unpack it first, or use .gz"),
            (["nothing://a.jsonl"], "nothing://a.jsonl: ValueError: Protocol not known"),
        ],
    )
    def test_refusal(
        self, names: List[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "empty").mkdir()
        for name in ("a.jsonl", "a.zip"):
            (tmp_path / name).write_bytes(b"")
        with pytest.raises(ConfigurationError, match=said):
            text_files(names)


class TestLines:
    @pytest.mark.parametrize("suffix, packed", [(".bz2", bz2.compress), (".xz", lzma.compress)])
    def test_compressed(self, suffix: str, packed: Any, tmp_path: Path) -> None:
        path = tmp_path / f"a.jsonl{suffix}"
        path.write_bytes(packed(b"".join(line_of(text) + b"\n" for text in TEXTS)))
        found = rows(path)
        assert [json.loads(row["json"]) for row in found] == TEXTS
        assert [row["id"] for row in found] == [f"{path}:{line}" for line in (1, 2, 3)]

    def test_values_that_json_does_not_know_become_strings(self) -> None:
        line = line_of({"a": date(2026, 1, 2), "b": b"\0" * 1000, "c": None})
        value = json.loads(line)
        assert (value["a"], value["c"]) == ("2026-01-02", None)
        assert len(value["b"]) == 80

    def test_a_file_that_is_no_parquet_has_one_row_with_an_error(self, tmp_path: Path) -> None:
        path = write_lines(tmp_path / "a.parquet", TEXTS)
        [row] = rows(path)
        assert "the file cannot be read after line 0: ArrowInvalid" in row["error"]
        assert row["json"] is None
