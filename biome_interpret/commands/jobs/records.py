"""
The lines of an `--output-file`. Each is a JSON object with the number of the text's input line, and
with either its interpretations or an error.
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

from biome_interpret.commands.jobs.messages import say
from biome_interpret.errors import InterpretationError, reason_of
from biome_interpret.interpretation import Interpretation

# The beginning of a record. It is all that `Written.read` parses, which is fast for long files.
_BEGINNING = re.compile(rb'\{"line": (\d+), "(error|inputs|gold|interpretations)": ')
# `json` raises these for a value that JSON cannot hold, or that is nested too deeply.
_NOT_JSON = (TypeError, ValueError, RecursionError)
# The largest number of failed lines that a summary names.
_NUM_FAILED_LINES = 5


class Record(NamedTuple):
    """
    line : the text's line in the input, from 1; with a dataset reader, its instance's number.
    interpretations : one for each interpreter, labelled instance and target.
    error : the reason for their absence, if the text failed.
    json : the line of the output, with its line break.
    gold : the text's own label, as in the line.
    """

    line: int
    interpretations: Sequence[Interpretation]
    error: Optional[str]
    json: bytes
    gold: Any = None


def make_record(
    line: int,
    inputs: Any,
    interpretations: Sequence[Interpretation] = (),
    error: Optional[str] = None,
    gold: Any = None,
) -> Record:
    """
    A record with its JSON. JSON cannot hold NaN and infinity: in interpretations they become an
    error, in `inputs` they become `null`. `gold` is the text's own label; a label of another kind
    than a string, a number or a list of these is left out.
    """
    # `_BEGINNING` relies on this order.
    value: Dict[str, Any] = {"line": line}
    if error is not None:
        value["error"] = error
    if isinstance(inputs, dict):
        value["inputs"] = inputs
    if _is_gold(gold):
        value["gold"] = gold
    if error is None:
        value["interpretations"] = [one.to_json() for one in interpretations]
    try:
        return Record(line, interpretations, error, _dump(value), value.get("gold"))
    except _NOT_JSON:
        if not _is_json(value.get("interpretations")):
            error = reason_of(InterpretationError("the model's numbers are not finite"))
            interpretations = ()
    try:
        inputs = _finite(inputs)
    except RecursionError:
        inputs = None
    kept = inputs if _is_json(inputs) else None
    return make_record(line, kept, interpretations, error, gold)


def _is_gold(gold: Any) -> bool:
    if isinstance(gold, list):
        return all(_is_gold(one) and not isinstance(one, list) for one in gold)
    return isinstance(gold, (str, int)) or (isinstance(gold, float) and math.isfinite(gold))


def _finite(value: Any) -> Any:
    """The value with `None` for NaN and infinity."""
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
    # `json` writes ASCII, which is the same in every locale.
    return json.dumps(value, allow_nan=False).encode("ascii") + b"\n"


class Written(NamedTuple):
    """
    Counts the records of a file.

    last_line : the input line of the last record; 0 if there is none.
    good, failed : the numbers of texts that were interpreted, and that failed.
    failed_lines : the input lines of the first failed texts.
    size : the size of the complete records, in bytes.
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
        """The counts with one more record."""
        lines = self.failed_lines
        if is_error:
            lines = (*lines, line)[:_NUM_FAILED_LINES]
        good, failed = self.good + (not is_error), self.failed + is_error
        return Written(line, good, failed, lines, self.size + size)

    @classmethod
    def read(cls, path: Path) -> "Written":
        """
        Counts the records of a file. A last line that is cut short is skipped. Raises
        `ConfigurationError` if a line is not a record, or if the records are not in order.
        """
        written = cls()
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if not raw.endswith(b"\n"):
                    break
                beginning = _BEGINNING.match(raw)
                line = int(beginning.group(1)) if beginning else 0
                if beginning is None or line <= written.last_line:
                    raise ConfigurationError(
                        f"line {number} of {path} was not written by this command"
                    )
                written = written.plus(line, beginning.group(2) == b"error", len(raw))
        return written


def read_records(path: Union[str, Path]) -> Iterator[Union[Dict[str, Any], ValueError]]:
    """
    The record of each line of a file, which may be compressed, or the reason why there is none. A
    last line that is cut short, as a killed job leaves it, is skipped with a message. Raises
    `ConfigurationError` if the file cannot be read.
    """
    try:
        with open_compressed(path, "rb", encoding=None) as file:
            for raw in file:
                record = _parsed(raw)
                if raw.endswith(b"\n") or not isinstance(record, ValueError):
                    yield record
                else:
                    say(f"the last line of {path} is cut short and is left out")
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def _parsed(raw: bytes) -> Union[Dict[str, Any], ValueError]:
    try:
        record = json.loads(raw.decode("utf-8"))
    except ValueError as error:
        return ValueError(f"it is not JSON ({reason_of(error)})")
    except RecursionError:
        return ValueError("it is nested too deeply")
    return record if isinstance(record, dict) else ValueError("it is not a JSON object")
