"""Writes one self-contained HTML page for any number of texts."""

import json
import math
import shutil
import tempfile
from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Container, Dict, Iterable, List, Mapping, Optional, Tuple, Union

import jinja2
from markupsafe import Markup

from biome_interpret.interpretation import FieldScores, Interpretation, percent
from biome_interpret.models.alignment.source_text import strings_in
from biome_interpret.visualization.captions import interacting_most, predicted_in
from biome_interpret.visualization.characters import display_pieces, visible
from biome_interpret.visualization.corpus import (
    Corpus,
    gold_of,
    probabilities_of,
    relative_delta,
)
from biome_interpret.visualization.files import replacing
from biome_interpret.visualization.shades import LEVELS, level
from biome_interpret.visualization.spans import Span, places, type_of

_DIGITS = 5
_NUM_ALTERNATIVES = 5
_NUM_PAIRED = 30
_LONGEST = 400
# An input's values that lie deeper are replaced by an ellipsis.
_DEEPEST = 50
# The number of refused records whose reasons are kept.
_NUM_REFUSED = 5
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


@dataclass
class Refused:
    """
    The records that cannot be shown. The page shows the reasons in their places.

    reasons : those of the first few, each with the number of its record, from 1.
    """

    count: int = 0
    reasons: List[Tuple[int, str]] = field(default_factory=list)

    def add(self, number: int, reason: str) -> None:
        self.count += 1
        if self.count <= _NUM_REFUSED:
            self.reasons.append((number, reason))


class NothingToShow(ValueError):
    """There are records, but every one is refused."""


def write_report(
    records: Iterable[Union[Dict[str, Any], ValueError]],
    path: Union[str, Path],
    title: Optional[str] = None,
    about: Optional[Mapping[str, str]] = None,
    sample: Optional[Container[int]] = None,
    explains_predictions: bool = True,
) -> Refused:
    """
    Writes a page that needs neither a network nor other files. Memory does not grow with the number
    of records. The file appears only when it is complete.

    # Parameters

    records : `Iterable[Union[Dict[str, Any], ValueError]]`
        One record for each text: its `line` (from 1), its `inputs` if they are known, and either
        `interpretations` (a list of results of `Interpretation.to_json`) or `error` (a message).
        `gold` may hold the text's own label: a string, or a list of several labels or of the tags
        of all words.
        The page shows their texts as text, never as markup. A `ValueError` stands for a record that
        could not be read, and says why.
    path : `Union[str, Path]`
        The file to write. An existing file is replaced.
    title : `str`, optional
        The heading.
    about : `Mapping[str, str]`, optional
        What the head of the page says besides, such as `{"Model": "BasicClassifier"}`.
    sample : `Container[int]`, optional
        The numbers of the records that the page shows, from 1. Its summary covers all of them.
        Default: it shows all.
    explains_predictions : `bool`, optional (default = `True`)
        Whether the targets are what the model predicts. If not, spans are not compared with `gold`.

    # Returns

    `Refused`
        The records that cannot be shown. The others are shown.

    # Raises

    `OSError`
        If the file cannot be written. An existing file is then unchanged.
    `NothingToShow`
        If there are records, but none can be shown.
    """
    corpus = Corpus(explains_predictions)
    refused = Refused()
    static: List[Dict[str, Any]] = []
    with tempfile.TemporaryFile("w+", encoding="utf-8") as data:
        for number, record in enumerate(records, start=1):
            corpus.is_shown = sample is None or number in sample
            try:
                shown, text = _shown(record, corpus)
            except ValueError as error:
                refused.add(number, str(error))
                line = _line_of(record) or number
                reason = f"This record cannot be shown: {error}"
                shown, text = _shown({"line": line, "error": reason}, corpus)
            if not corpus.is_shown:
                continue
            if len(static) < _NUM_STATIC:
                static.append(shown)
            data.write((",\n" if corpus.num_shown > 1 else "") + text)
        if refused.count == corpus.num_texts > 0:
            raise NothingToShow(f"no record can be shown; the first: {refused.reasons[0][1]}")
        data.seek(0)
        before, after = _page(corpus, static, title, about or {})
        with replacing(Path(path)) as page:
            page.write(before)
            shutil.copyfileobj(data, page)
            page.write(after)
    return refused


