"""What each actor of Ray does: it loads the model once, and explains one batch after the other."""

import logging
import os
import warnings
from argparse import Namespace
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Sequence, Tuple

from allennlp.common.plugins import import_plugins
from allennlp.common.util import import_module_and_submodules
from allennlp.predictors import Predictor

from biome_interpret.commands.jobs.explaining import RecordMaker
from biome_interpret.commands.jobs.sources import Source, SourceLine
from biome_interpret.commands.jobs.text_files import Renaming, json_inputs
from biome_interpret.commands.loading import load_predictor, make_interpreters, set_threads
from biome_interpret.commands.tables import Row, gold_columns, rows_of, schema
from biome_interpret.distributed.attempts import GIVEN_UP, Watch
from biome_interpret.distributed.texts import line_of
from biome_interpret.models.labelling import TargetSpec

if TYPE_CHECKING:
    import pyarrow

# Ray Data cuts a block of more than 128 MB. A text's rows must stay in one file, or a job that is
# resumed would lose some of them. So larger batches are handed over text by text.
_LARGE_BATCH = 16 * 1024 * 1024

_NO_LINE = "the text has no line of JSON"


@dataclass(frozen=True)
class Explanation:
    """
    Everything that an actor needs.

    # Parameters

    model : `Dict[str, Any]`
        The arguments of the command that name the model and its predictor.
    interpreters : `List[Dict[str, Any]]`
        The parameters of each interpreter.
    renamings : `Sequence[Renaming]`
        The keys of the predictor's input that have another name in the texts.
    threads : `int`, optional
        The number of CPU threads of each actor.
    folder : `str`
        The folder that relative paths start from, if the machine has it.
    """

    model: Dict[str, Any]
    interpreters: List[Dict[str, Any]]
    targets: List[TargetSpec] = field(default_factory=list)
    target_field: Optional[str] = None
    gold_field: Optional[str] = None
    renamings: Sequence[Renaming] = ()
    threads: Optional[int] = None
    packages: Tuple[str, ...] = ()
    json_column: Optional[str] = None
    folder: str = field(default_factory=os.getcwd)

    def record_maker(self) -> RecordMaker:
        """Raises `ConfigurationError` if the model or an interpreter cannot be made."""
        predictor = load_predictor(Namespace(**self.model))
        set_threads(predictor._model, self.threads)
        interpreters = make_interpreters(self.interpreters, predictor)
        source = BatchSource(predictor, self.renamings)
        return RecordMaker(source, interpreters, self.targets, self.target_field, self.gold_field)


class BatchSource(Source):
    """The texts of a batch. Their numbers are their places in it."""

    def __init__(self, predictor: Predictor, renamings: Sequence[Renaming] = ()) -> None:
        super().__init__(None)
        self._predictor = predictor
        self._renamings = renamings

    def inputs(self, line: SourceLine) -> Dict[str, Any]:
        raw = line.content
        if not isinstance(raw, bytes):
            raise ValueError(_NO_LINE)
        return json_inputs(self._predictor, raw.decode("utf-8"), self._renamings)


class Interpreting:
    """The class whose instances are the actors of Ray Data's pool."""

    def __init__(self, explanation: Explanation, counter: Any = None, attempts: Any = None) -> None:
        warnings.filterwarnings("ignore")
        logging.getLogger("allennlp").setLevel(logging.ERROR)
        with suppress(OSError):
            os.chdir(explanation.folder)
        self._watch = Watch(attempts)
        with self._watch.over("loaded the model"):
            import_plugins()
            for package in explanation.packages:
                import_module_and_submodules(package)
            self._maker = explanation.record_maker()
        self._json_column = explanation.json_column
        self._counter = counter

    def __call__(self, table: "pyarrow.Table") -> "Iterator[pyarrow.Table]":
        """One row for each result of each text, in the order of the texts."""
        import pyarrow as pa

        ids = table.schema.field("id").type if "id" in table.column_names else None
        texts = self._rows_of_texts(table.to_pylist())
        if self._counter is not None:
            failed = sum(text[0].get("error") is not None for text in texts)
            self._counter.add.remote(len(texts), failed)
        whole = pa.Table.from_pylist([row for text in texts for row in text], schema(ids))
        if whole.nbytes < _LARGE_BATCH:
            yield whole
        else:
            yield from (pa.Table.from_pylist(text, whole.schema) for text in texts)

    def _rows_of_texts(self, given: List[Row]) -> List[List[Row]]:
        """The rows of each text. After a process died with these texts, each is explained alone."""
        texts = [repr(row).encode() for row in given]
        if self._watch.begins(texts):
            rows = self._explained(given)
            self._watch.end(texts)
            return rows
        if len(given) > 1:
            return [rows for row in given for rows in self._rows_of_texts([row])]
        self._watch.give_up(texts[0], f"{given[0].get('file')} line {given[0].get('line')}")
        return self._explained(given, GIVEN_UP)

    def _explained(self, given: List[Row], given_up: Optional[str] = None) -> List[List[Row]]:
        lines = [self._line(row) for row in given]
        # What could not be read has an error already.
        batch = [SourceLine(i, line) for i, line in enumerate(lines) if line is not None]
        batch = [] if given_up else batch
        records = {record.line: record for record in self._maker.records(batch)}
        texts = []
        for i, (row, line) in enumerate(zip(given, lines)):
            shared = _shared(row)
            shared["input"] = None if line is None else line.decode("utf-8", "replace").rstrip("\n")
            record = records.get(i)
            if record is None:
                texts.append(rows_of(shared, (), given_up or row.get("error") or _NO_LINE))
            else:
                shared.update(gold_columns(record.gold))
                texts.append(rows_of(shared, record.interpretations, record.error))
        return texts

    def _line(self, row: Row) -> Optional[bytes]:
        line: Any = row[self._json_column] if self._json_column else line_of(row)
        encoded: Optional[bytes] = line.encode("utf-8") if isinstance(line, str) else line
        return encoded


def _shared(row: Row) -> Row:
    """Columns of the user may have these names. They are kept if their type is that of ours."""
    kinds = {"file": str, "line": int}
    found = {name: row.get(name) for name in ("id", *kinds)}
    for name, kind in kinds.items():
        if not isinstance(found[name], kind):
            found[name] = None
    return found
