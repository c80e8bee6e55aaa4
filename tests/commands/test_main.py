"""The help of `biome-interpret`. `tests/test_start.py` tests how it starts."""

import argparse
import sys

import pytest
from allennlp.commands import main as allennlp
from allennlp.commands.predict import Predict
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter

from biome_interpret import __version__
from tests.commands.command_line import CommandLine


@pytest.mark.parametrize(
    "arguments",
    [[], ["interpret"], ["report"], ["plugin"], ["serve"], ["evaluate"]],
    ids=lambda a: " ".join(a),
)
def test_help_fits_eighty_columns(
    command: CommandLine, arguments: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = command(*arguments, "--help")
    assert done.status == 0
    assert max(map(len, done.out.splitlines())) <= 80


def test_help_names_every_flag_of_predict_and_its_own(command: CommandLine) -> None:
    subparsers = argparse.ArgumentParser().add_subparsers()
    predict = Predict().add_subparser(subparsers)
    flags = [flag for action in predict._actions for flag in action.option_strings]
    own = "--interpreter --target --target-index --target-field --granularity --tolerance"
    own += " --html --resume --overwrite --fail-fast --include-package"
    helped = command("interpret", "--help").out
    for flag in [*flags, *own.split()]:
        assert flag in helped
    methods = [name for name in SaliencyInterpreter.list_available() if name.startswith("biome-")]
    assert len(methods) == 5
    joined = "".join(helped.split())
    for method in methods:
        assert method in joined


def test_allennlp_lists_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(sys, "argv", ["allennlp", "--help"])
    with pytest.raises(SystemExit):
        allennlp()
    listed = " ".join(capsys.readouterr().out.split())
    assert "interpret Explain what a trained model predicts for each text." in listed


def test_without_a_command_and_with_a_wrong_one(command: CommandLine) -> None:
    assert "COMMAND" in command().out
    assert command("--version").out == f"biome-interpret {__version__}\n"
    assert command("interpretate").status == 2
