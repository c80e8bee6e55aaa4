"""The results as Markdown tables."""

from typing import Any, Dict, List, Optional

from benchmarks.bench import Part
from benchmarks.figures import Bar, Figure
from benchmarks.models import MODELS
from benchmarks.results import Results

_HEAD = "| model | figure | measured | 95 % interval | texts | goal | reached |"
_LINE = "|---|---|---|---|---|---|---|"


def markdown(results: Results, parts: Dict[str, Part], image: Optional[str]) -> str:
    """
    # Parameters

    results : `Results`
    parts : `Dict[str, Part]`
    image : `str`, optional
        The plot's path, from where the text lies.
    """
    lines = ["# Benchmarks", "", "Made by `make bench` from `benchmarks/results.json`.", ""]
    lines += _environments(results) + _not_run(results, parts)
    lines += _models(results) + _bars(results, parts)
    for part in parts.values():
        rows = [_row(model, one) for model, one in results.figures(part.name)]
        if part.name == "curves":
            lines += _curves(part, results, image)
        elif rows:
            lines += [f"## {part.title}", "", part.explanation, "", _HEAD, _LINE, *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def _environments(results: Results) -> List[str]:
    lines = []
    for one in results.environments():
        versions = ", ".join(
            f"{name} {one[name]}"
            for name in ("python", "torch", "allennlp", "captum", "transformers", "numpy")
        )
        gpu = f", {one['gpu']}" if one.get("gpu") else ""
        threads = "1 thread" if one["threads"] == 1 else f"{one['threads']} threads"
        lines.append(f"- {one['cores']} cores, {threads}{gpu}; {versions}.")
    return [
        *lines,
        "",
        "All competitors run in one process, unless a section says otherwise. They explain each "
        "text in turn. Ratios are medians of the texts' own ratios. Intervals are bootstrap "
        "intervals over the texts. The error is Σ|score − reference| / Σ|reference| over a text's "
        "tokens.",
        "",
    ]


def _not_run(results: Results, parts: Dict[str, Part]) -> List[str]:
    missing = [
        f"{part.title} ({MODELS[model].title})"
        for part in parts.values()
        for model in part.models
        if model not in results.entries.get(part.name, {})
    ]
    return [f"Not run yet: {'; '.join(missing)}.", ""] if missing else []


def _models(results: Results) -> List[str]:
    metrics: Dict[str, Dict[str, float]] = {}
    for entries in results.entries.values():
        for name, entry in entries.items():
            metrics[name] = entry["model_metrics"]
    lines = ["| model | dev accuracy | |", "|---|---|---|"]
    for name, model in MODELS.items():
        if name in metrics:
            accuracy = metrics[name].get("best_validation_accuracy")
            f1 = metrics[name].get("best_validation_f1-measure-overall")
            span = "" if f1 is None else f"F1 of spans {f1:.2f}"
            lines.append(f"| {model.title} | {accuracy:.3f} | {span} |")
    return [*lines, ""]


def _bars(results: Results, parts: Dict[str, Part]) -> List[str]:
    """All figures that have a goal, in one table."""
    rows = [
        _row(model, one, prefix=f"{part.title}: ")
        for part in parts.values()
        for model, one in results.figures(part.name)
        if one.bar is not None
    ]
    return ["## Goals", "", _HEAD, _LINE, *rows, ""] if rows else []


def _curves(part: Part, results: Results, image: Optional[str]) -> List[str]:
    curves = results.curves(part.name)
    if not curves or image is None:
        return []
    lines = [f"## {part.title}", "", part.explanation, "", f"![{part.title}]({image})", ""]
    lines += ["| model | | evaluations | time, ms | error, % |", "|---|---|---|---|---|"]
    for model, found in curves.items():
        for one in found:
            evaluations = ", ".join(f"{n:.4g}" for n in one["evaluations"])
            times = ", ".join(f"{1000 * s:.3g}" for s in one["seconds"])
            errors = ", ".join(f"{100 * e:.2g}" for e in one["errors"])
            title = MODELS[model].title
            lines.append(f"| {title} | {one['name']} | {evaluations} | {times} | {errors} |")
    return [*lines, ""]


def _row(model: str, one: Figure, prefix: str = "") -> str:
    interval = "" if one.interval is None else " to ".join(_number(v) for v in one.interval)
    note = f" ({one.note})" if one.note else ""
    reached = {True: "yes", False: "**no**", None: ""}[one.to_json()["reached"]]
    cells: List[Any] = [
        MODELS[model].title,
        f"{prefix}{one.name}{note}",
        _value(one),
        interval,
        one.texts,
        _bar(one.bar, one.unit),
        reached,
    ]
    return "| " + " | ".join(str(cell).replace("|", "∣") for cell in cells) + " |"


def _value(one: Figure) -> str:
    return "not measured" if one.value is None else _with_unit(_number(one.value), one.unit)


def _bar(bar: Optional[Bar], unit: str) -> str:
    if bar is None:
        return ""
    return f"{'≥' if bar.at_least else '≤'} {_with_unit(_number(bar.limit), unit)}"


def _with_unit(number: str, unit: str) -> str:
    return number + "×" if unit == "x" else f"{number} {unit}".strip()


def _number(value: float) -> str:
    if value == round(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
