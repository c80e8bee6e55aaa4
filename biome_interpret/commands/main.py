"""The command `biome-interpret`. Its `interpret` works without an entry in AllenNLP's plugins."""

import argparse
import logging
import os
import sys
import tempfile
import warnings
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence

from biome_interpret import __version__
from biome_interpret.commands import arguments as cli
from biome_interpret.commands import plugin, report
from biome_interpret.commands.evaluating import arguments as evaluating

_DESCRIPTION = "Explain which words made an AllenNLP model predict its label."


class Command(NamedTuple):
    """A command besides `interpret` and `evaluate`. `run` may return an exit status."""

    name: str
    help: str
    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Optional[int]]


# A room above this one adds its own, since it imports this module.
COMMANDS = [
    Command(
        "report",
        "Make an HTML page from an output file of `interpret`.",
        report.DESCRIPTION,
        report.add_arguments,
        report.run,
    ),
    Command(
        "plugin",
        "Add biome_interpret to AllenNLP's plugins, or remove it.",
        plugin.DESCRIPTION,
        plugin.add_arguments,
        plugin.run,
    ),
]


def main(argv: Optional[List[str]] = None, prog: str = "biome-interpret") -> None:
    """Parses the arguments and runs a command. An exit status other than 0 is a `SystemExit`."""
    run(parse(argv, prog))


def parse(argv: Optional[List[str]] = None, prog: str = "biome-interpret") -> argparse.Namespace:
    """Without importing AllenNLP. `SystemExit` if it printed help or an error."""
    parser = _parser(prog)
    arguments, rest = parser.parse_known_args(argv)
    # Once an option stands behind the first input, argparse takes no more inputs.
    if rest and "more_input_files" in arguments and not any(one[:1] == "-" for one in rest):
        arguments.more_input_files += rest
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if "func" not in arguments:
        parser.print_help()
        parser.exit()
    return arguments


def run(arguments: argparse.Namespace) -> None:
    """Runs the command that was parsed. An exit status other than 0 is a `SystemExit`."""
    from biome_interpret.commands.jobs.messages import INTERRUPTED

    _quieten()
    try:
        arguments.func(arguments)
    except KeyboardInterrupt:  # `interpret` handles it itself while it runs.
        sys.exit(INTERRUPTED)


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description=_DESCRIPTION)
    version = f"%(prog)s {__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_with_model(cli.add_subparser(commands, "interpret"), _interpret)
    _add_with_model(evaluating.add_subparser(commands, "evaluate"), _evaluate)
    for command in COMMANDS:
        subparser = commands.add_parser(
            command.name, description=command.description, help=command.help
        )
        command.add_arguments(subparser)
        subparser.set_defaults(func=partial(_run, subparser.prog, command.run))
    return parser


def _interpret(arguments: argparse.Namespace, program: str) -> int:
    from biome_interpret.commands.interpret import interpret

    return interpret(arguments, program)


def _evaluate(arguments: argparse.Namespace, program: str) -> int:
    from biome_interpret.commands.evaluating.command import evaluate

    return evaluate(arguments, program)


def _add_with_model(
    subparser: argparse.ArgumentParser, command: Callable[[argparse.Namespace, str], int]
) -> None:
    """A command that loads an archive, after the packages that register its classes."""
    subparser.add_argument(
        "--include-package",
        action="append",
        default=[],
        metavar="PACKAGE",
        help="import this package first: it registers the classes of the model. May be repeated",
    )

    def with_plugins(arguments: argparse.Namespace) -> int:
        import_packages(arguments.include_package)
        return command(arguments, subparser.prog)

    subparser.set_defaults(func=partial(_run, subparser.prog, with_plugins))


def _run(
    program: str,
    command: Callable[[argparse.Namespace], Optional[int]],
    arguments: argparse.Namespace,
) -> None:
    """Runs a command, which may return an exit status."""
    from allennlp.common.checks import ConfigurationError

    from biome_interpret.commands.jobs.messages import FAILED, WRONG_USE, say
    from biome_interpret.commands.jobs.sinks import WriteError

    try:
        status = command(arguments)
    except (ConfigurationError, WriteError) as error:
        say(f"{program}: error: {error}")
        status = WRONG_USE if isinstance(error, ConfigurationError) else FAILED
    if status:
        sys.exit(status)


def import_packages(packages: Sequence[str]) -> None:
    """
    AllenNLP's plugins, and then these packages, which register the classes of a model. Raises
    `ConfigurationError` if one cannot be imported.
    """
    from allennlp.common.checks import ConfigurationError
    from allennlp.common.util import import_module_and_submodules

    from biome_interpret.errors import reason_of

    _import_plugins()
    for package in packages:
        try:
            import_module_and_submodules(package)
        except Exception as error:
            message = f"--include-package {package!r}: {reason_of(error)}"
            raise ConfigurationError(message) from error


@lru_cache(maxsize=None)
def _import_plugins() -> None:
    """Runs once in a process: a search for plugins takes a second."""
    from allennlp.common.plugins import import_plugins

    with _lines_hidden(b"[nltk_data]"):  # A module of allennlp_models downloads on import.
        import_plugins()


@contextmanager
def _lines_hidden(prefix: bytes) -> Iterator[None]:
    """
    Holds back standard error, then writes it without the lines that have the prefix. It replaces
    the file descriptor, since nltk keeps a reference to the old `sys.stderr`.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)
            kept.seek(0)
            rest = b"".join(line for line in kept if not line.startswith(prefix))
            sys.stderr.write(rest.decode("utf-8", "replace"))


def _quieten() -> None:
    """Hides logs and warnings of the libraries. Developers see them with ALLENNLP_DEBUG=1."""
    if os.environ.get("ALLENNLP_DEBUG"):
        logging.basicConfig(level=logging.DEBUG)
        return
    logging.basicConfig(level=os.environ.get("ALLENNLP_LOG_LEVEL", "ERROR"))
    # It logs an error before it raises it, and the text's record shows the raised one.
    logging.getLogger("allennlp.data.vocabulary").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore")
