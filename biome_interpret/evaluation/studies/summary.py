"""The summary of a study: means, intervals, comparisons, and whether rankings survive."""

from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set

import numpy

from biome_interpret.evaluation import HIGHER, LOWER, METRICS
from biome_interpret.evaluation.statistics import (
    Interval,
    differences_of,
    holm,
    interval,
    kendalls_w,
    p_value,
)
from biome_interpret.evaluation.studies.gathering import COSTS, STABILITY, Column, Gathered
from biome_interpret.evaluation.studies.lines import AGREEMENTS
from biome_interpret.evaluation.studies.results import ORACLES

# A larger adjusted p-value does not tell a row from the best one.
SIGNIFICANT = 0.05


class Cell(NamedTuple):
    """
    A figure of a row.

    # Parameters

    interval : `Interval`
        The mean over texts with its 95 % interval.
    undefined : `int`
        The number of texts for which the figure has no value.
    left_out : `int`
        The number of bins that were left out.
    p_value : `float`, optional
        Of the comparison with the best row, corrected for all of these. `None` for the best row and
        for rows that are not compared.
    """

    interval: Interval
    undefined: int = 0
    left_out: int = 0
    p_value: Optional[float] = None


class Table(NamedTuple):
    """
    A figure of all rows.

    # Parameters

    removal : `str`
        How words were removed, or the key of a rationale. Empty for a cost.
    figure : `str`
    better : `str`
        `"higher"` or `"lower"`; empty if rows are not ranked by it.
    num_texts : `int`
        The number of texts that count: those for which all compared rows have a value, or any row
        if rows are not ranked.
    best : `str`, optional
        The row with the best mean.
    cells : `Dict[str, Cell]`
        By row. Rows without a value are not there.
    """

    removal: str
    figure: str
    better: str
    num_texts: int
    best: Optional[str]
    cells: Dict[str, Cell]


class Curve(NamedTuple):
    """
    The mean probability of the target after each step, over the texts of the figure's table.

    # Parameters

    removal : `str`
    figure : `str`
        `"deletion"` or `"insertion"`.
    by_row : `Dict[str, List[float]]`
    """

    removal: str
    figure: str
    by_row: Dict[str, List[float]]


class Summary(NamedTuple):
    """
    # Parameters

    rows : `Dict[str, str]`
        The note of each row.
    left_out : `Dict[str, str]`
        Rows and removals that could not be done, with the reason.
    num_texts : `int`
    errors : `Dict[str, Dict[int, str]]`
        By row and line.
    tables : `List[Table]`
    concordance : `Dict[str, Optional[float]]`
        For each figure Kendall's W of the rankings of the rows, one for each removal.
    curves : `List[Curve]`
    empty : `List[Column]`
        The columns, costs left out, that have no value for any text. They are no tables.
    """

    rows: Dict[str, str]
    left_out: Dict[str, str]
    num_texts: int
    errors: Dict[str, Dict[int, str]]
    tables: List[Table]
    concordance: Dict[str, Optional[float]]
    curves: List[Curve]
    empty: List[Column]

    def to_json(self) -> Dict[str, Any]:
        """Plain dicts and lists. Errors are only counted, since they may show the texts."""
        return {
            **self._asdict(),
            "errors": {name: len(found) for name, found in self.errors.items()},
            "tables": [_table_json(table) for table in self.tables],
            "curves": [curve._asdict() for curve in self.curves],
            "empty": [column._asdict() for column in self.empty],
        }

    def table(self, removal: str, figure: str) -> Optional[Table]:
        found = (one for one in self.tables if (one.removal, one.figure) == (removal, figure))
        return next(found, None)


def _table_json(table: Table) -> Dict[str, Any]:
    cells = {
        row: {**cell._asdict(), "interval": cell.interval._asdict()}
        for row, cell in table.cells.items()
    }
    return {**table._asdict(), "cells": cells}


def summary_of(
    gathered: Gathered,
    notes: Dict[str, str],
    left_out: Dict[str, str],
    unsigned: Sequence[str],
    seed: int,
) -> Summary:
    """
    # Parameters

    gathered : `Gathered`
    notes : `Dict[str, str]`
        Of each row.
    left_out : `Dict[str, str]`
    unsigned : `Sequence[str]`
        The rows whose scores have no signs. Figures that need signs leave them out, and also the
        oracles, whose scores are ranks.
    seed : `int`
        Of the intervals and the comparisons.
    """
    tables, empty = [], []
    for column in sorted(gathered.values, key=lambda one: _place(one, gathered)):
        # A cost may be unknown.
        has_value = _lines_with_value(gathered.values[column].values())
        if column.figure not in COSTS and not has_value:
            empty.append(column)
        needs_sign = column.figure in METRICS and METRICS[column.figure].needs_sign
        without = (*unsigned, *ORACLES) if needs_sign else ()
        table = _table(gathered, column, without, seed)
        if table is not None:
            tables.append(table)
    return Summary(
        rows={row: notes.get(row) or _note(row, gathered) for row in gathered.rows},
        left_out=left_out,
        num_texts=len(gathered.lines),
        errors=gathered.errors,
        tables=tables,
        concordance=_concordance(tables),
        curves=[_curve(gathered, column) for column in gathered.curves],
        empty=empty,
    )


