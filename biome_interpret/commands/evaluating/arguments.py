"""The arguments of `evaluate`: those of `interpret` that it shares, and its own."""

import argparse
from functools import partial
from typing import Callable

from biome_interpret.commands import arguments as cli
from biome_interpret.commands import values

# The rows that are there without being named. A test compares them with `evaluation.methods`.
BUILT_IN = (
    "random",
    "leave-one-out",
    "simple-gradient",
    "integrated-gradient",
    "smooth-gradient",
    "captum",
    "oracle",
)
REMOVALS = ("delete", "unknown")
# Those of `evaluation.METRICS`, and whether they are default. A test compares them.
FIGURES = {
    "comprehensiveness": True,
    "sufficiency": True,
    "comprehensiveness_deciles": True,
    "sufficiency_deciles": True,
    "log_odds": True,
    "deletion": True,
    "insertion": True,
    "naopc_comprehensiveness": True,
    "naopc_sufficiency": True,
    # They take as many passes as all others together.
    "soft_comprehensiveness": False,
    "soft_sufficiency": False,
    "tau_loo": True,
    "sign_violations": True,
    "infidelity": True,
    "infidelity_scaled": True,
}

_MODEL = ["--weights-file", "--cuda-device", "--threads", "--overrides"]
_MODEL += ["--predictor", "--predictor-args"]

USAGE = "%(prog)s ARCHIVE DATA [options]"

DESCRIPTION = """\
Compare methods that explain a model: does the prediction depend on the words
that a method marks? Words are removed from the texts, and the model is asked
again. Each method is a row of a table, each figure a column. See
docs/evaluation.md for the figures, their sources and how to read them."""

EPILOG = """\
examples:
  the default methods on a hundred texts
    %(prog)s model.tar.gz reviews.jsonl --limit 100
  two methods of this package, the first also with other baselines, and a page
    %(prog)s model.tar.gz reviews.jsonl --html comparison.html \\
        --interpreter biome-integrated-gradient \\
        --interpreter '{"type": "biome-gradient-shap", "n_perturbations": 20}' \\
        --baseline unknown --baseline padding
  how well methods agree with people: `rationale` is a list of 0 and 1, one for
  each word of the text
    %(prog)s model.tar.gz dev.jsonl --field sentence=text \\
        --rationales rationale
  the same for a model of two texts
    %(prog)s model.tar.gz pairs.jsonl \\
        --rationales marks1=premise --rationales marks2=hypothesis
  a long run, which --resume continues
    %(prog)s model.tar.gz dev.jsonl \\
        --output-file evaluated.jsonl --resume

rows:
  random               random scores, the mean over --random-seeds seeds
  leave-one-out        f(x) - f(x without the word)
  simple-gradient, integrated-gradient, smooth-gradient
                       AllenNLP's own: absolute scores, without a sign
  captum-layer-integrated-gradients
                       Captum's LayerIntegratedGradients, if it is installed
  oracle-best, oracle-worst
                       the best and the worst possible order of the words,
                       for texts of at most --most-words words, and at most 12
  the rest             those of --interpreter, also with each --baseline

each line of --output-file belongs to a text and a row:
  {"line": 1, "row": "random", "words": {...}, "scores": {...},
   "removals": {"delete": {"figures": {...}, ...}, ...}, ...}
  {"line": 2, "row": "random", "error": "the reason"}
  {"line": 3, "row": "oracle-best", "skipped": "the reason", "words": {...}}

exit status:
  as for `interpret`. 1 also means that a row or a removal had to be left out
  although an option names it
"""


def add_subparser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str
) -> argparse.ArgumentParser:
    """The parser of `evaluate`."""
    parser = subparsers.add_parser(
        name,
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        help="Compare methods: which explains the model best?",
    )
    add = parser.add_argument
    add("archive_file", metavar="ARCHIVE", help="the archived model (model.tar.gz, or its folder)")
    add(
        "input_file",
        metavar="DATA",
        help="the path or URL of the texts, as for `interpret`: JSON lines, a table or plain text",
    )
    shared = argparse.ArgumentParser(add_help=False)
    cli.add_arguments(shared)
    take = partial(values.take, shared)
    take(parser.add_argument_group("input"), "--input-format", "--field")
    _add_study(parser.add_argument_group("what is compared"), take)
    _add_output(parser.add_argument_group("output and long jobs"), take)
    model = parser.add_argument_group("model and predictor, as in `allennlp predict`")
    take(model, *_MODEL)
    # The code that both commands share reads the other options of `interpret` too.
    rest = vars(shared.parse_args(["ARCHIVE", "INPUT"]))
    parser.set_defaults(**{name: rest[name] for name in rest.keys() - vars(_defaults(parser))})
    return parser


