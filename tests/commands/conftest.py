from pathlib import Path

import pytest

from tests.commands.command_line import DULL, WARM, CommandLine, write_lines


@pytest.fixture
def command(capfd: pytest.CaptureFixture) -> CommandLine:
    return CommandLine(capfd)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """An input of two texts."""
    return write_lines(tmp_path / "two.jsonl", [DULL, WARM])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"
