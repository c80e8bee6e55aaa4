"""Files of texts: JSON lines, tables and plain text, of a file or of standard input."""

import csv
import json
import re
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import IO, Any, Dict, Iterator, List, Optional, Sequence, Tuple, Type

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path, open_compressed
from allennlp.predictors import Predictor

from biome_interpret.commands.jobs.sources import Source, SourceLine

# A key of the predictor's input, and the key of a line or the column of a table that holds its
# value; `None` for the whole line of a plain text.
Renaming = Tuple[str, Optional[str]]

# How files begin that are no text in UTF-8.
_OTHERS = {
    b"\x1f\x8b": "is compressed by gzip",
    b"BZh": "is compressed by bzip2",
    b"\xfd7zXZ": "is compressed by xz",
    b"\x28\xb5\x2f\xfd": "is compressed by Zstandard",
    b"\x04\x22\x4d\x18": "is compressed by LZ4",
    b"PK\x03\x04": "is a .zip file or a spreadsheet",
    b"PAR1": "is a Parquet file, which --engine ray reads",
    b"\xff\xfe": "is text in UTF-16",
    b"\xfe\xff": "is text in UTF-16",
}


class TextFile(Source):
    """
    A file of texts, plain or compressed (.gz, .bz2, .xz, .zip). The name `-` is standard input.

    renamings : the keys of the predictor's input that have another name in the file.
    """

    def __init__(self, predictor: Predictor, name: str, renamings: Sequence[Renaming] = ()) -> None:
        super().__init__(None if name == "-" else Path(cached_path(name)))
        self._predictor = predictor
        self._name = name
        self._renamings = renamings
        self.is_interactive = name == "-" and sys.stdin.isatty()
        if self.path is not None and self.path.is_dir():
            raise ConfigurationError(f"{name} is a folder; the input must be a file")

    @classmethod
    def check_renamings(cls, renamings: Sequence[Renaming]) -> None:
        """Raises `ConfigurationError` if the format cannot rename in this way."""
        for key, column in renamings:
            if column is None:
                raise ConfigurationError(
                    f"--field {key} names no column: give --field {key}=COLUMN, or --field KEY "
                    f"for a plain text (--input-format txt)"
                )

    def lines(self) -> Iterator[SourceLine]:
        """Those that are not blank."""
        with self._open() as file:
            for line in (SourceLine(*pair) for pair in enumerate(file, start=1)):
                if _decoded(line, "replace").strip():
                    yield line

    def count(self) -> Optional[int]:
        return sum(1 for _ in self.readable_lines()) if self.is_repeatable else None

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        if self.path is None:
            yield sys.stdin.buffer
        elif self._name.endswith(".zip"):
            with zipfile.ZipFile(self.path) as archive:
                members = [name for name in archive.namelist() if not name.endswith("/")]
                if len(members) != 1:
                    raise ConfigurationError(
                        f"{self._name} holds {len(members)} files; it must hold one"
                    )
                with archive.open(members[0]) as file:
                    yield file
        else:
            # The given name decides on the compression: a cached download has no suffix.
            with open_compressed(self._name, "rb", encoding=None) as file:
                yield file


class JsonLines(TextFile):
    """A JSON object in each line, or what the predictor's own `load_line` reads."""

    def inputs(self, line: SourceLine) -> Dict[str, Any]:
        return json_inputs(self._predictor, _decoded(line), self._renamings)

    def refuse_another_format(self, first: List[SourceLine], total: Optional[int]) -> None:
        # One broken line shows nothing, unless there is no other.
        is_enough = len(first) > 1 or (len(first) == 1 and total == 1)
        if _reads_lines_itself(self._predictor) or self.is_interactive or not is_enough:
            return
        if any(_is_json_object(line) for line in first):
            return
        beginning = _decoded(first[0], "replace").strip()[:40]
        raise ConfigurationError(
            f"INPUT {self._name} is not JSONL. Its first line begins with {beginning!r}, and each "
            f'line must be a JSON object, such as {{"sentence": "A good film."}}. A table needs '
            f"--input-format csv or tsv, a file with a text in each line --input-format txt. JSON "
            f"that spans several lines is changed by `jq -c .`, a list of objects by `jq -c '.[]'`"
        )


class PlainLines(TextFile):
    """A text in each line. A single renaming names its key."""

    format = "txt"

    @classmethod
    def check_renamings(cls, renamings: Sequence[Renaming]) -> None:
        if len(renamings) > 1 or any(column is not None for _, column in renamings):
            raise ConfigurationError(
                "--field of a plain text names the predictor's key for each line, once: --field KEY"
            )

    def inputs(self, line: SourceLine) -> Dict[str, Any]:
        [(key, _)] = self._renamings or [("sentence", None)]
        return {key: _decoded(line).strip()}


