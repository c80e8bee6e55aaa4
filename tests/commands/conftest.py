import pytest

from tests.commands.command_line import CommandLine


@pytest.fixture
def command(capfd: pytest.CaptureFixture) -> CommandLine:
    return CommandLine(capfd)
