"""The lines of an output file: one for each text and row of a study, with all raw values."""

import json
import math
from typing import Any, Dict, List, Sequence, Union

from biome_interpret.errors import InterpretationError, reason_of
from biome_interpret.evaluation.agreement import agreement
from biome_interpret.evaluation.methods import Scores, Text
from biome_interpret.evaluation.studies.rationales import RationaleField, marks_of
from biome_interpret.evaluation.studies.results import RemovalFigures, Result

AGREEMENTS = ("average_precision", "f1", "iou")


def line_of(result: Result, rationales: Sequence[RationaleField]) -> bytes:
    """
    A line of JSON. The numbers of the line and the row come first, as readers of a broken file rely
    on it. A number that is not finite becomes `null`.
    """
    value: Dict[str, Any] = {"line": result.line, "row": result.row}
    if result.error is not None:
        value["error"] = result.error
    elif result.skipped is not None:
        value["skipped"] = result.skipped
    if result.text is not None:
        value.update(_text(result.text))
    if result.error is None and result.skipped is None and result.text is not None:
        value.update(_scored(result, result.text, rationales))
    return json.dumps(_finite(value), allow_nan=False).encode("ascii") + b"\n"


def _text(text: Text) -> Dict[str, Any]:
    return {
        "words": text.units.fields,
        "output": text.answer.value,
        "probability": text.answer.probability,
    }


def _scored(result: Result, text: Text, rationales: Sequence[RationaleField]) -> Dict[str, Any]:
    value: Dict[str, Any] = {}
    scores = result.scores
    value["target"] = None if result.target is None else result.target.label
    if scores is not None:
        value["scores"] = _by_field(text, scores.draws[0])
        if len(scores.draws) > 1:
            value["draws"] = scores.draws
        value["agreement"] = {one.key: _agreement(text, scores, one) for one in rationales}
    value["removals"] = {name: _removal(text, one) for name, one in result.removals.items()}
    if result.stability is not None:
        value["stability"] = result.stability._asdict()
    if scores is not None:
        value["cost"] = {
            "evaluations": scores.evaluations,
            "delta": scores.delta,
            "seconds": round(result.seconds, 6),
        }
    return value


def _by_field(text: Text, scores: Sequence[float]) -> Dict[str, List[float]]:
    found: Dict[str, List[float]] = {}
    start = 0
    for name, words in text.units.fields.items():
        found[name] = list(scores[start : start + len(words)])
        start += len(words)
    return found


def _removal(text: Text, found: Union[RemovalFigures, str]) -> Dict[str, Any]:
    if isinstance(found, str):
        return {"error": found}
    figures = found.figures.items()
    value: Dict[str, Any] = {
        "figures": {name: one.value for name, one in figures},
        "left_out": {name: one.left_out for name, one in figures if one.left_out},
        "notes": {name: one.note for name, one in figures if one.note},
        "curves": {name: list(one.curve) for name, one in figures if len(one.curve)},
    }
    if found.scores is not None:
        value["scores"] = _by_field(text, found.scores)
    return value


def _agreement(text: Text, scores: Scores, rationale: RationaleField) -> Dict[str, Any]:
    """The means over the draws; or why there are none."""
    try:
        name, marks = marks_of(text.inputs, text.units.fields, rationale)
    except InterpretationError as error:
        return {"error": reason_of(error, text.inputs)}
    found = [agreement(_by_field(text, draw)[name], marks) for draw in scores.draws]
    if found[0].note:
        return {**dict.fromkeys(AGREEMENTS), "note": found[0].note}
    return {
        measure: math.fsum(getattr(one, measure) for one in found) / len(found)
        for measure in AGREEMENTS
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
