"""The table of `docs/models.md`, made of measurements."""

import re
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from tests.kinds.measure import Measurement
from tests.kinds.registry import Kind, Registry

PAGE = Path(__file__).parents[2] / "docs" / "models.md"

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
"""
_COLUMNS = (
    "Kind",
    "Model, predictor",
    "Fields",
    "Explained at",
    "Objective",
    "Completeness",
    "AllenNLP's own",
)

# Bounds far enough apart for machines to agree.
_BOUNDS = (1e-9, 1e-6, 1e-3, 1e-2, 1e-1, 1.0)


def render(registries: Sequence[Registry], measurements: Dict[str, Optional[Measurement]]) -> str:
    """`None` for a kind that is refused."""
    parts = [_HEADER]
    for registry in registries:
        parts.append(f"## {registry.title}\n\n{registry.introduction}\n")
        lines = [_line(_COLUMNS), _line(["---"] * len(_COLUMNS))]
        lines += [_row(kind, measurements[kind.name]) for kind in registry.kinds.values()]
        parts.append("\n".join(lines) + "\n")
        if registry.remarks:
            parts.append(registry.remarks + "\n")
    return "\n".join(parts)


def _row(kind: Kind, found: Optional[Measurement]) -> str:
    if found is None:
        return _line([kind.name, "", "", "", f"refused: {kind.remark}", "", ""])
    remarks = [kind.remark, kind.no_probe and f"no finite differences: {kind.no_probe}"]
    name = kind.name + "".join(f"; {remark}" for remark in remarks if remark)
    return _line(
        [
            name,
            f"`{found.model}`, `{found.predictor}`",
            ", ".join(f"`{field}`" for field in _shortened(found.fields)),
            ", ".join(f"`{_site(site)}`" for site in found.sites),
            found.objective,
            bound(found.delta),
            found.allennlps_own,
        ]
    )


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
