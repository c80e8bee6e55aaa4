import shutil
from pathlib import Path
from typing import Any, List

import pytest

from tests.commands.command_line import ARCHIVE, reviews, status_of, write_lines
from tests.commands.jobs.long_job import BROKEN, QUICK


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty lines; every seventh is broken."""
    lines: List[Any] = []
    for number, review in enumerate(reviews(60)):
        lines.append(BROKEN[number // 7 % len(BROKEN)] if number % 7 == 3 else review)
    return write_lines(tmp_path_factory.mktemp("source") / "texts.jsonl", lines)


@pytest.fixture(scope="session")
def finished(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a job that was not stopped."""
    path = tmp_path_factory.mktemp("finished") / "out.jsonl"
    arguments = ["interpret", ARCHIVE, source, *QUICK, "--output-file", path]
    assert status_of([str(argument) for argument in arguments]) == 1
    return path


@pytest.fixture
def whole(finished: Path, out: Path) -> bytes:
    """The bytes of that output. A copy of it and of its job file is at `out`."""
    shutil.copy(finished, out)
    shutil.copy(f"{finished}.job.json", f"{out}.job.json")
    return out.read_bytes()
