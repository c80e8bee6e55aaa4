"""`biome-interpret plugin`: edits the list of plugins that AllenNLP's own command loads."""

import argparse
from pathlib import Path

DESCRIPTION = """\
Adds biome_interpret to ~/.allennlp/plugins, AllenNLP's list of plugins, or
removes it. While it is listed, `allennlp interpret` works, and so do the
predictor and the interpreters in `allennlp predict` and in configurations.
Other plugins in the list stay."""

_MODULE = "biome_interpret"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--install", action="store_true", help="add the plugin; once is enough")
    action.add_argument("--remove", action="store_true", help="remove the plugin")


def run(arguments: argparse.Namespace) -> None:
    from biome_interpret.commands.jobs.sinks import WriteError

    path = Path.home() / ".allennlp" / "plugins"
    try:
        print(_change(path, arguments.install))
    except OSError as error:
        raise WriteError(str(path), error) from error


def _change(path: Path, install: bool) -> str:
    """Adds this package to the list, or removes it. Returns a message."""
    from biome_interpret.visualization.files import replacing

    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    others = [line for line in lines if line.strip() != _MODULE]
    if install == (others != lines):
        return f"{path} {'already lists' if install else 'does not list'} {_MODULE}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.writelines(f"{line}\n" for line in others + [_MODULE] * install)
    if install:
        return (
            f"added the line {_MODULE} to {path}\n"
            f"AllenNLP reads this file whenever you run it, in every folder and environment: "
            f"`allennlp interpret` works now. Other users of this machine have files of their own. "
            f"An environment without {_MODULE} logs that it cannot load the plugin, and works on. "
            f"`biome-interpret plugin --remove` undoes this"
        )
    return f"removed the line {_MODULE} from {path}; nothing else was changed"
