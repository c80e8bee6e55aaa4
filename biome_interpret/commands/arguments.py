"""The arguments of `interpret`: those of `allennlp predict`, and its own."""

import argparse
import os
from pathlib import Path

from biome_interpret.commands import ray_arguments, values

# The modules that define them take seconds to import. A test compares them.
FORMATS = ("jsonl", "csv", "tsv", "txt")
GRANULARITIES = ("all_tokens", "token", "word", "sentence")

USAGE = "%(prog)s ARCHIVE INPUT [INPUT ...] [options]"

DESCRIPTION = """\
Explain what a model predicts for each text: how much each token, word or
sentence speaks for or against a label. The methods are Integrated Gradients
(the default), GradientSHAP, SmoothGrad, occlusion and Shapley values. With
--output-file, each text becomes a line of JSON. Without it, the texts are
printed with their words shaded."""

EPILOG = """\
examples:
  a few texts, printed in the terminal
    %(prog)s model.tar.gz reviews.jsonl
    echo '{"sentence": "Dull."}' | %(prog)s model.tar.gz -
  a table with a column `review`, for a predictor that takes `sentence`
    %(prog)s model.tar.gz reviews.csv --field sentence=review
  a whole file, with an HTML report. After a crash, run the same command with
  --resume to continue
    %(prog)s model.tar.gz reviews.jsonl.gz \\
        --output-file explained.jsonl --html explained.html
  a corpus, by several processes. --resume continues this too
    %(prog)s model.tar.gz corpus/ more.parquet \\
        --engine ray --output-dir explained/
  two labels, with scores of words
    %(prog)s model.tar.gz reviews.jsonl \\
        --target positive --target negative --granularity word
  two methods, one of them with options
    %(prog)s model.tar.gz reviews.jsonl \\
        --interpreter biome-integrated-gradient \\
        --interpreter '{"type": "biome-gradient-shap", "n_perturbations": 20}'
  the label in the data, with instances of the model's dataset reader
    %(prog)s model.tar.gz dev.jsonl --use-dataset-reader \\
        --target gold

each line of the output:
  {"line": 1, "inputs": {...}, "interpretations": [{...}, ...]}
  {"line": 2, "error": "the reason", "inputs": {...}}
  "line" is the number of the input line. If the text's own label is known, the
  line also has a key "gold". Texts that fail do not stop the job.

exit status:
  0    all texts were interpreted
  1    some texts failed, the output could not be written, or another program
       changed the output or the input meanwhile
  2    the arguments or files cannot be used
  130  stopped by Ctrl-C (143: by `kill`)
  141  the program that reads the output has closed the pipe
"""


def add_subparser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str
) -> argparse.ArgumentParser:
    """The parser of `interpret`."""
    parser = subparsers.add_parser(
        name,
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        help="Explain what a trained model predicts for each text.",
    )
    add_arguments(parser)
    return parser


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("archive_file", metavar="ARCHIVE", help="the archived model (model.tar.gz, or its folder)")
    add(
        "input_file",
        metavar="INPUT",
        help="the path or URL of the texts, or - for standard input. Each line is a JSON object, "
        "as for `allennlp predict`. Tables (.csv, .tsv) and plain text (.txt) are read too. The "
        "file may be compressed (.gz, .bz2, .xz, .zip)",
    )
    add(
        "more_input_files",
        nargs="*",
        default=[],  # Otherwise it is named among those that are missing.
        metavar="INPUT",
        help="further files. They require --engine ray",
    )
    _add_input(parser.add_argument_group("input"))
    _add_explanation(parser.add_argument_group("explanation"))
    _add_output(parser.add_argument_group("output"))
    _add_jobs(parser.add_argument_group("long jobs"))
    ray_arguments.add_arguments(parser.add_argument_group("several processes or a cluster"))
    _add_model(parser.add_argument_group("model and predictor, as in `allennlp predict`"))


