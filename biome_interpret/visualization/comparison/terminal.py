"""Draws the summary of a study for the terminal."""

import io
import sys
from itertools import groupby
from typing import Iterator, List, Sequence

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from biome_interpret.evaluation.studies.summary import Summary, Table
from biome_interpret.visualization.comparison.wording import (
    MARKS,
    bounds,
    failures,
    figure_name,
    heading,
    mark,
    number,
    removal_title,
    texts,
    without_values,
)
from biome_interpret.visualization.terminal import clean, make_console

# Of a table, and of its columns. A file gets lines of the same length as a terminal.
_WIDEST, _NAME, _CELL = 140, 36, 24


def drawn(summary: Summary) -> str:
    """What standard output gets. With colours if that is a terminal."""
    # Drawn in memory first: recent versions of rich exit by themselves at a closed pipe.
    text = io.StringIO()
    console = make_console(sys.stdout, text)
    console.print(f"{texts(summary.num_texts)}. Means with 95 % intervals over texts. {MARKS}")
    for title, tables in groupby(summary.tables, key=removal_title):
        for chunk in _chunks([*tables], console):
            console.print()
            console.print(_grid(clean(title), chunk, [*summary.rows]))
            console.print(Text(_counts(chunk), style="dim"))
    for line in _remarks(summary):
        console.print(clean(line))
    return text.getvalue()


def _chunks(tables: List[Table], console: Console) -> Iterator[List[Table]]:
    """As many columns as fit side by side."""
    number_of = max(1, (min(console.width, _WIDEST) - _NAME) // _CELL)
    for start in range(0, len(tables), number_of):
        yield tables[start : start + number_of]


def _grid(title: str, tables: Sequence[Table], rows: Sequence[str]) -> Grid:
    grid = Grid(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 1))
    grid.add_column("row")
    for table in tables:
        grid.add_column(heading(table), justify="right")
    for row in rows:
        if any(row in table.cells for table in tables):
            grid.add_row(clean(row), *(_cell(table, row) for table in tables))
    return grid


def _cell(table: Table, row: str) -> Text:
    if row not in table.cells:
        return Text("–", style="dim")
    cell = table.cells[row]
    style = "bold" if row == table.best else ""
    return Text.assemble(
        (f"{number(cell.interval.mean)}{mark(table, row)}", style),
        (f" {bounds(table, row)}", "dim"),
    )


def _counts(tables: Sequence[Table]) -> str:
    """The texts that count in each column, and what was left out."""
    parts = []
    for table in tables:
        left_out = max(cell.left_out for cell in table.cells.values())
        bins = f", {left_out} bins of a row left out" if left_out else ""
        parts.append(f"{figure_name(table.figure)}: {texts(table.num_texts)}{bins}")
    return "; ".join(parts)


def _remarks(summary: Summary) -> Iterator[str]:
    known = {name: value for name, value in summary.concordance.items() if value is not None}
    if known:
        yield ""
        values = "; ".join(f"{figure_name(name)} {number(value)}" for name, value in known.items())
        yield f"Kendall's W of the rankings by removal (1: the same, 0: unrelated): {values}"
    for row, note in summary.rows.items():
        if note:
            yield f"{row}: {note}"
    for figures in without_values(summary):
        yield f"no text has a value: {figures}"
    for name, reason in summary.left_out.items():
        yield f"left out: {name} ({reason})"
    for name, errors in failures(summary):
        line, reason = next(iter(errors.items()))
        yield f"{name}: {texts(len(errors))} failed, the first in line {line}: {reason}"
