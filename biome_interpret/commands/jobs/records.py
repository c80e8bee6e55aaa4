"""
The lines of an `--output-file`. Each is a JSON object: the number of the text's input line, and
either its interpretations or the reason why there are none.
"""

import json
import lzma
import math
import re
import zlib
from pathlib import Path
from typing import Any, Dict, Iterator, NamedTuple, Optional, Sequence, Tuple, Union

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import open_compressed

from biome_interpret.errors import InterpretationError
from biome_interpret.interpretation import Interpretation

# The beginning of a record. `Written.read` needs no more of it, which is fast for long files.
_BEGINNING = re.compile(rb'\{"line": (\d+), "(error|inputs|interpretations)": ')
_BEGINNING_LENGTH = 64
# `json` raises these for a value that JSON cannot hold, or that is nested too deeply.
_NOT_JSON = (TypeError, ValueError, RecursionError)
# How many failed lines a summary names.
_NAMED_LINES = 5


class Record(NamedTuple):
    """
    line : the text's line in the input, from 1; with a dataset reader, its instance's number.
    interpretations : one for each interpreter, labelled instance and target.
    error : the reason why there are none.
    json : the line of the output.
    """

    line: int
    interpretations: Sequence[Interpretation]
    error: Optional[str]
    json: bytes


def make_record(
    line: int,
    inputs: Any,
    interpretations: Sequence[Interpretation] = (),
    error: Optional[str] = None,
) -> Record:
    """
    A record with its JSON. JSON cannot hold NaN and infinity: in interpretations they become an
    error, in `inputs` they become `null`. Without JSON of the inputs, `inputs` is `None`.
    """
    # `_BEGINNING` relies on this order.
    value: Dict[str, Any] = {"line": line}
    if error is not None:
        value["error"] = error
    if inputs is not None:
        value["inputs"] = inputs
    if error is None:
        value["interpretations"] = [one.to_json() for one in interpretations]
    try:
        return Record(line, interpretations, error, _dump(value))
    except _NOT_JSON:
        if not _is_json(value.get("interpretations")):
            error = reason_of(InterpretationError("the model's numbers are not finite"))
            interpretations = ()
        return make_record(line, _mended(inputs), interpretations, error)


def _mended(inputs: Any) -> Any:
    """With `None` for NaN and infinity; `None` if JSON cannot hold the inputs at all."""
    try:
        inputs = _finite(inputs)
    except RecursionError:
        return None
    return inputs if _is_json(inputs) else None


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_json(value: Any) -> bool:
    try:
        _dump(value)
    except _NOT_JSON:
        return False
    return True


def _dump(value: Any) -> bytes:
    # In ASCII, and so the same in every locale.
    return json.dumps(value, allow_nan=False).encode("ascii") + b"\n"


def reason_of(error: BaseException, inputs: Any = None) -> str:
    """An error as one line for people."""
    message = str(error)
    if isinstance(error, KeyError) and error.args:
        key = error.args[0]
        if isinstance(key, str) and " " in key:  # A sentence, which `str` puts in quotes.
            message = key
        elif isinstance(inputs, dict) and key not in inputs:
            has = ", ".join(repr(name) for name in inputs) or "none"
            message = f"{key!r} (the predictor needs this key; the text has {has})"
    elif isinstance(error, json.JSONDecodeError) and "\n" not in error.doc.rstrip("\n"):
        # Its line number, always 1, would be mistaken for that of the input.
        message = f"{error.msg} at character {error.pos + 1}"
    message = " ".join(message.split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


class Written(NamedTuple):
    """
    What a file of records holds.

    last_line : the input line of the last record; 0 if there is none.
    good, failed : the numbers of records.
    failed_lines : the input lines of the first failed records.
    size : the size of all whole records, in bytes.
    """

    last_line: int = 0
    good: int = 0
    failed: int = 0
    failed_lines: Tuple[int, ...] = ()
    size: int = 0

    @property
    def texts(self) -> int:
        return self.good + self.failed

    def plus(self, line: int, is_error: bool, size: int = 0) -> "Written":
        """With one more record."""
        lines = self.failed_lines
        if is_error and len(lines) < _NAMED_LINES:
            lines += (line,)
        return Written(
            line, self.good + (not is_error), self.failed + is_error, lines, self.size + size
        )

    @classmethod
    def read(cls, path: Path) -> "Written":
        """
        Reads a file of records. The last line may be cut short.

        # Raises

        `ConfigurationError`
            If the file holds something else.
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
                        f"line {number} of {path} was not written by this command"
                    )
                written = written.plus(line, beginning.group(2) == b"error", len(raw))
        return written


def read_records(path: Union[str, Path]) -> Iterator[Dict[str, Any]]:
    """
    The records of a file, which may be compressed. A last line that is cut short is skipped.

    # Raises

    `ConfigurationError`
        If the file cannot be read, or a line is not a record.
    """
    try:
        with open_compressed(path, "rb", encoding=None) as file:
            for number, raw in enumerate(file, start=1):
                record = _parsed(raw)
                if record is not None:
                    yield record
                elif raw.endswith(b"\n"):
                    raise ConfigurationError(
                        f"line {number} of {path} is not a record of `interpret --output-file`"
                    )
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def _parsed(raw: bytes) -> Optional[Dict[str, Any]]:
    """The record; `None` if the line holds something else."""
    try:
        record = json.loads(raw.decode("utf-8"))
        is_record = "line" in record and ("error" in record or "interpretations" in record)
    except (ValueError, TypeError):  # Not JSON, or a number.
        return None
    return record if is_record else None
