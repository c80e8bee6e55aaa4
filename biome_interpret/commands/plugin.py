"""`biome-interpret plugin`: the list by which AllenNLP's own command finds its plugins."""

import argparse
import os
from pathlib import Path
from typing import List

from biome_interpret.commands.jobs.sinks import WriteError

DESCRIPTION = """\
Lists biome_interpret in ~/.allennlp/plugins. Then AllenNLP's own command finds
it: as `allennlp interpret`, and its predictor and interpreters in `allennlp
predict` and in configurations. Other plugins in the list stay."""

_MODULE = "biome_interpret"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--install", action="store_true", help="add the line; once is enough")
    action.add_argument("--remove", action="store_true", help="remove the line")


def run(arguments: argparse.Namespace) -> None:
    path = Path.home() / ".allennlp" / "plugins"
    try:
        print(_change(path, arguments.install))
    except OSError as error:
        raise WriteError(str(path), error) from error


def _change(path: Path, install: bool) -> str:
    """Adds this package to the list, or removes it; returns a message."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    others = [line for line in lines if line.strip() != _MODULE]
    is_listed = others != lines
    if install and is_listed:
        return f"{path} already lists {_MODULE}"
    if install:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, [*lines, _MODULE])
        return f"added {_MODULE} to {path}: `allennlp interpret` works everywhere now"
    if is_listed:
        _write(path, others)
        return f"removed {_MODULE} from {path}"
    return f"{path} does not list {_MODULE}"


def _write(path: Path, lines: List[str]) -> None:
    target = Path(os.path.realpath(path))  # If the path is a link, it stays one.
    draft = target.with_name(target.name + ".part")
    draft.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    os.replace(draft, target)
