"""
The Parquet files of an `--output-dir`: one row for each text, labelled instance and target. A text
without a result, and one that failed, have one row too. Interactions of pairs are left out.
"""

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from allennlp.common.checks import ConfigurationError

from biome_interpret.commands.jobs.fingerprint import described_in
from biome_interpret.commands.places import place, require
from biome_interpret.errors import reason_of
from biome_interpret.interpretation import Interpretation

if TYPE_CHECKING:
    import pyarrow

Row = Dict[str, Any]

# What a folder's job depends on. Readers of Parquet leave out names that begin with _.
JOB = "_job.json"
# The number of rows that are read together.
_ROWS_READ = 1024


def schema(id_type: "Optional[pyarrow.DataType]" = None) -> "pyarrow.Schema":
    """The columns of every file. The ids may have a type of the user's own."""
    import pyarrow as pa

    names, numbers = pa.list_(pa.string()), pa.list_(pa.float64())
    return pa.schema(
        [
            ("id", id_type or pa.string()),
            ("file", pa.string()),
            ("line", pa.int64()),
            # The row's number among those of its text, from 1.
            ("result", pa.int32()),
            ("input", pa.string()),
            # The text's own label; or its labels, or the tags of all words.
            ("gold", pa.string()),
            ("gold_labels", names),
            ("error", pa.string()),
            ("method", pa.string()),
            ("target", pa.string()),
            ("target_index", pa.int32()),
            ("target_probability", pa.float64()),
            ("target_words", pa.string()),
            # One item of each for each token.
            ("field", names),
            ("tokens", names),
            ("scores", numbers),
            ("standard_error", numbers),
            ("output", pa.float64()),
            ("baseline_output", pa.float64()),
            ("delta", pa.float64()),
            ("estimated_error", pa.float64()),
            ("evaluations", pa.int64()),
            ("unassigned", pa.float64()),
            ("output_name", pa.string()),
            ("notes", names),
            ("probabilities", pa.map_(pa.string(), pa.float64())),
            # AllenNLP's name of each field, such as grad_input_1.
            ("keys", pa.map_(pa.string(), pa.string())),
        ]
    )


def rows_of(
    text: Row, interpretations: Sequence[Interpretation], error: Optional[str]
) -> List[Row]:
    """The rows of a text. `text` holds what they share: id, file, line, input and gold labels."""
    if not interpretations:
        return [_storable({**text, "result": 1, "error": error})]
    return [
        _storable({**text, "result": number, **_row(one)})
        for number, one in enumerate(interpretations, start=1)
    ]


def _storable(value: Any) -> Any:
    """JSON may have half of a character, which Parquet does not hold: its code is written out."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, (list, tuple)):
        return type(value)(map(_storable, value))
    if isinstance(value, dict):
        return {name: _storable(one) for name, one in value.items()}
    return value


def gold_columns(gold: Any) -> Row:
    """The columns for a text's own label, or for a list of labels."""
    if isinstance(gold, list):
        return {"gold_labels": [str(one) for one in gold]}
    return {} if gold is None else {"gold": str(gold)}


def _row(one: Interpretation) -> Row:
    fields = one.fields.items()
    errors = one.standard_error
    return {
        "method": one.method,
        "target": one.target.label,
        "target_index": one.target.index,
        "target_probability": one.target.probability,
        "target_words": one.target.words,
        "field": [name for name, scores in fields for _ in scores.tokens],
        "tokens": [token for _, scores in fields for token in scores.tokens],
        "scores": [score for _, scores in fields for score in scores.scores],
        "standard_error": None
        if errors is None
        else [error for name, _ in fields for error in errors[name]],
        "output": one.output,
        "baseline_output": one.baseline_output,
        "delta": one.convergence_delta,
        "estimated_error": one.estimated_error,
        "evaluations": one.n_evaluations,
        "unassigned": one.unassigned,
        "output_name": one.output_name,
        "notes": one.notes,
        "probabilities": one.probabilities and [*one.probabilities.items()],
        "keys": [(name, scores.key) for name, scores in fields],
    }


