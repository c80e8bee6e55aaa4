"""The arguments of `serve`."""

import argparse

from biome_interpret.commands import arguments as cli
from biome_interpret.commands import values

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8765

# Options of `interpret` that hold for all archives.
_MODEL = ["--predictor", "--predictor-args", "--weights-file", "--overrides"]
_MODEL += ["--dataset-reader-choice", "--cuda-device", "--threads"]

DESCRIPTION = """\
Opens a page in the browser to type a text into. It shows what each model
predicts for the text, and how much each word speaks for or against a label.
Only this machine can open the page, unless --host and --token are given. The
command needs the extra `serve`: pip install 'biome-interpret[serve]'"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "archive_files",
        nargs="+",
        metavar="ARCHIVE",
        help="the archived models (model.tar.gz, or their folders). The page shows several side "
        "by side",
    )
    _add_page(parser.add_argument_group("page"))
    _add_server(parser.add_argument_group("server"))
    _add_model(parser.add_argument_group("models and predictors, of all archives"))


def _add_page(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--examples",
        metavar="FILE",
        help="texts to choose from, in a file that `interpret` can read. The first 500 are taken",
    )
    add("--input-format", choices=cli.FORMATS, help="of --examples, as in `interpret`")
    add(
        "--field",
        action="append",
        dest="fields",
        default=[],
        type=values.renaming,
        metavar="KEY[=NAME]",
        help="of --examples: take the predictor's KEY from the column or JSON key NAME. May be "
        "repeated",
    )
    add(
        "--gold-field",
        metavar="KEY",
        help="of --examples: the key of the text's own label. Default: label, gold_label or gold, "
        "unless the predictor reads this key",
    )
    add(
        "--interpreter",
        action="append",
        metavar="NAME|JSON|FILE",
        help="offer this method too: its name or parameters as in `interpret`. May be repeated",
    )


def _add_server(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--no-browser", action="store_true", help="print the address, but open no browser")
    add(
        "--port",
        type=values.non_negative,
        default=DEFAULT_PORT,
        metavar="N",
        help=f"the port to listen on. 0 takes a free one. Default: {DEFAULT_PORT}",
    )
    add(
        "--host",
        default=DEFAULT_HOST,
        metavar="ADDRESS",
        help="the address to listen on. One that other machines can reach requires --token. "
        f"Default: {DEFAULT_HOST}",
    )
    add(
        "--token",
        metavar="TEXT",
        help="answer only requests that have this token: 16 characters or more, of A-Z, a-z, 0-9, "
        "- and _. Other users see it in the list of processes. The variable BIOME_INTERPRET_TOKEN "
        "does the same and stays hidden from them: the browser then asks for it",
    )
    add(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="also accept this host name, such as that of a proxy in front of the server. May be "
        "repeated",
    )
    add(
        "--max-tokens",
        type=values.positive,
        default=512,
        metavar="N",
        help="refuse texts of more tokens. Default: 512",
    )
    add(
        "--max-evaluations",
        type=values.positive,
        default=20_000,
        metavar="N",
        help="refuse a request that may take more than N evaluations of a model. Default: 20000",
    )
    add(
        "--queue",
        type=values.positive,
        default=16,
        metavar="N",
        help="how many requests may wait while another is answered. Default: 16",
    )


def _add_model(group: argparse._ArgumentGroup) -> None:
    shared = argparse.ArgumentParser(add_help=False)
    cli.add_arguments(shared)
    values.take(shared, group, *_MODEL)
    group.add_argument(
        "--include-package",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="import this package first: it registers the classes of the model. May be repeated",
    )