class Table(TextFile):
    """
    Rows under a header with the names of the columns. Those are the keys of the predictor's input.
    """

    format: Optional[str] = "csv"
    # If it is not strict, a quote that is not closed joins rows without an error.
    dialect: Dict[str, Any] = {"strict": True}

    def lines(self) -> Iterator[SourceLine]:
        with self._open() as file:
            # A row that is not UTF-8, or that cannot be parsed, fails alone, in `inputs`.
            numbered = (SourceLine(*pair) for pair in enumerate(file, start=1))
            lines = (_decoded(line, "surrogateescape") for line in numbered)
            rows = csv.reader(lines, **self.dialect)
            self._columns = self._checked(next(rows, []))
            while True:
                start = rows.line_num + 1
                try:
                    row = next(rows)
                except StopIteration:
                    return
                except csv.Error as error:
                    reason = f"the row cannot be read: {error}"
                    yield SourceLine(start, _wrong_row(reason, start, rows.line_num))
                    continue
                if not any(map(str.strip, row)):
                    continue
                if len(row) == len(self._columns):
                    yield SourceLine(start, row)
                else:
                    has = "1 field" if len(row) == 1 else f"{len(row)} fields"
                    reason = f"the row has {has}, and the header has {len(self._columns)}"
                    yield SourceLine(start, _wrong_row(reason, start, rows.line_num))

    def inputs(self, line: SourceLine) -> Dict[str, Any]:
        if isinstance(line.content, Exception):
            raise line.content
        assert isinstance(line.content, list)
        if any("\udc80" <= character <= "\udcff" for character in "".join(line.content)):
            raise ValueError("the row is not UTF-8")
        return _renamed(dict(zip(self._columns, line.content)), self._renamings)

    def _checked(self, header: List[str]) -> List[str]:
        """The names of the columns. Raises `ConfigurationError` if no row can be read by them."""
        columns = [name.strip() for name in header]
        if len({*columns}) < len(columns):
            raise ConfigurationError(
                f"the header of {self._name} names a column twice: {', '.join(columns)}"
            )
        for key, column in self._renamings:
            if column not in columns:
                raise ConfigurationError(
                    f"--field {key}={column}: the table {self._name} has no column {column!r}; it "
                    f"has {', '.join(map(repr, columns))}"
                )
        return columns


class TabbedTable(Table):
    """A quote is an ordinary character."""

    format = "tsv"
    dialect = {"delimiter": "\t", "quoting": csv.QUOTE_NONE}


_FORMATS: Dict[str, Type[TextFile]] = {
    "jsonl": JsonLines,
    "csv": Table,
    "tsv": TabbedTable,
    "txt": PlainLines,
}
FORMATS = [*_FORMATS]


def text_file(
    predictor: Predictor, name: str, input_format: Optional[str], renamings: Sequence[Renaming] = ()
) -> TextFile:
    """
    The texts of a file in a format of `FORMATS`. If none is given, the suffix of the name decides,
    unless the file begins with a JSON object or the predictor reads lines in its own way.
    """
    guessed = PurePath(re.sub(r"\.(gz|bz2|xz|zip)$", "", name)).suffix.lstrip(".").lower()
    cls = _FORMATS[input_format or (guessed if guessed in _FORMATS else "jsonl")]
    source = JsonLines(predictor, name)
    first = next(source.readable_lines(), None) if source.is_repeatable else None
    if first is not None:
        _refuse_no_text(name, first)
    if input_format is None and cls is not JsonLines:
        if _reads_lines_itself(predictor) or (first is not None and _is_json_object(first)):
            cls = JsonLines
    cls.check_renamings(renamings)
    return cls(predictor, name, renamings)


def _refuse_no_text(name: str, first: SourceLine) -> None:
    assert isinstance(first.content, bytes)
    for beginning, reason in _OTHERS.items():
        if first.content.startswith(beginning):
            raise ConfigurationError(
                f"INPUT {name} {reason}. The local engine reads text in UTF-8. If it is "
                f"compressed, the name must end in .gz, .bz2, .xz or .zip"
            )


def json_inputs(
    predictor: Predictor, line: str, renamings: Sequence[Renaming] = ()
) -> Dict[str, Any]:
    """The predictor's inputs in a line of JSON. Raises `ValueError` if there are none."""
    try:
        inputs = predictor.load_line(line)
        if not isinstance(inputs, dict):
            raise ValueError(f"the line is JSON, but not an object: {json.dumps(inputs)[:40]}")
    except RecursionError as error:
        raise ValueError("the line is nested too deeply to be read") from error
    return _renamed(inputs, renamings)


def _renamed(inputs: Dict[str, Any], renamings: Sequence[Renaming]) -> Dict[str, Any]:
    for key, column in renamings:
        if column not in inputs:
            has = ", ".join(map(repr, inputs)) or "none"
            raise ValueError(f"the line has no key {column!r} for --field {key}; it has {has}")
    # All at once: two keys may change places. What a renaming replaces is left out.
    replaced = {name for renaming in renamings for name in renaming}
    found: Dict[str, Any] = {}
    for name, value in inputs.items():
        keys = [key for key, column in renamings if column == name]
        found.update(dict.fromkeys(keys if name in replaced else [name], value))
    return found


def _reads_lines_itself(predictor: Predictor) -> bool:
    return type(predictor).load_line is not Predictor.load_line


def _wrong_row(reason: str, first: int, last: int) -> ValueError:
    if last > first:
        reason += (
            f". It takes the lines {first} to {last}: a quote may not be closed, or not doubled "
            f"inside a field"
        )
    return ValueError(reason)


def _decoded(line: SourceLine, errors: str = "strict") -> str:
    assert isinstance(line.content, bytes)
    # Only the first line may begin with a byte order mark.
    return line.content.decode("utf-8-sig" if line.number == 1 else "utf-8", errors)


def _is_json_object(line: SourceLine) -> bool:
    try:
        return isinstance(json.loads(_decoded(line)), dict)
    except RecursionError:
        return True
    except ValueError:
        return False
