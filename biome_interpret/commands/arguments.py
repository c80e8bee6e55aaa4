"""The arguments of `interpret`: those of `allennlp predict`, and those of an explanation."""

import argparse
from functools import partial
from pathlib import Path

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path

from biome_interpret.models.alignment.segments import GRANULARITIES

USAGE = "%(prog)s ARCHIVE INPUT [options]"

DESCRIPTION = """\
Explain what a model predicts for each text: how much each token, word or
sentence speaks for or against a label. The methods are Integrated Gradients
and GradientSHAP. With --output-file, each text becomes a line of JSON. Without
it, the texts are printed with their words shaded."""

EPILOG = """\
examples:
  a few texts, in the terminal
    %(prog)s model.tar.gz reviews.jsonl
    echo '{"sentence": "Dull."}' | %(prog)s model.tar.gz -
  a whole file, with a page to read and share; after a crash, the same command
  with --resume continues where it stopped
    %(prog)s model.tar.gz reviews.jsonl.gz \\
        --output-file explained.jsonl --html explained.html
  two labels side by side, word by word
    %(prog)s model.tar.gz reviews.jsonl \\
        --target positive --target negative --granularity word
  two methods side by side, one with its own options
    %(prog)s model.tar.gz reviews.jsonl \\
        --interpreter biome-integrated-gradient \\
        --interpreter '{"type": "biome-gradient-shap", "n_perturbations": 20}'
  the labels in the data
    %(prog)s model.tar.gz dev.jsonl --use-dataset-reader \\
        --target gold

each line of the output:
  {"line": 1, "inputs": {...}, "interpretations": [{...}, ...]}
  {"line": 2, "error": "the reason", "inputs": {...}}
  "line" is the number of the input's line. A text that fails does not stop the
  others.

exit status:
  0 all texts were interpreted; 1 some texts failed, or the output could not be
  written; 2 the command cannot be carried out; 130 stopped by Ctrl-C, 143 by
  kill; 141 the reader of the output has closed it.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "archive_file", metavar="ARCHIVE", help="the archived model (model.tar.gz, or its folder)"
    )
    parser.add_argument(
        "input_file",
        metavar="INPUT",
        help="path or URL of the texts, a JSON object in each line as for `allennlp predict`; may "
        "be compressed (.gz, .bz2, .xz, .zip); - for standard input",
    )
    _add_explanation(parser.add_argument_group("what is explained, and how"))
    _add_output(parser.add_argument_group("output"))
    _add_jobs(parser.add_argument_group("long jobs"))
    _add_model(parser.add_argument_group("model and predictor, as in `allennlp predict`"))


def _add_explanation(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--interpreter",
        action="append",
        metavar="NAME|JSON|FILE",
        help="biome-integrated-gradient (the default), biome-gradient-shap or another registered "
        'name; or its parameters as JSON, {"type": NAME, ...}; or a Jsonnet file of them. May be '
        "repeated: the results stand side by side",
    )
    group.add_argument(
        "--target",
        action="append",
        dest="targets",
        default=[],
        metavar="LABEL",
        help="the label to explain; `gold` is the text's own. Default: the predicted label. May "
        "be repeated",
    )
    group.add_argument(
        "--target-index",
        action="append",
        dest="targets",
        default=[],
        type=partial(_whole_number, at_least=0),
        metavar="N",
        help="the same, by the label's index in the vocabulary, from 0",
    )
    group.add_argument(
        "--target-field",
        metavar="KEY",
        help="the key in each input line that holds its target: a label, an index, a list of "
        "these, or null for the predicted label",
    )
    group.add_argument(
        "--granularity",
        choices=list(GRANULARITIES),
        help="what is scored; token leaves out special tokens. Default: the interpreter's own, "
        "or all_tokens",
    )
    group.add_argument(
        "--tolerance",
        type=float,
        metavar="SHARE",
        help="refine each text until its estimated error is below this share of its scores. "
        "Default: the interpreter's own, or 0.01 for Integrated Gradients and none for "
        "GradientSHAP, which draws a fixed number of samples",
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--output-file",
        metavar="FILE",
        help="write a line of JSON for each text to FILE instead of printing it. FILE.job.json "
        "beside it records what --resume needs",
    )
    group.add_argument(
        "--html", metavar="FILE", help="also write a report: one page that needs no other file"
    )
    group.add_argument("--silent", action="store_true", help="print no texts")


def _add_jobs(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--batch-size",
        type=partial(_whole_number, at_least=1),
        default=32,
        metavar="N",
        help="how many input lines are explained and written together; 1 answers each line of a "
        "pipe at once. Default: 32",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="continue an unfinished --output-file, however it was stopped; refused if the "
        "archive, the input or an option has changed",
    )
    group.add_argument("--fail-fast", action="store_true", help="stop at the first text that fails")
    group.add_argument(
        "--file-friendly-logging",
        action="store_true",
        help="show progress on separate lines, and less often",
    )


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--weights-file", metavar="FILE", help="weights to use instead of the archive's"
    )
    group.add_argument(
        "--cuda-device",
        type=int,
        default=-1,
        metavar="ID",
        help="the GPU to use. Default: -1, the CPU",
    )
    group.add_argument(
        "--use-dataset-reader",
        action="store_true",
        help="read INPUT with the model's dataset reader, not the predictor",
    )
    group.add_argument(
        "--dataset-reader-choice",
        choices=["train", "validation"],
        default="validation",
        help="which of the model's dataset readers. Default: validation",
    )
    group.add_argument(
        "--multitask-head",
        metavar="HEAD",
        help="the head of a multitask model; required with its dataset reader",
    )
    group.add_argument(
        "-o",
        "--overrides",
        default="",
        metavar="JSONNET",
        help="changes to the archive's configuration, e.g. '{\"model.dropout\": 0.1}'",
    )
    group.add_argument("--predictor", metavar="NAME", help="instead of the model's default one")
    group.add_argument(
        "--predictor-args", default="", metavar="JSON", help="the predictor's own arguments"
    )


def check(arguments: argparse.Namespace) -> None:
    """
    # Raises

    `ConfigurationError`
        If two arguments exclude each other, one requires another, or a file cannot be used. A long
        job must not fail at its end, nor overwrite its own input.
    """
    _check_together(arguments)
    if not arguments.use_dataset_reader and arguments.input_file != "-":
        try:
            cached_path(arguments.input_file)
        except Exception as error:
            raise ConfigurationError(f"the input cannot be read: {error}") from error
    taken = {"the input": arguments.input_file, "the archive": arguments.archive_file}
    for flag, given in (("--output-file", arguments.output_file), ("--html", arguments.html)):
        if given is not None:
            _check_output(flag, Path(given))
            for name, other in taken.items():
                if _is_same(Path(given), Path(other)):
                    raise ConfigurationError(f"{flag} {given} would overwrite {name}")
            taken[flag] = given


def _check_together(arguments: argparse.Namespace) -> None:
    reads_instances = arguments.use_dataset_reader
    has_field = arguments.target_field is not None
    conflicts = {
        "--target-field names each text's target: leave out --target and --target-index": (
            has_field and arguments.targets
        ),
        "--target-field is a key of JSON lines, and --use-dataset-reader reads none: use --target "
        "gold to explain the instances' own labels": has_field and reads_instances,
        "--use-dataset-reader cannot read standard input: give it a path": (
            reads_instances and arguments.input_file == "-"
        ),
        "--multitask-head requires --use-dataset-reader": (
            arguments.multitask_head is not None and not reads_instances
        ),
        "--resume requires the --output-file that it continues": (
            arguments.resume and arguments.output_file is None
        ),
        "--resume cannot read standard input again: put the texts in a file": (
            arguments.resume and arguments.input_file == "-"
        ),
    }
    for message, applies in conflicts.items():
        if applies:
            raise ConfigurationError(message)


def _check_output(flag: str, path: Path) -> None:
    if path.is_dir():
        raise ConfigurationError(f"{flag} {path} is a folder")
    if not path.absolute().parent.is_dir():
        raise ConfigurationError(f"{flag} {path}: there is no folder {path.parent}")


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):  # One of them is missing, or not a path.
        return path.absolute() == other.absolute()


def _whole_number(text: str, at_least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = at_least - 1
    if value < at_least:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from {at_least} up")
    return value
