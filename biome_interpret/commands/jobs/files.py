"""Which files a command reads and which it writes. It writes none that it reads, and none twice."""

import os
import re
from argparse import Namespace
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple

from allennlp.common.checks import ConfigurationError
from allennlp.common.params import parse_overrides

from biome_interpret.models.alignment.source_text import strings_in

# It may be an ordinary file. Windows has no such path.
STANDARD_INPUT = "/dev/stdin"
# The parts of a serialization directory that make up a model.
_MODEL_FILES = ("config.json", "weights.th", "best.th", "vocabulary/*")
_IMPORT = re.compile(r"""\bimport(?:str|bin)?\s*@?(["'])(.+?)\1""")


class NamedFile(NamedTuple):
    """
    name : what the file is, for messages, such as "the input".
    """

    name: str
    path: Path


def refuse_overwriting(read: Iterable[NamedFile], written: Iterable[NamedFile]) -> None:
    """Raises `ConfigurationError` if a file to write is one to read, or another one to write."""
    taken = [*read]
    for name, path in written:
        for other, its_path in taken:
            if _is_same(path, its_path):
                raise ConfigurationError(
                    f"{name} {path} would overwrite {other}: choose another file to write"
                )
        taken.append(NamedFile(name, path))


def read_by_interpret(arguments: Namespace, configs: List[Dict[str, Any]]) -> Iterator[NamedFile]:
    """`configs` are the parameters of the interpreters."""
    given = arguments.input_file
    yield NamedFile("the input", Path(STANDARD_INPUT if given == "-" else given))
    archive = Path(arguments.archive_file)
    for path in model_files(archive) if archive.is_dir() else [archive]:
        yield NamedFile("the archive", path)
    if arguments.weights_file is not None:
        yield NamedFile("--weights-file", Path(arguments.weights_file))
    for interpreter in arguments.interpreter or []:
        for path in _jsonnet_files(interpreter):
            yield NamedFile("a file of --interpreter", path)
    for option, value in (
        ("--interpreter", configs),
        ("--predictor-args", _value(arguments.predictor_args)),
        ("--overrides", _value(arguments.overrides)),
    ):
        for named in named_files(value):
            yield NamedFile(f"a file that {option} names", Path(named))


def written_by_interpret(arguments: Namespace) -> Iterator[NamedFile]:
    if arguments.output_file is not None:
        output = Path(arguments.output_file)
        yield NamedFile("--output-file", output)
        yield NamedFile("--output-file's job file", job_file(output))
    if arguments.html is not None:
        yield NamedFile("--html", Path(arguments.html))


def job_file(output_file: Path) -> Path:
    """The file beside an output that says of which job it is."""
    return output_file.with_name(output_file.name + ".job.json")


def model_files(archive: Path) -> List[Path]:
    """The files of an archive that is a folder."""
    found = [path for pattern in _MODEL_FILES for path in sorted(archive.glob(pattern))]
    return [path for path in found if path.is_file()]


def named_files(value: Any) -> List[str]:
    """The files that strings in a JSON value name."""
    return [text for text in strings_in(value) if os.path.isfile(text)]


def _jsonnet_files(interpreter: str) -> List[Path]:
    """The files of an interpreter's parameters, with those that are imported."""
    if not os.path.isfile(interpreter):
        return [Path(name) for _, name in _IMPORT.findall(interpreter) if os.path.isfile(name)]
    found = [Path(interpreter)]
    for path in found:  # It grows by the imports of each.
        imports = _IMPORT.findall(path.read_text(encoding="utf-8", errors="replace"))
        imported = [path.parent / name for _, name in imports]
        found += [path for path in imported if path.is_file() and path not in found]
    return found


def _value(jsonnet: str) -> Any:
    try:
        return parse_overrides(jsonnet.strip())
    except (RuntimeError, ValueError):  # Loading the archive refuses it, with the reason.
        return None


def _is_same(path: Path, other: Path) -> bool:
    """Whether writing the one changes the other. A device or a pipe is never overwritten."""
    exist = os.path.exists(path), os.path.exists(other)
    if all(exist):
        return os.path.isfile(path) and os.path.samefile(path, other)
    # Of two new files it is not known whether their disk tells upper case from lower case.
    return not any(exist) and _ignoring_case(path) == _ignoring_case(other)


def _ignoring_case(path: Path) -> str:
    return os.path.realpath(path).casefold()
