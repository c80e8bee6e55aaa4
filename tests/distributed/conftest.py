import gzip
import json
from pathlib import Path
from typing import Any, List

import pytest

from tests.commands.command_line import CommandLine, reviews, write_lines
from tests.distributed.ray_jobs import QUICK, SMALL, WITHOUT_RAY, interpret, run

BROKEN = ["not json", {"sentence": ""}, b"\xff", '["a list"]']


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 200 texts in several formats, and some broken lines."""
    pytest.importorskip("ray", reason=WITHOUT_RAY)
    import pyarrow
    from pyarrow import parquet

    # A space in the name is no trouble.
    folder = tmp_path_factory.mktemp("a corpus")
    texts = reviews(200)
    lines: List[Any] = texts[:80]
    for i, broken in enumerate(BROKEN):
        lines.insert(20 * i + 3, broken)
    first = write_lines(folder / "a.jsonl", [*lines[:10], "", *lines[10:]])
    first.write_bytes(b"\xef\xbb\xbf" + first.read_bytes().rstrip(b"\n"))
    (folder / "b").mkdir()
    packed = "".join(json.dumps(text) + "\n" for text in texts[80:120])
    (folder / "b" / "b.jsonl.gz").write_bytes(gzip.compress(packed.encode()))
    # The same names and line numbers as in another folder.
    write_lines(folder / "b" / "a.jsonl", texts[120:160])
    table = {"sentence": [text["sentence"] for text in texts[160:]], "picture": [b"\0" * 999] * 40}
    parquet.write_table(pyarrow.table(table), folder / "c.parquet")
    (folder / "empty.jsonl").write_bytes(b"")
    (folder / "broken.jsonl.gz").write_bytes(gzip.compress(packed.encode())[:-50])
    (folder / "README.md").write_text("This is no text.")
    return folder


@pytest.fixture(scope="session")
def finished(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a job that was not stopped."""
    folder = tmp_path_factory.mktemp("finished") / "out"
    command = interpret(corpus, *QUICK, *SMALL, "--output-dir", folder, "--actors", "2")
    status, said = run(*command)
    assert status == 1, said  # Some texts are broken.
    (folder.parent / "said").write_text(said)
    return folder


@pytest.fixture
def command(capfd: pytest.CaptureFixture) -> CommandLine:
    return CommandLine(capfd)
