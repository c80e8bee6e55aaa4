"""The arguments of `interpret`: those of `allennlp predict`, and what is to be explained how."""

import argparse

from allennlp.common.checks import ConfigurationError

from biome_interpret.models.alignment.segments import GRANULARITIES

DESCRIPTION = """\
Explain what a model says of each text: how much each token, word or sentence
speaks for or against a label, by Integrated Gradients or GradientSHAP. Without
--output-file the texts are printed with their words shaded; with it, each
becomes a line of JSON."""

EPILOG = """\
examples:
  a few texts, in the terminal
    %(prog)s model.tar.gz reviews.jsonl
    echo '{"sentence": "Dull."}' | %(prog)s model.tar.gz -
  a whole file, with a page to look at and to send on; after a crash the same
  command with --resume goes on where it was
    %(prog)s model.tar.gz reviews.jsonl.gz \\
        --output-file explained.jsonl --html explained.html
  two labels side by side, word by word
    %(prog)s model.tar.gz reviews.jsonl \\
        --target positive --target negative --granularity word
  two methods side by side, one with options of its own
    %(prog)s model.tar.gz reviews.jsonl \\
        --interpreter biome-integrated-gradient \\
        --interpreter '{"type": "biome-gradient-shap", "n_perturbations": 20}'
  the labels that the texts came with
    %(prog)s model.tar.gz dev.jsonl --use-dataset-reader \\
        --target gold

each line of the output:
  {"line": 1, "inputs": {...}, "interpretations": [{...}, ...]}
  {"line": 2, "error": "why there are none", "inputs": {...}}
  with the number of the input's line. A text that fails does not stop the
  others.

exit status:
  0 all texts are interpreted; 1 some failed, or writing did; 2 the command
  cannot be carried out; 130 stopped by Ctrl-C, 143 by kill; 141 nobody reads
  the output any more.
"""

USAGE = "%(prog)s ARCHIVE INPUT [options]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "archive_file", metavar="ARCHIVE", help="the archived model (model.tar.gz, or its folder)"
    )
    parser.add_argument(
        "input_file",
        metavar="INPUT",
        help="path or URL of the texts: a JSON object in each line, as `allennlp predict` takes "
        "them; may be compressed (.gz, .bz2, .xz, .zip); - for standard input",
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
        'name; its parameters as JSON, {"type": NAME, ...}; or a Jsonnet file of them. May be '
        "repeated: results side by side",
    )
    group.add_argument(
        "--target",
        action="append",
        dest="targets",
        default=[],
        metavar="LABEL",
        help="the label to explain, `gold` for the text's own. Default: what the model predicts. "
        "May be repeated",
    )
    group.add_argument(
        "--target-index",
        action="append",
        dest="targets",
        default=[],
        type=_index,
        metavar="N",
        help="the same by the label's index in the vocabulary, from 0",
    )
    group.add_argument(
        "--target-field",
        metavar="KEY",
        help="the key of each input line under which its target stands: a label, an index, a list "
        "of these, or null for what the model predicts",
    )
    group.add_argument(
        "--granularity",
        choices=list(GRANULARITIES),
        help="what is scored; token leaves special ones out. Default: as the interpreter says, "
        "else all_tokens",
    )
    group.add_argument(
        "--tolerance",
        type=float,
        metavar="SHARE",
        help="look closer at each text until the estimated error is below this share of its "
        "scores. Default: as the interpreter says, else 0.01 for Integrated Gradients and none for "
        "GradientSHAP, which draws a fixed number of samples",
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--output-file",
        metavar="FILE",
        help="write a line of JSON for each text there, instead of printing it; the same job's "
        "FILE.job.json, kept beside it, is what --resume goes by",
    )
    group.add_argument(
        "--html", metavar="FILE", help="write a report too: one page that needs nothing else"
    )
    group.add_argument("--silent", action="store_true", help="print no texts")


def _add_jobs(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--batch-size",
        type=_positive,
        default=32,
        metavar="N",
        help="lines of the input that are worked on, and written, together; 1 answers each line "
        "of a pipe at once. Default: 32",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on with an --output-file that was left unfinished, however that came about; "
        "refused where the archive, the input or an option have changed since",
    )
    group.add_argument("--fail-fast", action="store_true", help="stop at the first text that fails")
    group.add_argument(
        "--file-friendly-logging",
        action="store_true",
        help="progress on separate lines, and less often",
    )


def _add_model(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--weights-file", metavar="FILE", help="weights to use in place of the archive's"
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
        help="let the model's dataset reader read INPUT, rather than the predictor its lines",
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
        help="the head of a multitask model, needed with its dataset reader",
    )
    group.add_argument(
        "-o",
        "--overrides",
        default="",
        metavar="JSONNET",
        help="changes to the archive's configuration, e.g. '{\"model.dropout\": 0.1}'",
    )
    group.add_argument("--predictor", metavar="NAME", help="in place of the model's default one")
    group.add_argument(
        "--predictor-args", default="", metavar="JSON", help="the predictor's own arguments"
    )


def check_together(arguments: argparse.Namespace) -> None:
    """
    # Raises

    `ConfigurationError`
        For arguments of which one rules out the other, or one wants another.
    """
    conflicts = [
        (
            arguments.targets and arguments.target_field is not None,
            "--target-field says each text's target: leave out --target and --target-index",
        ),
        (
            arguments.use_dataset_reader and arguments.target_field is not None,
            "--target-field is a key of JSON lines, which --use-dataset-reader does not read; "
            "--target gold explains the instances' own labels",
        ),
        (
            arguments.use_dataset_reader and arguments.input_file == "-",
            "a dataset reader cannot read standard input: give --use-dataset-reader a path",
        ),
        (
            arguments.multitask_head is not None and not arguments.use_dataset_reader,
            "--multitask-head only goes with --use-dataset-reader",
        ),
        (
            arguments.resume and arguments.output_file is None,
            "--resume goes on with an --output-file: name it",
        ),
        (
            arguments.resume and arguments.input_file == "-",
            "standard input cannot be read again, so there is no --resume: put the texts in a file",
        ),
    ]
    for is_given, message in conflicts:
        if is_given:
            raise ConfigurationError(message)


def _positive(text: str) -> int:
    return _whole_number(text, at_least=1)


def _index(text: str) -> int:
    return _whole_number(text, at_least=0)


def _whole_number(text: str, at_least: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = at_least - 1
    if value < at_least:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from {at_least} up")
    return value
