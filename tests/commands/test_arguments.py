"""Wrong arguments of `interpret`."""

import re
from pathlib import Path
from typing import Any, Dict

import pytest

from biome_interpret.commands import arguments
from biome_interpret.commands.jobs import text_files
from biome_interpret.models.alignment import segments
from tests.commands.command_line import ARCHIVE, CommandLine

WRONG: Dict[str, Any] = {
    "no such input": (["{nowhere}"], "cannot be read.*not found"),
    "no such archive": (None, "archive .*nowhere.* cannot be loaded"),
    "no such interpreter": (["{two}", "--interpreter", "nope"], "'biome-gradient-shap'"),
    "interpreter by its class": (
        ["{two}", "--interpreter", "IntegratedGradients"],
        "did you mean 'biome-integrated-gradient'",
    ),
    "interpreter in another spelling": (
        ["{two}", "--interpreter", "gradient_shap"],
        "did you mean 'biome-gradient-shap'",
    ),
    "text as input": (["A dull film."], "INPUT is the path of a file, or - for standard input"),
    "tolerance in percent": (
        ["{two}", "--tolerance", "1%"],
        "must be a number between 0 and 1, such as 0.01",
    ),
    "device by its name": (["{two}", "--cuda-device", "cuda:0"], "must be the index of a GPU"),
    "no signed scores": (["{two}", "--interpreter", "simple-gradient"], "gives no signed scores"),
    "broken JSON": (["{two}", "--interpreter", "{"], "is not valid Jsonnet"),
    "no type": (["{two}", "--interpreter", "{}"], "'type'"),
    "unknown option": (
        ["{two}", "--interpreter", '{"type": "biome-gradient-shap", "n_stps": 3}'],
        "no option 'n_stps'",
    ),
    "seed in quotes": (
        ["{two}", "--interpreter", '{"type": "biome-gradient-shap", "seed": "1"}'],
        "seed is '1'; it must be an integer",
    ),
    "background of 5": (
        ["{two}", "--interpreter", '{"type": "biome-gradient-shap", "background": 5}'],
        "background must be a list",
    ),
    "self": (
        ["{two}", "--interpreter", '{"type": "biome-gradient-shap", "self": 1}'],
        "no option 'self'",
    ),
    "type 5": (["{two}", "--interpreter", '{"type": 5}'], "unknown interpreter 5"),
    "type of a list": (["{two}", "--interpreter", '{"type": ["a"]}'], r"unknown interpreter \['a'"),
    "type with a zero byte": (["{two}", "--interpreter", '{"type": "\\u0000"}'], "unknown inter"),
    "type of another class": (["{two}", "--interpreter", '{"type": "os.abort"}'], "not a subclass"),
    "long name of an interpreter": (["{two}", "--interpreter", "a" * 300], "neither a file nor"),
    "no object": (["{two}", "--interpreter", "/dev/null"], "neither a file nor"),
    "package without a name": (["{two}", "--include-package", ""], "--include-package '': .*Empty"),
    "tolerance with steps": (
        ["{two}", "--interpreter", '{"type": "biome-integrated-gradient", "n_steps": 5}']
        + ["--tolerance", "0.1"],
        "exclude each other",
    ),
    "tolerance too large": (["{two}", "--tolerance", "2"], "between 0 and 1"),
    "two kinds of target": (
        ["{two}", "--target", "positive", "--target-field", "label"],
        "leave out --target",
    ),
    "field with a dataset reader": (
        ["{two}", "--use-dataset-reader", "--target-field", "label"],
        "--target gold",
    ),
    "dataset reader of standard input": (["-", "--use-dataset-reader"], "standard input"),
    "head without dataset reader": (["{two}", "--multitask-head", "a"], "--use-dataset-reader"),
    "head with another dataset reader": (
        ["{two}", "--use-dataset-reader", "--multitask-head", "a"],
        "only works with a multitask",
    ),
    "silent alone": (
        ["{two}", "--silent"],
        "--silent prints nothing: give --output-file or --html",
    ),
    "resume without output file": (["{two}", "--resume"], "--output-file"),
    "resume of standard input": (
        ["-", "--resume", "--output-file", "{out}"],
        "cannot read standard input again",
    ),
    "resume to a pipe": (
        ["{two}", "--resume", "--output-file", "/dev/null"],
        "needs an ordinary file",
    ),
    "resume and overwrite": (
        ["{two}", "--output-file", "{out}", "--resume", "--overwrite"],
        "--resume keeps what --overwrite replaces",
    ),
    "overwrite without output file": (["{two}", "--overwrite"], "requires the --output-file"),
    "output over input": (["{two}", "--output-file", "{two}"], "would overwrite the input"),
    "html over output": (["{two}", "--output-file", "{out}", "--html", "{out}"], "overwrite"),
    "no such folder": (["{two}", "--output-file", "{nowhere}/out"], "does not exist"),
    "folder": (["{two}", "--output-file", "{folder}"], "is a folder"),
    "compressed output": (
        ["{two}", "--output-file", "{out}.gz"],
        r"--output-file .*\.gz: nothing is compressed. Leave out .gz",
    ),
    "long name": (["{two}", "--output-file", "x" * 300], "xxx: File name too long"),
    "long name of html": (["{two}", "--html", "x" * 300], "xxx: File name too long"),
    "html of a pipe": (["{two}", "--output-file", "/dev/null", "--html", "{out}"], "--html"),
    "batch size": (["{two}", "--batch-size", "0"], "must be a positive integer"),
    "target index": (["{two}", "--target-index", "-1"], "must be a non-negative integer"),
    "granularity": (["{two}", "--granularity", "letter"], "invalid choice"),
    "predictor": (["{two}", "--predictor", "nope"], "predictor cannot be made.*nope"),
    "predictor's arguments": (["{two}", "--predictor-args", "[]"], "must be a JSON object"),
    "overrides": (["{two}", "-o", "{"], "--overrides must be an object in JSON.*end of file"),
    "overrides that are a list": (["{two}", "-o", "[1]"], "Jsonnet.*: it is not an object"),
    "weights": (["{two}", "--weights-file", "{nowhere}"], "cannot be loaded"),
    "device": (["{two}", "--cuda-device", "77"], "--cuda-device is 77, but .*GPU.* -1 is the CPU"),
    "device below the CPU": (["{two}", "--cuda-device", "-2"], "--cuda-device is -2"),
    "model of spaCy": (
        ["{two}", "--predictor", "sentence_tagger"]
        + ["--predictor-args", '{"language": "no_such_model"}'],
        "needs the model 'no_such_model' of spaCy, which is not installed.*download no_such_model"
        '.*--predictor-args \'{"language"',
    ),
    "input is a model": ([str(ARCHIVE)], r"INPUT .*model.tar.gz is a model; it must be a file of"),
    "plain field of a table": (
        ["{two}", "--input-format", "csv", "--field", "review"],
        "--field review names no column: give --field review=COLUMN",
    ),
    "column of plain text": (
        ["{two}", "--input-format", "txt", "--field", "a=b"],
        "--field of a plain text names .* --field KEY",
    ),
    "field without a key": (["{two}", "--field", "=b"], "must be KEY or KEY=NAME"),
    "field with a dataset reader's input": (
        ["{two}", "--use-dataset-reader", "--field", "a=b"],
        "leave out --input-format and --field",
    ),
    "gold field with a dataset reader": (
        ["{two}", "--use-dataset-reader", "--gold-field", "label"],
        "leave out --gold-field",
    ),
    "format": (["{two}", "--input-format", "xlsx"], "invalid choice: 'xlsx'"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_arguments_get_one_line_and_status_2(
    command: CommandLine, two: Path, out: Path, tmp_path: Path, wrong: str
) -> None:
    given, message = WRONG[wrong]
    names = {"two": two, "out": out, "nowhere": tmp_path / "nowhere", "folder": tmp_path}
    if given is None:
        done = command("interpret", tmp_path / "nowhere.tar.gz", two)
    else:
        filled = [
            re.sub(r"\{(two|out|nowhere|folder)\}", lambda m: str(names[m.group(1)]), argument)
            for argument in given
        ]
        done = command.interpret(*filled)
    assert done.status == 2
    last = done.err.splitlines()[-1]
    assert re.search(message, last), done.err
    assert last.startswith("biome-interpret interpret: error: ")
    assert "Traceback" not in done.err
    assert not out.exists()


def test_a_missing_input_is_named_once(command: CommandLine) -> None:
    done = command("interpret", ARCHIVE)
    assert done.status == 2
    assert done.err.endswith("the following arguments are required: INPUT\n")


def test_the_choices_are_those_of_the_modules() -> None:
    assert arguments.FORMATS == tuple(text_files.FORMATS)
    assert arguments.GRANULARITIES == tuple(segments.GRANULARITIES)


def test_swapped_arguments_are_named(command: CommandLine, two: Path) -> None:
    done = command("interpret", two, ARCHIVE)
    assert done.status == 2
    assert f"ARCHIVE and INPUT are swapped: give {ARCHIVE} first, and then {two}" in done.err


def test_an_archive_that_is_something_else_is_named(
    command: CommandLine, two: Path, tmp_path: Path
) -> None:
    for archive in (two, tmp_path):
        done = command("interpret", archive, two)
        assert done.status == 2
        assert f"ARCHIVE {archive} is not a model: give a model.tar.gz" in done.err
