"""The command `biome-interpret` itself, its help, and the smaller commands."""

import configparser
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path

import pytest

from tests.commands.command_line import REVIEWS, ROOT, CommandLine, write_lines


class TestHelp:
    @pytest.mark.parametrize(
        "arguments", [[], ["interpret"], ["report"], ["plugin"]], ids=lambda a: " ".join(a)
    )
    def test_fits_eighty_columns(
        self, command: CommandLine, arguments: list, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        done = command(*arguments, "--help")
        assert done.status == 0
        assert max(map(len, done.out.splitlines())) <= 80

    def test_tells_every_flag_of_predict_and_its_own(
        self, command: CommandLine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import argparse

        from allennlp.commands.predict import Predict

        subparsers = argparse.ArgumentParser().add_subparsers()
        predict = Predict().add_subparser(subparsers)
        flags = [flag for action in predict._actions for flag in action.option_strings]
        own = "--interpreter --target --target-index --target-field --granularity --tolerance"
        own += " --html --resume --fail-fast --include-package"
        helped = command("interpret", "--help").out
        for flag in [*flags, *own.split()]:
            assert flag in helped

    def test_allennlp_lists_the_command_where_it_is_a_plugin(self, tmp_path: Path) -> None:
        (tmp_path / ".allennlp_plugins").write_text("biome_interpret\n")
        run = [sys.executable, "-W", "ignore", "-m", "allennlp"]
        done = subprocess.run([*run, "--help"], capture_output=True, text=True, cwd=tmp_path)
        assert "Explain what a trained model says of each text." in " ".join(done.stdout.split())

    def test_of_nothing_asked_and_the_version(self, command: CommandLine) -> None:
        from biome_interpret import __version__

        assert "COMMAND" in command().out
        assert command("--version").out == f"biome-interpret {__version__}\n"
        assert command("interpretate").status == 2

    def test_the_console_script_names_what_there_is(self) -> None:
        config = configparser.ConfigParser()
        config.read(ROOT / "setup.cfg")
        script = config["options.entry_points"]["console_scripts"].strip()
        name, _, place = script.partition(" = ")
        module, _, function = place.partition(":")
        assert name == "biome-interpret"
        assert callable(getattr(import_module(module), function))

    def test_the_console_script_starts_without_a_word_of_others(self, tmp_path: Path) -> None:
        done = subprocess.run(_CONSOLE_SCRIPT, cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("biome-interpret ")

    def test_ctrl_c_while_it_starts_ends_it_quietly(self) -> None:
        # Where this runs in the background of a shell, SIGINT is ignored, also by what it starts.
        start = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
        ready = "from biome_interpret_command import main; print('ready', flush=True); main()"
        process = subprocess.Popen(
            [sys.executable, "-c", start + ready],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.3)  # It takes longer to import AllenNLP, on any machine.
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert errors == b""
        assert process.returncode == -signal.SIGINT


# As an installed one does it.
_CONSOLE_SCRIPT = [
    sys.executable,
    "-c",
    "import sys; sys.argv[1:] = ['--version'];"
    "from biome_interpret_command import main; sys.exit(main())",
]


class TestPlugin:
    @pytest.fixture(autouse=True)
    def plugins(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("HOME", str(tmp_path))
        return tmp_path / ".allennlp" / "plugins"

    def test_is_installed_once_and_removed_again(self, command: CommandLine, plugins: Path) -> None:
        assert f"added biome_interpret to {plugins}" in command("plugin", "--install").out
        assert plugins.read_text() == "biome_interpret\n"
        assert "already" in command("plugin", "--install").out
        assert plugins.read_text() == "biome_interpret\n"
        assert "removed" in command("plugin", "--remove").out
        assert plugins.read_text() == ""
        assert "does not list" in command("plugin", "--remove").out

    def test_other_plugins_stay(self, command: CommandLine, plugins: Path) -> None:
        plugins.parent.mkdir()
        plugins.write_text("mine\n\n  another  ")
        command("plugin", "--install")
        assert plugins.read_text() == "mine\n\n  another  \nbiome_interpret\n"
        command("plugin", "--remove")
        assert plugins.read_text() == "mine\n\n  another  \n"

    def test_a_file_that_cannot_be_written_is_told_in_a_line(
        self, command: CommandLine, plugins: Path
    ) -> None:
        plugins.parent.write_text("no folder")
        done = command("plugin", "--install")
        assert done.status == 1
        assert done.err.startswith(f"biome-interpret plugin: error: {plugins}: ")

    def test_it_must_be_said_which(self, command: CommandLine) -> None:
        assert command("plugin").status == 2
        assert command("plugin", "--install", "--remove").status == 2


class TestReport:
    def test_is_made_of_an_output_file_or_along_with_it(
        self, command: CommandLine, tmp_path: Path
    ) -> None:
        out, along, later = (tmp_path / name for name in ("out.jsonl", "a.html", "b.html"))
        done = command.interpret(REVIEWS, "--output-file", out, "--html", along)
        assert done.status == 0
        assert f"report: {along}" in done.err
        assert "wonderful" in along.read_text(encoding="utf-8")
        done = command("report", out, "--html", later, "--title", "reviews.jsonl")
        assert done.status == 0
        assert later.read_bytes() == along.read_bytes()

    def test_is_made_without_an_output_file(self, command: CommandLine, tmp_path: Path) -> None:
        page = tmp_path / "page.html"
        done = command.interpret(REVIEWS, "--html", page, "--silent")
        assert (done.status, done.out) == (0, "")
        assert "wonderful" in page.read_text(encoding="utf-8")
        assert "wonderful[" in command.interpret(REVIEWS, "--html", page).out

    def test_holds_the_texts_of_before_a_resumption(
        self, command: CommandLine, tmp_path: Path
    ) -> None:
        out, page = tmp_path / "out.jsonl", tmp_path / "page.html"
        arguments = (REVIEWS, "--output-file", out, "--html", page)
        command.interpret(*arguments)
        whole = page.read_bytes()
        page.unlink()
        out.write_bytes(out.read_bytes()[:5000])
        command.interpret(*arguments, "--resume")
        assert page.read_bytes() == whole

    def test_a_line_that_is_cut_short_is_left_out(
        self, command: CommandLine, tmp_path: Path
    ) -> None:
        out, page = tmp_path / "out.jsonl", tmp_path / "page.html"
        command.interpret(REVIEWS, "--output-file", out)
        out.write_bytes(out.read_bytes()[:-20])
        assert command("report", out, "--html", page).status == 0
        assert "documentaries" not in page.read_text(encoding="utf-8")

    def test_what_cannot_be_read_or_written_is_told_in_a_line(
        self, command: CommandLine, tmp_path: Path
    ) -> None:
        page = tmp_path / "page.html"
        done = command("report", tmp_path / "nowhere", "--html", page)
        assert done.status == 2 and "nowhere not found" in done.err
        other = write_lines(tmp_path / "other.jsonl", [{"line": 1, "error": "e"}, {"label": 1}])
        done = command("report", other, "--html", page)
        assert done.status == 2 and "line 2 of" in done.err
        strange = write_lines(tmp_path / "strange.jsonl", [{"line": 1, "interpretations": [3]}])
        done = command("report", strange, "--html", page)
        assert done.status == 2
        assert not page.exists()
        good = write_lines(tmp_path / "good.jsonl", [{"line": 1, "error": "e"}])
        done = command("report", good, "--html", tmp_path / "no" / "page.html")
        assert done.status == 1 and "cannot write" in done.err
        assert "Traceback" not in done.err
