"""
The table of `docs/models.md`, made of measurements on both stacks. Each stack has a file of its
rows, since a machine can measure one stack only.
"""

import json
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

from tests.kinds.measure import Measurement
from tests.kinds.registry import ALLENNLPS, STACK, TODAYS, Kind, Registry

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
_FILES = {stack: Path(__file__).parent / f"rows_{stack}.json" for stack in (TODAYS, ALLENNLPS)}

_HEADER = """\
# Models that can be interpreted

Each row is measured by the tests (`tests/kinds`) on a small model with random weights, built from
its config, in float64. *Explained at* names the modules at whose embeddings the paths run, below
the model's text field embedder where they are in it.
*Completeness* bounds what the scores miss of the difference that they explain, relative to
Σ |scores|, with Integrated Gradients at as many nodes as it takes to tell. *AllenNLP's own* says
what its `IntegratedGradient` does on the same model: `right` means that it gives the very numbers
that this package gives with AllenNLP's settings (ten steps, left Riemann sum, loss). For every
row, unless it says otherwise, the gradient at the embedding was also checked by finite
differences.

Each row is measured on both stacks: today's (Python 3.11 and newer) and AllenNLP's (Python 3.8 to
3.10). Where they differ in more than completeness, the cell names both. An architecture that is not
in the transformers of AllenNLP's stack is measured on today's alone.
"""
_COLUMNS = (
    "Kind",
    "Model, predictor",
    "Fields",
    "Explained at",
    "Objective",
    "Completeness, today's stack",
    "Completeness, AllenNLP's stack",
    "AllenNLP's own",
)

# Bounds far enough apart for machines to agree.
_BOUNDS = (1e-9, 1e-6, 1e-3, 1e-2, 1e-1, 1.0)


class Row(NamedTuple):
    """What was measured of a kind on one stack, as the table shows it."""

    model: str
    fields: str
    sites: str
    objective: str
    completeness: str
    allennlps_own: str


# By kind. `None` for one that is refused.
Rows = Dict[str, Optional[Row]]


def row_of(found: Measurement) -> Row:
    return Row(
        model=f"`{found.model}`, `{found.predictor}`",
        fields=", ".join(f"`{field}`" for field in _shortened(found.fields)),
        sites=", ".join(f"`{_site(site)}`" for site in found.sites),
        objective=found.objective,
        completeness=bound(found.delta),
        allennlps_own=found.allennlps_own,
    )


def stored(stack: str = STACK) -> Rows:
    rows = json.loads(_FILES[stack].read_text(encoding="utf-8"))
    return {name: row and Row(**row) for name, row in rows.items()}


def store(rows: Rows) -> None:
    """Those of this stack."""
    lines = [
        f"{json.dumps(name)}: {json.dumps(row and row._asdict())}" for name, row in rows.items()
    ]
    _FILES[STACK].write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def render(registries: Sequence[Registry], today: Rows, allennlps: Rows) -> str:
    parts = [_HEADER]
    for registry in registries:
        parts.append(f"## {registry.title}\n\n{registry.introduction}\n")
        lines = [_line(_COLUMNS), _line(["---"] * len(_COLUMNS))]
        lines += [
            _line(_cells(kind, _row(kind, today, allennlps), _row(kind, allennlps, today)))
            for kind in registry.kinds.values()
        ]
        parts.append("\n".join(lines) + "\n")
        if registry.remarks:
            parts.append(registry.remarks + "\n")
    return "\n".join(parts)


def _row(kind: Kind, rows: Rows, others: Rows) -> Optional[Row]:
    """A kind that was measured on the other stack only is as it is there, without a number."""
    if kind.name in rows:
        return rows[kind.name]
    other = others[kind.name]
    return other and other._replace(completeness="not measured")


def _cells(kind: Kind, today: Optional[Row], allennlps: Optional[Row]) -> List[str]:
    if today is None or allennlps is None:
        return [kind.name, "", "", "", f"refused: {kind.remark}", "", "", ""]
    remarks = [kind.remark, kind.no_probe and f"no finite differences: {kind.no_probe}"]
    name = kind.name + "".join(f"; {remark}" for remark in remarks if remark)
    both = Row(*(_both(*cells) for cells in zip(today, allennlps)))
    return [
        name,
        both.model,
        both.fields,
        both.sites,
        both.objective,
        today.completeness,
        allennlps.completeness,
        both.allennlps_own,
    ]


def _both(today: str, allennlps: str) -> str:
    return today if today == allennlps else f"{today}; on AllenNLP's stack {allennlps}"


def bound(delta: float) -> str:
    return next(
        (f"< {limit:g}".replace("e-0", "e-") for limit in _BOUNDS if delta < limit), f"{delta:.0f}"
    )


def _site(name: str) -> str:
    return re.sub(r"^(_text_field_)?embedder\.token_embedder_", "", name)


def _shortened(fields: List[str]) -> List[str]:
    return fields if len(fields) <= 4 else [*fields[:2], "...", fields[-1]]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