def _page(
    corpus: Corpus, static: List[Dict[str, Any]], title: Optional[str], about: Mapping[str, str]
) -> List[str]:
    """The two parts of the page, before and after the data."""
    style, script = (
        _TEMPLATES.get_template(name).render(levels=LEVELS) for name in ("report.css", "report.js")
    )
    page = _TEMPLATES.get_template("report.html").render(
        title=_short(title or "Interpretations"),
        about={_short(name): _short(text) for name, text in about.items()},
        corpus=corpus,
        static=static,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        data_mark=_DATA_MARK,
        visible=visible,
        short=_short,
        percent=percent,
    )
    return page.split(_DATA_MARK)


def _hash(source: str) -> str:
    return "sha256-" + b64encode(sha256(source.encode("utf-8")).digest()).decode("ascii")


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPES)


def _shown(record: Any, corpus: Corpus) -> Tuple[Dict[str, Any], str]:
    """
    The record as the page's script reads it, short, rounded and with visible characters, and its
    JSON. Adds it to the corpus. Raises `ValueError` if it is not a record.
    """
    if isinstance(record, ValueError):
        raise record
    line = _line_of(record)
    if line is None:
        raise ValueError("it has no 'line', a positive integer")
    shown: Dict[str, Any] = {"line": line}
    inputs = _without_depths(record.get("inputs"))
    if inputs is not None:
        shown["inputs"] = _visible_json(inputs)
    error, results = record.get("error"), record.get("interpretations")
    if isinstance(error, str):
        shown["error"] = _short(error)
        text = _json(shown)
        corpus.add_error(line, error)
        return shown, text
    if error is not None or not isinstance(results, list):
        raise ValueError("it has neither 'interpretations', a list, nor 'error', a string")
    found = [Interpretation.from_json(one) for one in results]
    gold = gold_of(record.get("gold"), inputs, found, corpus.explains_predictions)
    if gold is not None:
        shown["gold"], shown["right"] = _short(gold.text), gold.is_right
    corpus.num_unknown_gold += gold is None and record.get("gold") is not None
    probabilities = probabilities_of(found)
    if probabilities:
        first = list(probabilities.items())[:_NUM_ALTERNATIVES]
        shown["probabilities"] = [[_short(label), _rounded(p)] for label, p in first]
        shown["predicted"] = [_short(label) for label in predicted_in(probabilities)]
        shown["others"] = len(probabilities) - len(first)
    texts = list(strings_in(inputs))
    shown["results"] = [_item(one, texts, place) for one, place in zip(found, places(found))]
    text = _json(shown)
    corpus.add(line, found, gold)
    return shown, text


def _line_of(record: Any) -> Optional[int]:
    line = record.get("line") if isinstance(record, dict) else None
    return line if type(line) is int and line > 0 else None


def _without_depths(value: Any, depth: int = 0) -> Any:
    """The JSON value with an ellipsis for what is nested too deeply to be shown."""
    if isinstance(value, (dict, list, tuple)) and depth == _DEEPEST:
        return "…"
    if isinstance(value, dict):
        return {name: _without_depths(one, depth + 1) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_depths(one, depth + 1) for one in value]
    return value


def _item(one: Interpretation, texts: List[str], place: Optional[Span]) -> Dict[str, Any]:
    errors = one.standard_error or {}
    target = type_of(one.target)
    item = {
        "target": None if target is None else _short(target),
        "words": None if one.target.words is None else _short(one.target.words),
        "place": place,
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
        "pairs": None if one.interactions is None else _pairs(one),
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


def _pairs(one: Interpretation) -> Dict[str, Any]:
    """The interactions of the tokens that interact most, with their places among all tokens."""
    assert one.interactions is not None
    places = interacting_most(one, _NUM_PAIRED)
    rows = one.interactions.values
    return {"places": places, "values": [[_rounded(rows[i][j]) for j in places] for i in places]}


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
    rounded = float(f"{number:.{_DIGITS}g}")
    return rounded if math.isfinite(rounded) else number
