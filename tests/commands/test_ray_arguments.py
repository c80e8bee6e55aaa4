"""What `interpret` says of arguments that do not go with `--engine ray`, or only with it."""

import sys
from pathlib import Path
from typing import List

import pytest

from biome_interpret.commands.main import parse
from tests.commands.command_line import ARCHIVE, CommandLine


@pytest.mark.parametrize(
    "given, said",
    [
        (["--actors", "2"], "--actors requires --engine ray"),
        (["--gpus-per-actor", "1"], "--gpus-per-actor requires --engine ray"),
        (["--output-dir", "out"], "--output-dir requires --engine ray"),
        (["--ray-address", "auto"], "--ray-address requires --engine ray"),
        (["--rows-per-file", "5"], "--rows-per-file requires --engine ray"),
    ],
)
def test_options_of_ray_require_it(
    command: CommandLine, two: Path, given: List[str], said: str
) -> None:
    done = command.interpret(two, *given)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_several_inputs_require_it(command: CommandLine, two: Path) -> None:
    for given in ([two, two], [two, "--silent", two], ["--silent", two, two]):
        done = command.interpret(*given)
        assert done.status == 2 and "more than one INPUT requires --engine ray" in done.err


def test_inputs_may_stand_behind_options(command: CommandLine) -> None:
    given = ["a", "--engine", "ray", "b", "--output-dir", "out", "c"]
    for arguments in (given, [*given[1:], "a"]):
        parsed = parse(["interpret", str(ARCHIVE), *arguments])
        assert {parsed.input_file, *parsed.more_input_files} == {"a", "b", "c"}
        assert (parsed.archive_file, parsed.output_dir) == (str(ARCHIVE), "out")
    done = command.interpret("a", "--engine", "ray", "b", "--actor-s", "c")
    assert done.status == 2 and "unrecognized arguments: b --actor-s c" in done.err


@pytest.mark.parametrize(
    "given, said",
    [
        ([], "--engine ray requires --output-dir"),
        (["--output-file", "x"], "--output-file is not for --engine ray: name a folder with"),
        (["--overwrite"], "--overwrite is not for --engine ray: delete the folder of --output-dir"),
        (["--input-format", "csv"], "--input-format is not for --engine ray: it reads JSON lines"),
        (["--silent"], "--silent is not for --engine ray: it prints no texts"),
        (["--fail-fast"], "--fail-fast is not for --engine ray: a text that fails becomes a row"),
        (["--use-dataset-reader"], "--use-dataset-reader is not for --engine ray: actors read"),
        (["--cuda-device", "0"], "--cuda-device is not for --engine ray: use --gpus-per-actor"),
        (["--output-dir", "o", "--ray-address", "ray://x:1"], "takes HOST:PORT or auto"),
        (["--actors", "0"], "'0' must be a positive integer"),
        (["--actors", "two"], "'two' must be a positive integer"),
        (["--gpus-per-actor", "2"], "'2' must be a number from 0 to 1: a model runs on one GPU"),
        (["--gpus-per-actor", "nan"], "'nan' must be a number from 0 to 1"),
    ],
)
def test_what_makes_no_sense_with_ray_is_refused(
    command: CommandLine, two: Path, given: List[str], said: str
) -> None:
    done = command.interpret(two, "--engine", "ray", *given)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


def test_standard_input_is_refused(command: CommandLine, tmp_path: Path) -> None:
    done = command.interpret("-", "--engine", "ray", "--output-dir", tmp_path / "out")
    assert done.status == 2 and "cannot read standard input: put the texts in a file" in done.err


class TestOutputDir:
    def test_is_no_file(self, command: CommandLine, two: Path) -> None:
        done = command.interpret(two, "--engine", "ray", "--output-dir", two)
        assert done.status == 2 and f"--output-dir {two} is a file: name a folder" in done.err

    def test_does_not_lie_in_the_input(self, command: CommandLine, two: Path) -> None:
        for out in (two.parent, two.parent / "out"):
            done = command.interpret(two.parent, "--engine", "ray", "--output-dir", out)
            assert done.status == 2
            assert f"lies in the input {two.parent}: name a folder outside" in done.err

    def test_does_not_hold_what_is_read_or_written_besides(
        self, command: CommandLine, two: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "out"
        arguments = [two, "--engine", "ray", "--output-dir", out, "--html", out / "page.html"]
        done = command.interpret(*arguments)
        assert done.status == 2 and "page.html lies in --output-dir" in done.err
        done = command.interpret(two, "--engine", "ray", "--output-dir", ARCHIVE.parent)
        assert done.status == 2 and "ARCHIVE" in done.err and "lies in --output-dir" in done.err


@pytest.mark.parametrize("missing", ["ray", "pyarrow"])
def test_without_ray_it_says_what_to_install(
    command: CommandLine,
    two: Path,
    tmp_path: Path,
    missing: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    done = command.interpret(two, "--engine", "ray", "--output-dir", tmp_path / "out")
    assert done.status == 2
    assert "is needed: pip install 'biome-interpret[ray]'" in done.err
    assert not (tmp_path / "out").exists()


def test_help_names_the_options(command: CommandLine) -> None:
    said = command("interpret", "--help").out
    for option in ("engine", "output-dir", "actors", "gpus-per-actor", "ray-address", "rows-per"):
        assert f"--{option}" in said
    assert "INPUT [INPUT ...]" in said
