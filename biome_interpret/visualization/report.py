"""Writes one self-contained HTML page for any number of texts."""

import json
import math
import shutil
import tempfile
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any, Dict, Iterable, List, Optional, Union

import jinja2
from markupsafe import Markup

from biome_interpret.interpretation import FieldScores, Interpretation
from biome_interpret.models.alignment.source_text import strings_in
from biome_interpret.visualization.characters import display_pieces, visible
from biome_interpret.visualization.corpus import (
    Corpus,
    gold_label,
    probabilities_of,
    relative_delta,
)
from biome_interpret.visualization.files import replacing
from biome_interpret.visualization.shades import LEVELS, level

_DIGITS = 5
_NUM_ALTERNATIVES = 5
_LONGEST = 400
# The number of texts that the page also contains as HTML, for readers without JavaScript.
_NUM_STATIC = 20
# The place of the data in the rendered page. `visible` removes \x00 from all texts.
_DATA_MARK = "\x00data\x00"

# Characters that could end a <script> element, or a line in old versions of JavaScript.
_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("biome_interpret.visualization"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


def _shade_class(score: Optional[float], item: Dict[str, Any]) -> str:
    """The CSS class of a score's shade, relative to the scores of its result."""
    scores = [one or 0.0 for field in item["fields"] for one in field["scores"]]
    shade = level(score or 0.0, max(map(abs, scores)))
    return f"{'f' if shade > 0 else 'a'}{abs(shade)}" if shade else ""


_TEMPLATES.filters["shade"] = _shade_class
_TEMPLATES.filters["trim_zeros"] = lambda number: number.rstrip("0").rstrip(".")


def write_report(
    records: Iterable[Dict[str, Any]], path: Union[str, Path], title: Optional[str] = None
) -> None:
    """
    Writes a page that needs neither a network nor other files. Memory does not grow with the number
    of records. The file appears only when it is complete.

    # Parameters

    records : `Iterable[Dict[str, Any]]`
        One record for each text: its `line` (from 1), its `inputs` if they are known, and either
        `interpretations` (a list of results of `Interpretation.to_json`) or `error` (a message).
        The page shows their texts as text, never as markup.
    path : `Union[str, Path]`
        The file to write. An existing file is replaced.
    title : `str`, optional
        The heading.

    # Raises

    `OSError`
        If the file cannot be written. An existing file is then unchanged.
    """
    corpus = Corpus()
    static: List[Dict[str, Any]] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8") as data:
        for record in records:
            shown = _shown(record, corpus)
            if len(static) < _NUM_STATIC:
                static.append(shown)
            data.write((",\n" if corpus.num_texts > 1 else "") + _json(shown))
        data.seek(0)
        before, after = _page(corpus, static, title)
        with replacing(Path(path)) as page:
            page.write(before)
            shutil.copyfileobj(data, page)
            page.write(after)


def _page(corpus: Corpus, static: List[Dict[str, Any]], title: Optional[str]) -> List[str]:
    """The two parts of the page, before and after the data."""
    style, script = (
        _TEMPLATES.get_template(name).render(levels=LEVELS) for name in ("report.css", "report.js")
    )
    page = _TEMPLATES.get_template("report.html").render(
        title=_short(title or "Interpretations"),
        corpus=corpus,
        static=static,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        data_mark=_DATA_MARK,
        visible=visible,
        short=_short,
    )
    return page.split(_DATA_MARK)


def _hash(source: str) -> str:
    return "sha256-" + b64encode(sha256(source.encode("utf-8")).digest()).decode("ascii")


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPES)


def _shown(record: Dict[str, Any], corpus: Corpus) -> Dict[str, Any]:
    """The record as the page's script reads it: short, rounded, and with visible characters."""
    line, inputs = record["line"], record.get("inputs")
    shown: Dict[str, Any] = {"line": line}
    if inputs is not None:
        shown["inputs"] = _visible_json(inputs)
    if record.get("error") is not None:
        corpus.add_error(line, str(record["error"]))
        return {**shown, "error": _short(str(record["error"]))}
    found = [Interpretation.from_json(one) for one in record["interpretations"]]
    gold = gold_label(inputs, found)
    corpus.add(line, found, gold)
    if gold is not None:
        shown["gold"] = _short(gold)
    probabilities = probabilities_of(found)
    if probabilities:
        first = list(probabilities.items())[:_NUM_ALTERNATIVES]
        shown["probabilities"] = [[_short(label), _rounded(p)] for label, p in first]
        shown["predicted"] = shown["probabilities"][0][0]
        shown["others"] = len(probabilities) - len(first)
    texts = list(strings_in(inputs))
    shown["results"] = [_item(one, texts) for one in found]
    return shown


def _item(one: Interpretation, texts: List[str]) -> Dict[str, Any]:
    errors = one.standard_error or {}
    item = {
        "target": None if one.target.label is None else _short(one.target.label),
        "words": None if one.target.words is None else _short(one.target.words),
        "probability": _rounded(one.target.probability),
        "output": _rounded(one.output),
        "baseline": _rounded(one.baseline_output),
        "delta": _rounded(one.convergence_delta),
        "relative": _rounded(relative_delta(one)),
        "error": _rounded(one.estimated_error),
        "evaluations": one.n_evaluations,
        "unassigned": _rounded(one.unassigned) or None,
        "method": None if one.method is None else _short(one.method),
        "notes": [_short(note) for note in one.notes] or None,
        "fields": [_field(name, f, errors.get(name), texts) for name, f in one.fields.items()],
    }
    return {name: value for name, value in item.items() if value is not None}


def _field(
    name: str, scores: FieldScores, errors: Optional[List[Any]], texts: List[str]
) -> Dict[str, Any]:
    pieces = display_pieces(scores.tokens, texts)
    field = {
        "name": _short(name),
        # A leading space stands for the space before the token.
        "tokens": [" " * piece.spaced + piece.text for piece in pieces],
        "scores": [_rounded(score) for score in scores.scores],
    }
    if errors and any(error is not None for error in errors):
        field["errors"] = [_rounded(error) for error in errors]
    return field


def _visible_json(value: Any) -> Any:
    """The JSON value with every string made visible."""
    if isinstance(value, dict):
        return {visible(str(name)): _visible_json(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_visible_json(one) for one in value]
    if isinstance(value, str):
        return visible(value) if value else value
    return value if not isinstance(value, float) or math.isfinite(value) else str(value)


def _short(text: str) -> str:
    """A label or a message, cut if it is very long, with visible characters."""
    return visible(text if len(text) <= _LONGEST else text[:_LONGEST] + " …")


def _rounded(number: Optional[float]) -> Optional[float]:
    if number is None or not math.isfinite(number):
        return None
    return float(f"{number:.{_DIGITS}g}")
