"""
What is written of each text: a line of JSON, which says where the text stood and either what was
found or why nothing could be.
"""

import json
import lzma
import math
import re
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import open_compressed

from biome_interpret.errors import InterpretationError
from biome_interpret.interpretation import Interpretation

# How a record begins, by which a long file of them is read without looking at all of it.
_BEGINNING = re.compile(rb'\{"line": (\d+), "(error|inputs|interpretations)": ')
_BEGINNING_LENGTH = 64
# What comes of a value that JSON has no form for, or of one that is nested too deeply.
_NO_JSON = (TypeError, ValueError, RecursionError)
# How many of the lines that failed are named.
_NAMED_LINES = 5


@dataclass(frozen=True)
class Record:
    """
    # Parameters

    line : `int`
        The text's line in the input, from 1; its number as an instance with a dataset reader.
    inputs : `Dict[str, Any]`, optional
        The JSON of that line, where it could be read as such.
    interpretations : `List[Interpretation]`
        For each interpreter, labelled instance and target.
    error : `str`, optional
        Why there are none.
    json : `bytes`
        The line that is written; `completed` makes it.
    """

    line: int
    inputs: Optional[Dict[str, Any]]
    interpretations: List[Interpretation]
    error: Optional[str] = None
    json: bytes = b""

    def to_json(self) -> Dict[str, Any]:
        """In the order on which `Written` relies."""
        found: Dict[str, Any] = {"line": self.line}
        if self.error is not None:
            found["error"] = self.error
        if self.inputs is not None:
            found["inputs"] = self.inputs
        if self.error is None:
            found["interpretations"] = [one.to_json() for one in self.interpretations]
        return found


def completed(record: Record) -> Record:
    """
    The record with the line that is written of it. JSON has no word for a number that is none: in
    the results that makes an error of it, in the inputs a `null`.
    """
    try:
        return replace(record, json=_dump(record.to_json()))
    except _NO_JSON:
        return completed(_mended(record))


def _mended(record: Record) -> Record:
    if not _is_json([one.to_json() for one in record.interpretations]):
        reason = reason_of(InterpretationError("the model's numbers are not finite"))
        record = replace(record, interpretations=[], error=reason)
    if not _is_json(record.inputs):
        record = replace(record, inputs=_finite(record.inputs))
    if not _is_json(record.inputs):  # A predictor may make anything of a line.
        record = replace(record, inputs=None)
    return record


def _is_json(value: Any) -> bool:
    try:
        _dump(value)
    except _NO_JSON:
        return False
    return True


def _dump(value: Any) -> bytes:
    """In ASCII, and so the same whatever the locale."""
    return json.dumps(value, allow_nan=False).encode("ascii") + b"\n"


def reason_of(error: BaseException, inputs: Any = None) -> str:
    """An error in one line, for people."""
    message = str(error)
    if isinstance(error, KeyError) and error.args:
        key = error.args[0]
        if isinstance(key, str) and " " in key:  # No key, but a sentence, which Python quotes.
            message = key
        elif isinstance(inputs, dict) and key not in inputs:
            has = ", ".join(repr(name) for name in inputs) or "none at all"
            message = f"{key!r} (the predictor asks for this key; the text has {has})"
    elif isinstance(error, json.JSONDecodeError) and "\n" not in error.doc.rstrip("\n"):
        # Where there is one line only, its number would be taken for that of the input's.
        message = f"{error.msg} at character {error.pos + 1}"
    message = " ".join(message.split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


@dataclass(frozen=True)
class Written:
    """
    What a file of records holds.

    last_line : the input line of the last record; 0 for none.
    good, failed : how many records there are.
    failed_lines : the input lines of the first of those that failed.
    size : of all whole records, in bytes.
    """

    last_line: int = 0
    good: int = 0
    failed: int = 0
    failed_lines: Tuple[int, ...] = ()
    size: int = 0

    @property
    def texts(self) -> int:
        return self.good + self.failed

    def plus(self, records: List[Record]) -> "Written":
        """With some more, whose size is not counted."""
        written = self
        for record in records:
            written = written._with(record.line, record.error is not None, 0)
        return written

    def _with(self, line: int, is_error: bool, size: int) -> "Written":
        lines = self.failed_lines
        if is_error and len(lines) < _NAMED_LINES:
            lines += (line,)
        return Written(
            line, self.good + (not is_error), self.failed + is_error, lines, self.size + size
        )

    @classmethod
    def read(cls, path: Path) -> "Written":
        """
        Looks through a file of records, of which the last may have been cut short.

        # Raises

        `ConfigurationError`
            If it holds something else.
        """
        written = cls()
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.endswith(b"\n"):
                    break
                beginning = _BEGINNING.match(raw[:_BEGINNING_LENGTH])
                line = int(beginning.group(1)) if beginning else 0
                if beginning is None or line <= written.last_line:
                    raise ConfigurationError(
                        f"line {number} of {path} is not what this command has written there"
                    )
                written = written._with(line, beginning.group(2) == b"error", len(raw))
        return written


def read_records(path: Union[str, Path]) -> Iterator[Dict[str, Any]]:
    """
    The records of a file (compressed or not), one by one; a last line that was cut short is left
    out.

    # Raises

    `ConfigurationError`
        If it cannot be read, or a line is no record.
    """
    try:
        with open_compressed(path, "rb", encoding=None) as file:
            for number, raw in enumerate(file, start=1):
                record = _parsed(raw)
                if record is not None:
                    yield record
                elif raw.endswith(b"\n"):
                    raise ConfigurationError(
                        f"line {number} of {path} is no record as `interpret --output-file` "
                        f"writes them"
                    )
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def _parsed(raw: bytes) -> Optional[Dict[str, Any]]:
    """A record; `None` for anything else."""
    try:
        record = json.loads(raw.decode("utf-8"))
        is_record = "line" in record and ("error" in record or "interpretations" in record)
    except (ValueError, TypeError):  # It is no JSON, or a number.
        return None
    return record if is_record else None


def _finite(value: Any) -> Any:
    """With nothing in the place of numbers that are none; or nothing at all, of what is no JSON."""
    try:
        return _with_finite_numbers(value)
    except RecursionError:
        return None


def _with_finite_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_finite_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_finite_numbers(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
