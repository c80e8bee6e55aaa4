"""Gathers the records of a study, one text at a time, in the memory of its figures."""

import heapq
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy

from biome_interpret.evaluation.scores import rank_correlation
from biome_interpret.evaluation.studies.lines import AGREEMENTS
from biome_interpret.evaluation.studies.results import ORACLES

Record = Dict[str, Any]

# Rows that say nothing of what methods make of a text.
_NO_METHODS = ("random", *ORACLES)
# Ranks of fewer words say little.
_FEWEST_WORDS = 4
NUM_DISAGREEMENTS = 5

COSTS = ("evaluations", "seconds", "delta")
# Of a model with other weights. They are reported, not ranked.
STABILITY = ("randomization", "max_sensitivity")
OTHER_WEIGHTS = "other weights"


class Column(NamedTuple):
    """
    # Parameters

    removal : `str`
        How words were removed, or the key of a rationale; `OTHER_WEIGHTS`; empty for a cost.
    figure : `str`
    """

    removal: str
    figure: str


class Disagreement(NamedTuple):
    """
    # Parameters

    correlation : `float`
        The mean of Spearman's rank correlation over all pairs of methods with signs.
    line : `int`
    records : `List[Record]`
        Those of the methods.
    """

    correlation: float
    line: int
    records: List[Record]


@dataclass
class Gathered:
    """
    # Parameters

    signed : `Sequence[str]`
        The rows whose scores have signs.
    rows : `List[str]`
        In their order.
    lines : `List[int]`
        Of the texts.
    values : `Dict[Column, Dict[str, Dict[int, Optional[float]]]]`
        By column, row and line.
    left_out : `Dict[Column, Dict[str, int]]`
        The number of bins that hold no word.
    curves : `Dict[Column, Dict[str, Dict[int, List[float]]]]`
        By column, row and line.
    errors : `Dict[str, Dict[int, str]]`
        By row and line.
    disagreements : `List[Disagreement]`
        The texts on which methods disagree most, the worst one first.
    """

    signed: Sequence[str]
    rows: List[str] = field(default_factory=list)
    lines: List[int] = field(default_factory=list)
    values: Dict[Column, Dict[str, Dict[int, Optional[float]]]] = field(default_factory=dict)
    left_out: Dict[Column, Dict[str, int]] = field(default_factory=dict)
    curves: Dict[Column, Dict[str, Dict[int, List[float]]]] = field(default_factory=dict)
    errors: Dict[str, Dict[int, str]] = field(default_factory=dict)
    _heap: List[Tuple[float, int, Disagreement]] = field(default_factory=list)

    def add(self, records: Sequence[Record]) -> None:
        """The records of one text."""
        self.lines.append(records[0]["line"])
        for record in records:
            if record["row"] not in self.rows:
                self.rows.append(record["row"])
            self._add_one(record)
        self._add_disagreement(records)

    @property
    def disagreements(self) -> List[Disagreement]:
        return [one for _, _, one in sorted(self._heap, reverse=True)]

    def _add_one(self, record: Record) -> None:
        row, line = record["row"], record["line"]
        if "error" in record:
            self.errors.setdefault(row, {})[line] = record["error"]
        for removal, found in record.get("removals", {}).items():
            if "error" in found:
                self.errors.setdefault(f"{row}, {removal}", {})[line] = found["error"]
                continue
            for figure, value in found["figures"].items():
                column = Column(removal, figure)
                self._set(column, row, line, value)
                counts = self.left_out.setdefault(column, {})
                counts[row] = counts.get(row, 0) + found["left_out"].get(figure, 0)
            for figure, curve in found["curves"].items():
                by_row = self.curves.setdefault(Column(removal, figure), {})
                by_row.setdefault(row, {})[line] = curve
        for key, found in record.get("agreement", {}).items():
            if "error" in found:
                self.errors.setdefault(f"rationale {key}", {})[line] = found["error"]
            for measure in AGREEMENTS:
                if measure in found:
                    self._set(Column(key, measure), row, line, found[measure])
        for name in STABILITY if "stability" in record else ():
            value = record["stability"][name]
            if name == "randomization":  # The last stage, in which all layers are shuffled.
                value = value[-1] if value else None
            self._set(Column(OTHER_WEIGHTS, name), row, line, value)
        for name in COSTS if "cost" in record else ():
            self._set(Column("", name), row, line, _cost(record, name))

    def _set(self, column: Column, row: str, line: int, value: Optional[float]) -> None:
        self.values.setdefault(column, {}).setdefault(row, {})[line] = value

    def _add_disagreement(self, records: Sequence[Record]) -> None:
        compared = [
            record
            for record in records
            if record["row"] in self.signed
            and record["row"] not in _NO_METHODS
            and "scores" in record
        ]
        scores = [_all_scores(record) for record in compared]
        if len(scores) < 2 or len(scores[0]) < _FEWEST_WORDS:
            return
        found = [rank_correlation(a, b).value for a, b in combinations(scores, 2)]
        known = [value for value in found if value is not None]
        if known:
            mean, line = float(numpy.mean(known)), records[0]["line"]
            item = (-mean, -line, Disagreement(mean, line, compared))
            keep = heapq.heappush if len(self._heap) < NUM_DISAGREEMENTS else heapq.heappushpop
            keep(self._heap, item)


def _all_scores(record: Record) -> List[float]:
    return [score for scores in record["scores"].values() for score in scores]


def _cost(record: Record, name: str) -> Optional[float]:
    value: Optional[float] = record["cost"][name]
    if name != "delta" or value is None:
        return value
    total = sum(map(abs, _all_scores(record)))
    return abs(value) / total if total else None