class Folder:
    """
    The files of an `--output-dir`, on a disk or at a URL. Raises `ConfigurationError` if they are
    others, or cannot be read.
    """

    def __init__(self, name: str) -> None:
        require("pyarrow")
        from pyarrow import dataset

        self._place = where = place(name)
        self._name = name
        with self._readable():
            # Names that begin with _ or . are left out.
            self._rows = dataset.dataset(where.path, filesystem=where.files, format="parquet")
        names = self._rows.schema.names
        if names and names != schema().names:
            raise ConfigurationError(
                f"{name} was not written by `interpret --output-dir`: its columns are "
                f"{', '.join(names)}"
            )
        self._is_empty = not names

    def about(self) -> Dict[str, str]:
        """What the folder says of its job, for the report; empty if it says nothing."""
        path = f"{self._place.path.rstrip('/')}/{JOB}"
        try:
            with self._place.files.open_input_stream(path) as file:
                return described_in(file.read())
        except OSError:
            return {}

    def num_texts(self) -> int:
        from pyarrow.dataset import field

        return self._count(field("result") == 1)

    def num_failed(self) -> int:
        from pyarrow.dataset import field

        return self._count(field("error").is_valid())

    def first_failed(self, limit: int) -> List[Row]:
        """The file, line and error of some texts that failed, in the order of file and line."""
        from pyarrow.dataset import field

        if self._is_empty:
            return []
        with self._readable():
            failed = self._rows.scanner(
                columns=["file", "line", "error"], filter=field("error").is_valid()
            )
            found: List[Row] = []
            for batch in failed.to_batches():
                ranked = sorted(found + batch.to_pylist(), key=_place_of)
                found = ranked[:limit]
        return found

    def has_several_files(self) -> bool:
        """Whether the texts come from several input files."""
        found: Set[Optional[str]] = set()
        for batch in self._batches(["file"]):
            found.update(batch.column("file").unique().to_pylist())
            if len(found) > 1:
                return True
        return False

    def records(self, with_place: bool = False) -> Iterator[Row]:
        """
        The record of each text, as in an `--output-file`.

        # Parameters

        with_place : `bool`, optional (default = `False`)
            Whether its number stands for its line, and `inputs` begin with its file and line.
        """
        rows = (row for batch in self._batches() for row in batch.to_pylist())
        for number, text in enumerate(_texts(rows), start=1):
            yield _record(text, number, with_place)

    def _batches(self, columns: Optional[List[str]] = None) -> "Iterator[pyarrow.RecordBatch]":
        if self._is_empty:
            return
        with self._readable():
            scanner = self._rows.scanner(
                columns=columns, batch_size=_ROWS_READ, batch_readahead=1, fragment_readahead=1
            )
            yield from scanner.to_batches()

    def _count(self, condition: Any) -> int:
        if self._is_empty:
            return 0
        with self._readable():
            return int(self._rows.count_rows(filter=condition))

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"{self._name} cannot be read: {reason_of(error)}. If its job was stopped, run it "
                f"again with --resume"
            ) from error


def _place_of(row: Row) -> Tuple[str, int]:
    return row["file"] or "", row["line"] or 0


def _texts(rows: Iterator[Row]) -> Iterator[List[Row]]:
    """The rows of each text. They stand together in one file."""
    text: List[Row] = []
    for row in rows:
        if row["result"] == 1 and text:
            yield text
            text = []
        text.append(row)
    if text:
        yield text


def _record(rows: List[Row], number: int, with_place: bool) -> Row:
    first = rows[0]
    record: Row = {"line": number if with_place or first["line"] is None else first["line"]}
    try:
        inputs = json.loads(first["input"] or "")
    except (ValueError, RecursionError):
        inputs = None
    if isinstance(inputs, dict):
        place = {"file and line": f"{first['file']}:{first['line']}"} if with_place else {}
        record["inputs"] = {**place, **inputs}
    gold = first["gold"] if first["gold_labels"] is None else first["gold_labels"]
    if gold is not None:
        record["gold"] = gold
    if first["error"] is not None:
        return {**record, "error": first["error"]}
    results = [_result(row) for row in rows if row["output"] is not None]
    return {**record, "interpretations": results}


def _result(row: Row) -> Row:
    """The JSON of an `Interpretation`."""
    errors = row["standard_error"]
    fields: Row = {name: {"tokens": [], "scores": [], "key": key} for name, key in row["keys"]}
    standard_error: Optional[Dict[str, List[float]]] = None
    if errors is not None:
        standard_error = {name: [] for name in fields}
    for position, name in enumerate(row["field"]):
        fields[name]["tokens"].append(row["tokens"][position])
        fields[name]["scores"].append(row["scores"][position])
        if standard_error is not None:
            standard_error[name].append(errors[position])
    return {
        "fields": fields,
        "target": {
            "label": row["target"],
            "index": row["target_index"],
            "probability": row["target_probability"],
            "words": row["target_words"],
        },
        "output": row["output"],
        "baseline_output": row["baseline_output"],
        "convergence_delta": row["delta"],
        "estimated_error": row["estimated_error"],
        "n_evaluations": row["evaluations"],
        "standard_error": standard_error,
        "unassigned": row["unassigned"],
        "notes": row["notes"],
        "probabilities": row["probabilities"] and dict(row["probabilities"]),
        "method": row["method"],
        "output_name": row["output_name"],
    }
