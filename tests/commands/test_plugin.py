"""The command `biome-interpret plugin`."""

from pathlib import Path

import pytest

from tests.commands.command_line import CommandLine


@pytest.fixture(autouse=True)
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".allennlp" / "plugins"


def test_is_installed_once_and_removed(command: CommandLine, plugins: Path) -> None:
    said = command("plugin", "--install").out
    assert f"added the line biome_interpret to {plugins}\n" in said
    assert "whenever you run it, in every folder" in said and "Other users of this machine" in said
    assert "`biome-interpret plugin --remove` undoes this" in said
    assert plugins.read_text() == "biome_interpret\n"
    assert "already" in command("plugin", "--install").out
    assert plugins.read_text() == "biome_interpret\n"
    assert f"removed the line biome_interpret from {plugins}" in command("plugin", "--remove").out
    assert plugins.read_text() == ""
    assert "does not list" in command("plugin", "--remove").out


def test_other_plugins_stay(command: CommandLine, plugins: Path) -> None:
    plugins.parent.mkdir()
    plugins.write_text("mine\n\n  another  ")
    command("plugin", "--install")
    assert plugins.read_text() == "mine\n\n  another  \nbiome_interpret\n"
    command("plugin", "--remove")
    assert plugins.read_text() == "mine\n\n  another  \n"


def test_a_file_that_cannot_be_written_gets_one_line(command: CommandLine, plugins: Path) -> None:
    plugins.parent.write_text("no folder")
    done = command("plugin", "--install")
    assert done.status == 1
    assert done.err.startswith(f"biome-interpret plugin: error: cannot write {plugins}: ")


def test_one_action_is_required(command: CommandLine) -> None:
    assert command("plugin").status == 2
    assert command("plugin", "--install", "--remove").status == 2