def _lines_with_value(found: Iterable[Dict[int, Optional[float]]]) -> Set[int]:
    return {line for values in found for line, value in values.items() if value is not None}


def _note(row: str, gathered: Gathered) -> str:
    """Oracles have other texts than the rows above them."""
    if row not in ORACLES:
        return ""
    lines = _lines_with_value(found.get(row, {}) for found in gathered.values.values())
    number = f"{len(lines):,} of {len(gathered.lines):,} texts"
    return f"its figures are means over {number}. They are not compared with those of other rows"


def _place(column: Column, gathered: Gathered) -> Any:
    """Figures of the removals come first, then agreement, then other weights, then costs."""
    known = [*METRICS, *AGREEMENTS, *STABILITY, *COSTS]
    kinds = (METRICS, AGREEMENTS, STABILITY, COSTS)
    kind = next(i for i, names in enumerate(kinds) if column.figure in names)
    order = [*dict.fromkeys(one.removal for one in gathered.values)]
    return kind, order.index(column.removal), known.index(column.figure)


def better_of(figure: str) -> str:
    """`"higher"` or `"lower"`; empty for what is not ranked."""
    if figure in METRICS:
        return METRICS[figure].better
    return HIGHER if figure in AGREEMENTS else ""


def _table(
    gathered: Gathered, column: Column, without: Sequence[str], seed: int
) -> Optional[Table]:
    better = better_of(column.figure)
    found = gathered.values[column]
    rows = [row for row in gathered.rows if row in found and row not in without]
    rows = [row for row in rows if any(value is not None for value in found[row].values())]
    compared = [row for row in rows if row not in ORACLES]
    # Methods are compared on the same texts. A cost is that of all texts that have one.
    common = _common_lines(gathered.lines, found, compared, all if better else any)
    values = {row: [found[row].get(line) for line in common] for row in rows}
    intervals = {row: interval(values[row], seed=seed) for row in rows}
    means = {row: one.mean for row, one in intervals.items() if one is not None}
    ranked = [row for row in compared if row in means] if better else []
    if not means:
        return None
    sign = -1.0 if better == LOWER else 1.0
    best = max(ranked, key=lambda row: sign * means[row]) if ranked else None
    p_values = _against(best, {row: values[row] for row in ranked}, seed) if best else {}
    cells = {}
    for row in rows:
        its = intervals[row]
        if its is not None:
            undefined = sum(value is None for value in found[row].values())
            left_out = gathered.left_out.get(column, {}).get(row, 0)
            cells[row] = Cell(its, undefined, left_out, p_values.get(row))
    return Table(*column, better, len(common), best, cells)


def _common_lines(
    lines: Sequence[int],
    found: Mapping[str, Mapping[int, Any]],
    rows: Sequence[str],
    of_rows: Callable[[Iterable[bool]], bool],
) -> List[int]:
    """The lines for which all or any of the rows have something."""
    return [line for line in lines if of_rows(found[row].get(line) is not None for row in rows)]


def _curve(gathered: Gathered, column: Column) -> Curve:
    found = gathered.curves[column]
    compared = [row for row in found if row not in ORACLES]
    common = _common_lines(gathered.lines, found, compared, all)
    means = {}
    for row, by_line in found.items():
        curves = [by_line[line] for line in common if line in by_line]
        if curves:
            means[row] = numpy.mean(curves, axis=0).tolist()
    return Curve(*column, means)


def _against(best: str, values: Dict[str, List[Optional[float]]], seed: int) -> Dict[str, float]:
    others = [row for row in values if row != best]
    differences = [differences_of(values[best], values[row]) for row in others]
    return dict(zip(others, holm([p_value(one, seed) for one in differences])))


def _concordance(tables: Sequence[Table]) -> Dict[str, Optional[float]]:
    found: Dict[str, Optional[float]] = {}
    for figure in METRICS:
        same = [table for table in tables if table.figure == figure]
        rows = [
            row
            for row in (same[0].cells if same else ())
            if row not in ORACLES and all(row in table.cells for table in same)
        ]
        if len(same) > 1:
            means = [[table.cells[row].interval.mean for row in rows] for table in same]
            found[figure] = kendalls_w(means)
    return found
