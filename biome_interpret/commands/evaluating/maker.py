"""Makes the records of a study's texts, and reads them again."""

import json
import re
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from allennlp.common.checks import ConfigurationError

from biome_interpret.commands.jobs.explaining import RecordMaker
from biome_interpret.commands.jobs.records import Record, Written
from biome_interpret.commands.jobs.sources import Source, SourceLine
from biome_interpret.errors import InterpretationError
from biome_interpret.evaluation.methods import Text
from biome_interpret.evaluation.studies.lines import line_of
from biome_interpret.evaluation.studies.rationales import RationaleField, marks_of
from biome_interpret.evaluation.studies.results import ORACLES, Case, Result
from biome_interpret.evaluation.studies.study import Study
from biome_interpret.models.labelling import TargetSpec

# The number of lines that show what the model allows.
_NUM_FIRST = 32

# The beginning of a line, which is all that a resumed job parses.
_BEGINNING = re.compile(rb'\{"line": (\d+), "row": ("(?:[^"\\]|\\.)*"), "(\w+)"')


@dataclass(frozen=True)
class StudyMaker:
    """
    source : the texts.
    study : what is done with them.
    target : of every text.
    rationales : the keys of people's marks.
    checker : refuses targets that the model does not know.
    """

    source: Source
    study: Study
    target: TargetSpec
    rationales: Sequence[RationaleField]
    checker: RecordMaker

    @property
    def learnt(self) -> List[Any]:
        return self.study.learnt

    def check_first_texts(self, first: List[SourceLine]) -> None:
        """They also show which rows and removals the model allows."""
        # Another --batch-size must leave out the same ones.
        first = [*islice(self.source.readable_lines(), _NUM_FIRST)]
        self.checker.refuse_unknown_targets(first)
        cases, _ = self._read(first)
        texts = self.study.prepare(cases)
        for kind, found in (("row", self.study.rows), ("removal", self.study.removals)):
            if not found:
                reasons = "; ".join(f"{name}: {why}" for name, why in self.study.left_out.items())
                raise ConfigurationError(f"no {kind} can be done ({reasons})")
        for rationale in self.rationales:
            self._refuse_without_marks(rationale, texts)

    def _refuse_without_marks(self, rationale: RationaleField, texts: Sequence[Text]) -> None:
        """Raises `ConfigurationError` if none of the first texts has marks."""
        errors = []
        for text in texts:
            try:
                marks_of(text.inputs, text.units.fields, rationale)
                return
            except InterpretationError as error:
                errors.append(str(error))
        if errors:
            raise ConfigurationError(errors[0])

    def records(self, batch: List[SourceLine]) -> List[Record]:
        """One for each text, in order. Its JSON is a line for each row."""
        cases, failed = self._read(batch)
        for results in self.study.results(cases):
            failed[results[0].line] = results
        return [self._record(failed[line.number]) for line in batch]

    def _read(self, batch: List[SourceLine]) -> Tuple[List[Case], Dict[int, List[Result]]]:
        """The texts, and the results of those that cannot be read."""
        cases: List[Case] = []
        failed: Dict[int, List[Result]] = {}
        for line in batch:
            try:
                cases.append(Case(line.number, self.source.inputs(line), self.target))
            except Exception as error:
                failed[line.number] = self.study.failed(line.number, error)
        return cases, failed

    def _record(self, results: Sequence[Result]) -> Record:
        lines = b"".join(line_of(one, self.rationales) for one in results)
        # A text counts as failed if no method has a score for it.
        errors = [one.error for one in results if one.row not in ORACLES]
        is_failed = None not in errors
        return Record(results[0].line, (), errors[0] if is_failed else None, lines)


def written_in(path: Path, rows: Sequence[str]) -> Written:
    """
    Counts the texts of a file for which all rows are there. What comes after them was cut short.
    Raises `ConfigurationError` if a line is not that of such a file.
    """
    written = Written()
    num_methods = len({*rows} - {*ORACLES})
    with path.open("rb") as file:
        current, size, errors = 0, 0, 0
        for number, raw in enumerate(file):
            if not raw.endswith(b"\n"):
                break
            row = number % len(rows)
            found = _BEGINNING.match(raw)
            line = int(found.group(1)) if found else 0
            is_next = line > written.last_line if row == 0 else line == current
            if found is None or not is_next or json.loads(found.group(2)) != rows[row]:
                raise ConfigurationError(
                    f"line {number + 1} of {path} was not written by this command"
                )
            current, size = line, size + len(raw)
            errors += found.group(3) == b"error" and rows[row] not in ORACLES
            if row == len(rows) - 1:
                written = written.plus(line, errors == num_methods, size)
                size, errors = 0, 0
    return written


def texts_in(path: Path) -> Iterator[List[Dict[str, Any]]]:
    """The records of each text."""
    with path.open("rb") as file:
        for _, records in groupby(map(json.loads, file), key=lambda record: record["line"]):
            yield list(records)
