"""Runs the command line in this process, and makes inputs for it."""

import io
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Union
from unittest import mock

import pytest

from biome_interpret import Interpretation
from biome_interpret.commands.main import main

ROOT = Path(__file__).parent.parent.parent
ARCHIVE = ROOT / "fixtures" / "sst2_bilstm" / "model.tar.gz"
REVIEWS = ROOT / "fixtures" / "reviews.jsonl"

DULL = {"sentence": "A dull film."}
WARM = {"sentence": "Warm, clever and moving.", "mine": "negative"}


class Done(NamedTuple):
    status: int
    out: str
    err: str


class CommandLine:
    """`biome-interpret`, without a process of its own."""

    def __init__(self, capfd: pytest.CaptureFixture) -> None:
        self._capfd = capfd

    def __call__(self, *arguments: Union[str, Path], stdin: Optional[bytes] = None) -> Done:
        self._capfd.readouterr()
        stream = io.TextIOWrapper(io.BytesIO(stdin or b""))
        with mock.patch.object(sys, "stdin", stream):
            status = status_of([str(argument) for argument in arguments])
        return Done(status, *self._capfd.readouterr())

    def interpret(self, *arguments: Union[str, Path], **options: Any) -> Done:
        """With the shipped model."""
        return self("interpret", ARCHIVE, *arguments, **options)


def status_of(arguments: Sequence[str]) -> int:
    try:
        main([*arguments])
    except SystemExit as exit:
        return int(exit.code or 0)
    return 0


def write_lines(path: Path, lines: Sequence[Union[str, bytes, Dict[str, Any]]]) -> Path:
    path.write_bytes(b"".join(as_bytes(line) + b"\n" for line in lines))
    return path


def as_bytes(line: Union[str, bytes, Dict[str, Any]]) -> bytes:
    if isinstance(line, dict):
        line = json.dumps(line)
    return line.encode() if isinstance(line, str) else line


def read_lines(path: Path) -> List[Dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def results(path: Path) -> List[List[Interpretation]]:
    return [
        [Interpretation.from_json(one) for one in record["interpretations"]]
        for record in read_lines(path)
    ]


def reviews(number: int) -> List[Dict[str, Any]]:
    """This number of texts, all different."""
    shipped = [json.loads(line) for line in REVIEWS.read_text(encoding="utf-8").splitlines()]
    return [{"sentence": f"{shipped[i % len(shipped)]['sentence']} {i}"} for i in range(number)]
