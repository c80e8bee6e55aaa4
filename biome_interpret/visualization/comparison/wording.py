"""The names and numbers of figures, as people read them."""

from typing import Dict, List, Optional, Tuple, Union

from biome_interpret.evaluation import HIGHER, LOWER
from biome_interpret.evaluation.studies.gathering import OTHER_WEIGHTS, Column
from biome_interpret.evaluation.studies.summary import SIGNIFICANT, Summary, Table

BEST_MARK, TIED_MARK = "*", "="
MARKS = (
    f"{BEST_MARK} the best row; {TIED_MARK} not told apart from it (adjusted p ≥ {SIGNIFICANT:g})"
)

_DIRECTIONS = {HIGHER: "↑", LOWER: "↓", "": ""}
_NAMES = {
    "comprehensiveness_deciles": "comprehensiveness, 10–100 %",
    "sufficiency_deciles": "sufficiency, 10–100 %",
    "log_odds": "log-odds",
    "deletion": "deletion AUC",
    "insertion": "insertion AUC",
    "naopc_comprehensiveness": "NAOPC, comprehensiveness",
    "naopc_sufficiency": "NAOPC, sufficiency",
    "soft_comprehensiveness": "soft comprehensiveness",
    "soft_sufficiency": "soft sufficiency",
    "tau_loo": "τ-LOO",
    "sign_violations": "sign violations",
    "infidelity_scaled": "infidelity, scaled",
    "average_precision": "average precision",
    "f1": "F1",
    "iou": "IOU",
    "randomization": "randomisation",
    "max_sensitivity": "max-sensitivity",
    "delta": "|delta| / Σ |score|",
}


def figure_name(figure: str) -> str:
    return _NAMES.get(figure, figure)


def heading(table: Table) -> str:
    """For example "comprehensiveness ↑": a larger one is better."""
    return f"{figure_name(table.figure)} {_DIRECTIONS[table.better]}".strip()


def number(value: Optional[float]) -> str:
    """With three significant digits, and a true minus sign."""
    if value is None:
        return ""
    if value == 0 or 0.001 <= abs(value) < 10_000:
        digits = 3 if abs(value) < 10 else 2 if abs(value) < 100 else 1 if abs(value) < 1000 else 0
        text = f"{value:.{digits}f}"
    else:
        text = f"{value:.1e}"
    return text.replace("-", "−")


def texts(number: int) -> str:
    return "1 text" if number == 1 else f"{number:,} texts"


def bounds(table: Table, row: str) -> str:
    """
    For example "[0.291, 0.334]"; empty for a single text. The number of texts follows if it is not
    that of the column, as for the best order, which is found for short texts only.
    """
    interval = table.cells[row].interval
    parts = []
    if interval.low is not None:
        parts.append(f"[{number(interval.low)}, {number(interval.high)}]")
    if interval.num_texts != table.num_texts:
        parts.append(texts(interval.num_texts))
    return " ".join(parts)


def mark(table: Table, row: str) -> str:
    if row == table.best:
        return BEST_MARK
    p_value = table.cells[row].p_value
    return TIED_MARK if p_value is not None and p_value >= SIGNIFICANT else ""


def failures(summary: Summary) -> List[Tuple[str, Dict[int, str]]]:
    """The errors by line, once for rows with the same ones."""
    names: Dict[str, List[str]] = {}
    for name, errors in summary.errors.items():
        names.setdefault(repr(errors), []).append(name)
    return [
        (
            "every row" if {*summary.rows} <= {*same} else ", ".join(same),
            summary.errors[same[0]],
        )
        for same in names.values()
    ]


def without_values(summary: Summary) -> List[str]:
    """The figures that have no value for any text, for example "words removed by: delete: F1"."""
    figures: Dict[str, List[str]] = {}
    for column in summary.empty:
        figures.setdefault(removal_title(column), []).append(figure_name(column.figure))
    return [f"{title}: {'; '.join(names)}" for title, names in figures.items()]


def removal_title(table: Union[Table, Column]) -> str:
    """What a group of tables has in common."""
    if not table.removal:
        return "cost of a text"
    if table.removal == OTHER_WEIGHTS:
        return "a model with other weights"
    if table.figure in ("average_precision", "f1", "iou"):
        return f"agreement with {table.removal}"
    return f"words removed by: {table.removal}"