def _defaults(parser: argparse.ArgumentParser) -> argparse.Namespace:
    return parser.parse_args(["ARCHIVE", "DATA"])


def _add_study(group: argparse._ArgumentGroup, take: Callable[..., None]) -> None:
    add = group.add_argument
    take(group, "--interpreter")
    add(
        "--baseline",
        action="append",
        dest="baselines",
        default=[],
        metavar="NAME",
        help="a further baseline for each --interpreter that has one: a name such as "
        "unknown, padding, mask or mean, or a number. May be repeated",
    )
    add(
        "--leave-out",
        action="append",
        default=[],
        choices=BUILT_IN,
        metavar="ROW",
        help=f"leave out a row that is there by default: {', '.join(BUILT_IN)}. captum stands for "
        f"captum-layer-integrated-gradients, oracle for both oracle rows. May be repeated",
    )
    add(
        "--removal",
        action="append",
        dest="removals",
        metavar="HOW",
        help="how words are removed: delete leaves them out of the text; mask, unknown, padding, "
        "mean or a number is a baseline that replaces their embeddings. Give several: a ranking by "
        "only one removal proves little. A removal that does not work with the model is reported "
        f"and left out. Default: {' and '.join(REMOVALS)}",
    )
    add(
        "--figure",
        action="append",
        dest="figures",
        choices=FIGURES,
        metavar="NAME",
        help=f"a figure to compute: {', '.join(FIGURES)}. May be repeated. Default: all but those "
        f"whose names begin with soft, which take the most passes",
    )
    add(
        "--randomization",
        type=values.non_negative,
        default=0,
        metavar="N",
        help="also explain N models in which more and more layers are shuffled, from the output to "
        "the embeddings. Scores that do not change do not depend on the model. Default: 0",
    )
    add(
        "--sensitivity",
        type=values.non_negative,
        default=0,
        metavar="N",
        help="also explain N models whose embeddings have a little noise: by how much do the "
        "scores change? Default: 0",
    )
    add(
        "--most-words",
        type=values.non_negative,
        default=8,
        metavar="N",
        help="find the best and the worst order of the words, for texts of at most N words: "
        "exactly, from all 2^n subsets, up to 12 words, and by beam search beyond. The naopc "
        "figures and the oracle rows need it. 0: never. Default: 8",
    )
    take(group, "--output")
    target = group.add_mutually_exclusive_group()
    target.add_argument(
        "--target",
        action="append",
        dest="targets",
        default=[],
        metavar="LABEL",
        help="the label to explain. Default: the predicted label",
    )
    target.add_argument(
        "--target-index",
        action="append",
        dest="targets",
        type=values.non_negative,
        metavar="N",
        help="the label to explain, by its index in the vocabulary, from 0",
    )
    add(
        "--rationales",
        action="append",
        default=[],
        type=values.renaming,
        metavar="FIELD[=TEXTFIELD]",
        help="the key in each input line that holds people's marks: a list of 0 and 1, one for "
        "each word. If the model reads several texts, TEXTFIELD is the text field of the marks, "
        "such as premise. May be repeated",
    )
    add(
        "--steps",
        type=values.positive,
        default=10,
        metavar="N",
        help="the steps of the insertion and deletion curves. Default: 10",
    )
    add(
        "--seed",
        type=values.non_negative,
        default=0,
        metavar="N",
        help="the seed of everything random: scores, subsets, intervals. Default: 0",
    )
    add(
        "--random-seeds",
        type=values.positive,
        default=5,
        metavar="N",
        help="how often random scores are drawn for each text. Default: 5",
    )
    add("--limit", type=values.positive, metavar="N", help="evaluate the first N texts only")


def _add_output(group: argparse._ArgumentGroup, take: Callable[..., None]) -> None:
    add = group.add_argument
    add(
        "--output-file",
        metavar="FILE",
        help="write a line of JSON for each text and row, with all values. FILE.job.json holds "
        "what --resume needs",
    )
    add("--html", metavar="FILE", help="write a self-contained page with tables and curves")
    add(
        "--summary-file",
        metavar="FILE",
        help="write the tables and curves as JSON, without the texts",
    )
    add(
        "--batch-size",
        type=values.positive,
        default=50,
        metavar="N",
        help="the number of texts that share passes and are written together. Default: 50",
    )
    add(
        "--resume",
        action="store_true",
        help="continue the --output-file of a job that was stopped or killed. The archive, the "
        "data and the options must be the same. The file is then equal to that of an "
        "uninterrupted run, except for the seconds in it",
    )
    take(group, "--overwrite", "--fail-fast", "--file-friendly-logging")