def _add_input(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--input-format",
        choices=FORMATS,
        help="jsonl: a JSON object in each line. csv, tsv: rows under a header with the names of "
        "the columns; tsv has no quotes. txt: a text in each line. Default: by the file's "
        "suffix, or jsonl",
    )
    add(
        "--field",
        action="append",
        dest="fields",
        default=[],
        type=values.renaming,
        metavar="KEY[=NAME]",
        help="take the predictor's KEY from the column or JSON key NAME, such as sentence=review. "
        "May be repeated. For plain text: the KEY of each line. Its default is sentence",
    )
    add(
        "--gold-field",
        metavar="KEY",
        help="the key in each input line that holds the text's own label. The output keeps it, and "
        "the report shows which texts are predicted wrongly. With --use-dataset-reader the reader "
        "gives the label",
    )


def _add_explanation(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--interpreter",
        action="append",
        metavar="NAME|JSON|FILE",
        help='the method: a registered name, its parameters as JSON ({"type": NAME, ...}), or a '
        "Jsonnet file that holds them. The names are biome-integrated-gradient (the default), "
        "biome-gradient-shap, biome-smooth-gradient, biome-occlusion and biome-shapley-sampling, "
        "and those of your own classes. Repeat it to compare methods",
    )
    add(
        "--target",
        action="append",
        dest="targets",
        default=[],
        metavar="LABEL",
        help="the label to explain; `gold` stands for the text's own label. Default: the predicted "
        "label. Repeat it to compare labels",
    )
    add(
        "--target-index",
        action="append",
        dest="targets",
        default=[],
        type=values.non_negative,
        metavar="N",
        help="the label to explain, by its index in the vocabulary, from 0",
    )
    add(
        "--target-field",
        metavar="KEY",
        help="the key in each input line that says what to explain: a label, an index, a list of "
        "them, or null for the predicted label",
    )
    add(
        "--output",
        metavar="NAME",
        help="the model's output that holds the logits of the label, such as tone_logits. Default: "
        "the one that agrees with the model's own label, probabilities and loss",
    )
    add(
        "--granularity",
        choices=GRANULARITIES,
        help="the units that get scores; `token` leaves out special tokens, and `word` joins what "
        "a tokenizer divided: word pieces, and parts like isn, ' and t. Default: the interpreter's "
        "own value, or all_tokens",
    )
    add(
        "--tolerance",
        type=values.share,
        metavar="SHARE",
        help="add evaluations until the estimated error is at most this share of the scores. "
        "Default: the interpreter's own value, or 0.01 for Integrated Gradients. GradientSHAP "
        "draws a fixed number of samples by default",
    )


def _add_output(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--output-file",
        metavar="FILE",
        help="write a line of JSON for each text to FILE, and do not print it. FILE.job.json "
        "holds what --resume needs. One job at a time writes to FILE",
    )
    add("--html", metavar="FILE", help="also write a self-contained HTML report")
    add("--silent", action="store_true", help="do not print the texts")


def _add_jobs(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--batch-size",
        type=values.positive,
        metavar="N",
        help="the number of input lines that are explained and written together. With 1, each "
        "line of a pipe is answered at once. A typed line always is. Default: 32, or 128 with Ray",
    )
    add(
        "--resume",
        action="store_true",
        help="continue the --output-file or --output-dir of a job that was stopped or killed. The "
        "archive, the input, the options, and the versions of this package and of PyTorch must be "
        "the same. An --output-file is then byte-identical to that of an uninterrupted run",
    )
    add(
        "--overwrite",
        action="store_true",
        help="replace an --output-file that is not empty. Without this option it is refused",
    )
    add("--fail-fast", action="store_true", help="stop at the first text that fails")
    add(
        "--file-friendly-logging",
        action="store_true",
        help="show progress on separate lines, and less often",
    )


