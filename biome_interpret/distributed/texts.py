"""Reads files of JSON lines and Parquet files. Each text has an id: its file and line."""

import io
import json
import lzma
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, NamedTuple, Sequence

from allennlp.common.checks import ConfigurationError

from biome_interpret.commands.places import files_in, full_name, place
from biome_interpret.errors import reason_of, shown

if TYPE_CHECKING:
    import pyarrow

# The column with a text's line of JSON, as bytes: it may be broken.
JSON = "json"
# In a folder, the names of files that are read. What is compressed is decompressed.
_PARQUET = ".parquet"
_SUFFIXES = tuple(
    kind + packed
    for kind in (".jsonl", ".ndjson", ".json")
    for packed in ("", ".gz", ".bz2", ".zst", ".lz4", ".xz")
) + (_PARQUET,)
# The local engine reads these too.
_TABLES = (".csv", ".tsv")
# The number of texts that are handed over together.
_LINES_READ = 1024

Row = Dict[str, Any]


class TextFile(NamedTuple):
    """
    name : a path or URL.
    state : its size and the time of its last change, where they are known.
    """

    name: str
    size: int
    state: str


def text_files(names: Sequence[str]) -> List[TextFile]:
    """
    The files of these names. Of a folder those that end like JSON lines or Parquet, at any depth.
    Raises `ConfigurationError` if a name gives none, or if a file is named twice.
    """
    found: Dict[str, TextFile] = {}
    for name in names:
        inside = _files_of(full_name(name))
        if not inside:
            raise ConfigurationError(
                f"the input {name} does not exist, or is a folder without files that end in "
                f".jsonl, .ndjson, .json (or one of these with .gz, .bz2, .zst, .lz4 or .xz) or "
                f".parquet"
            )
        for file in inside:
            if file.name in found:
                raise ConfigurationError(f"the input {file.name} is named twice: leave one out")
            if file.name.endswith(".zip"):
                raise ConfigurationError(f"the input {file.name}: unpack it first, or use .gz")
            if file.name.endswith(_TABLES):
                raise ConfigurationError(
                    f"the input {file.name} is a table, and --engine ray reads JSON lines and "
                    f"Parquet: change it into one of these, or leave out --engine ray"
                )
            found[file.name] = file
    return [*found.values()]


def _files_of(name: str) -> List[TextFile]:
    folder = place(name).path
    files = []
    for info in files_in(name):
        inner = info.path[len(folder) :].lstrip("/")
        is_hidden = any(part.startswith((".", "_")) for part in inner.split("/"))
        if inner and (is_hidden or not inner.endswith(_SUFFIXES)):
            continue
        its_name = f"{name.rstrip('/')}/{inner}" if inner else name
        files.append(TextFile(its_name, info.size or 0, f"{info.size} {info.mtime_ns}"))
    return files


def tables_of(name: str) -> "Iterator[pyarrow.Table]":
    """The texts of a file. If it cannot be read to its end, the last row says so."""
    import pyarrow as pa

    schema = pa.schema(
        [("id", pa.string()), ("file", pa.string()), ("line", pa.int64()), (JSON, pa.binary())]
        + [("error", pa.string())]
    )
    rows: List[Row] = []
    for row in _rows_of(name):
        rows.append(row)
        if len(rows) == _LINES_READ:
            yield pa.Table.from_pylist(rows, schema)
            rows = []
    if rows:
        yield pa.Table.from_pylist(rows, schema)


def _rows_of(name: str) -> Iterator[Row]:
    number = 0
    try:
        lines = _parquet_lines(name) if name.endswith(_PARQUET) else _json_lines(name)
        for number, raw in enumerate(lines, start=1):
            if not raw.decode("utf-8", "replace").isspace():
                yield {"id": f"{name}:{number}", "file": name, "line": number, JSON: raw}
    except Exception as error:
        reason = f"the file cannot be read after line {number}: {reason_of(error)}"
        # Not the id of the next line, which another run may be able to read.
        yield {"id": f"{name}:{number}+", "file": name, "line": number + 1, "error": reason}


def _json_lines(name: str) -> Iterator[bytes]:
    where = place(name)
    # It decompresses by the suffix of the name.
    with where.files.open_input_stream(where.path) as stream:
        file: Any = io.BufferedReader(stream)
        if name.endswith(".xz"):
            file = lzma.open(file)
        for number, raw in enumerate(file):
            yield raw if number else raw[raw.startswith(b"\xef\xbb\xbf") * 3 :]


def _parquet_lines(name: str) -> Iterator[bytes]:
    from pyarrow import parquet

    where = place(name)
    with where.files.open_input_file(where.path) as file:
        for batch in parquet.ParquetFile(file).iter_batches(batch_size=_LINES_READ):
            for row in batch.to_pylist():
                yield line_of(row)


def line_of(row: Row) -> bytes:
    """The row as a line of JSON. What JSON does not know becomes a string; bytes are cut."""
    return json.dumps(
        row, default=lambda it: shown(it) if isinstance(it, bytes) else str(it)
    ).encode()
