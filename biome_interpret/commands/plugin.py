"""`biome-interpret plugin`: the list by which AllenNLP's own command finds its plugins."""

import argparse
import os
from pathlib import Path
from typing import List

_MODULE = "biome_interpret"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--install", action="store_true", help="add the line; once is enough")
    action.add_argument("--remove", action="store_true", help="remove the line")


def plugins_file() -> Path:
    """AllenNLP's list for all folders of a user."""
    return Path.home() / ".allennlp" / "plugins"


def install() -> str:
    """Puts this package on the list; returns a message."""
    path = plugins_file()
    lines = _lines(path)
    if _is_listed(lines):
        return f"{path} already lists {_MODULE}"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, [*lines, _MODULE])
    return f"added {_MODULE} to {path}: `allennlp interpret` works everywhere now"


def remove() -> str:
    """Takes this package off the list; returns a message."""
    path = plugins_file()
    lines = _lines(path)
    if not _is_listed(lines):
        return f"{path} does not list {_MODULE}"
    _write(path, [line for line in lines if line.strip() != _MODULE])
    return f"removed {_MODULE} from {path}"


def _lines(path: Path) -> List[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def _is_listed(lines: List[str]) -> bool:
    return any(line.strip() == _MODULE for line in lines)


def _write(path: Path, lines: List[str]) -> None:
    target = Path(os.path.realpath(path))  # If the path is a link, it stays one.
    draft = target.with_name(target.name + ".part")
    draft.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    os.replace(draft, target)