def _add_model(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--weights-file", metavar="FILE", help="use these weights instead of the archive's")
    add(
        "--cuda-device",
        type=values.device,
        default=-1,
        metavar="ID",
        help="the GPU to use. Default: -1, the CPU",
    )
    add(
        "--threads",
        type=values.positive,
        metavar="N",
        help="how many CPU threads PyTorch uses. Default: the value of OMP_NUM_THREADS, or 1 for a "
        "small model, or one for each core. On a busy machine, 1 may be several times as fast",
    )
    add(
        "--use-dataset-reader",
        action="store_true",
        help="read INPUT with the model's dataset reader instead of the predictor",
    )
    add(
        "--dataset-reader-choice",
        choices=["train", "validation"],
        default="validation",
        help="which of the model's dataset readers. Default: validation",
    )
    add(
        "--multitask-head",
        metavar="HEAD",
        help="the head of a multitask model. --use-dataset-reader needs it",
    )
    add(
        "-o",
        "--overrides",
        default="",
        metavar="JSONNET",
        help="changes to the archive's configuration, e.g. '{\"model.dropout\": 0.1}'",
    )
    add("--predictor", metavar="NAME", help="the predictor to use. Default: the model's")
    add("--predictor-args", default="", metavar="JSON", help="arguments for the predictor")


def check(arguments: argparse.Namespace) -> None:
    """
    Raises `ConfigurationError` if arguments contradict each other, or if a file cannot be used.
    Otherwise a long job could fail at its end.
    """
    from allennlp.common.checks import ConfigurationError
    from allennlp.common.file_utils import cached_path

    ray_arguments.check(arguments)
    _check_together(arguments)
    is_local = arguments.engine == ray_arguments.LOCAL
    if is_local and not arguments.use_dataset_reader and arguments.input_file != "-":
        try:
            cached_path(arguments.input_file)
        except Exception as error:
            raise ConfigurationError(
                f"the input cannot be read: {error}. INPUT is the path of a file, or - for "
                f"standard input"
            ) from error
    for name in ("output_file", "html", "summary_file"):  # The last one is that of `evaluate`.
        given, flag = getattr(arguments, name, None), f"--{name.replace('_', '-')}"
        if given is not None:
            path = Path(given)
            if path.suffix in (".gz", ".bz2", ".xz", ".zip"):
                raise ConfigurationError(
                    f"{flag} {path}: nothing is compressed. Leave out {path.suffix}, and compress "
                    f"the file later"
                )
            if os.path.isdir(path):
                raise ConfigurationError(f"{flag} {path} is a folder")
            if not os.path.isdir(path.absolute().parent):
                raise ConfigurationError(f"{flag} {path}: the folder {path.parent} does not exist")
            try:
                path.stat()
            except FileNotFoundError:
                pass
            except OSError as error:
                raise ConfigurationError(f"{flag} {path}: {error.strerror}") from error


def _check_together(arguments: argparse.Namespace) -> None:
    from allennlp.common.checks import ConfigurationError

    reads_instances, is_piped = arguments.use_dataset_reader, arguments.input_file == "-"
    has_field, has_head = arguments.target_field is not None, arguments.multitask_head is not None
    outputs = (arguments.output_file, arguments.output_dir)
    resume, has_output = arguments.resume, any(name is not None for name in outputs)
    conflicts = {
        "--target-field names each text's target: leave out --target and --target-index": (
            has_field and arguments.targets
        ),
        "--target-field is a key of JSON lines, but --use-dataset-reader makes instances: explain "
        "their own labels with --target gold": has_field and reads_instances,
        "--use-dataset-reader needs a path, not standard input": reads_instances and is_piped,
        "--use-dataset-reader reads INPUT itself: leave out --input-format and --field": (
            reads_instances and (arguments.input_format is not None or arguments.fields)
        ),
        "--use-dataset-reader reads the labels too: leave out --gold-field": (
            reads_instances and arguments.gold_field is not None
        ),
        "--multitask-head requires --use-dataset-reader": has_head and not reads_instances,
        "--silent prints nothing: give --output-file or --html too": (
            arguments.silent and not has_output and arguments.html is None
        ),
        "--resume requires an output to continue: give --output-file": resume and not has_output,
        "--resume cannot read standard input again: put the texts in a file": resume and is_piped,
        "--resume keeps what --overwrite replaces: give one of them": (
            resume and arguments.overwrite
        ),
        "--overwrite requires the --output-file that it replaces": (
            arguments.overwrite and not has_output
        ),
    }
    for message, applies in conflicts.items():
        if applies:
            raise ConfigurationError(message)
