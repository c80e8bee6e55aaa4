"""One self-contained HTML page for the summary of a study."""

from base64 import b64encode
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Union

import jinja2
from markupsafe import Markup

from biome_interpret.evaluation.studies.gathering import Disagreement
from biome_interpret.evaluation.studies.summary import Curve, Summary
from biome_interpret.visualization.characters import display_pieces, visible
from biome_interpret.visualization.comparison import wording
from biome_interpret.visualization.files import replacing
from biome_interpret.visualization.shades import LEVELS, level

# Of the picture of a curve, in its own units.
WIDTH, HEIGHT = 300, 160
_LONGEST = 400

_TEMPLATES = jinja2.Environment(
    loader=jinja2.ChoiceLoader(
        [
            jinja2.PackageLoader("biome_interpret.visualization.comparison"),
            jinja2.PackageLoader("biome_interpret.visualization"),
        ]
    ),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=jinja2.StrictUndefined,
)


def write_page(
    summary: Summary,
    disagreements: Sequence[Disagreement],
    path: Union[str, Path],
    title: str,
    about: Mapping[str, str],
) -> None:
    """
    Writes a page that needs neither a network nor other files, and has no script. Texts are shown
    as text, never as markup.

    # Parameters

    summary : `Summary`
    disagreements : `Sequence[Disagreement]`
        The texts to show.
    path : `Union[str, Path]`
        The file to write. An existing file is replaced.
    title : `str`
    about : `Mapping[str, str]`
        What the head of the page says besides.

    # Raises

    `OSError`
        If the file cannot be written. An existing file is then unchanged.
    """
    style = _TEMPLATES.get_template("comparison.css").render(levels=LEVELS)
    digest = b64encode(sha256(style.encode("utf-8")).digest()).decode("ascii")
    page = _TEMPLATES.get_template("comparison.html").render(
        title=_short(title),
        about={_short(name): _short(text) for name, text in about.items()},
        style=Markup(style),
        style_hash=f"sha256-{digest}",
        summary=summary,
        groups=[(name, [*tables]) for name, tables in _groups(summary)],
        curves=[_drawn(curve, [*summary.rows]) for curve in summary.curves],
        texts=[_text(one) for one in disagreements],
        wording=wording,
        short=_short,
        width=WIDTH,
        height=HEIGHT,
    )
    with replacing(Path(path)) as file:
        file.write(page)


def _groups(summary: Summary) -> Any:
    return groupby(summary.tables, key=wording.removal_title)


def _drawn(curve: Curve, rows: Sequence[str]) -> Dict[str, Any]:
    """
    The points of a curve's lines. A row has the same number, and so the same style, in every
    picture.
    """
    lines = []
    for row, values in curve.by_row.items():
        last = len(values) - 1
        points = [
            f"{WIDTH * step / last:.1f},{HEIGHT * (1 - value):.1f}"
            for step, value in enumerate(values)
        ]
        lines.append({"row": row, "style": rows.index(row) % 10, "points": " ".join(points)})
    return {"name": f"{wording.figure_name(curve.figure)}, {curve.removal}", "lines": lines}


def _text(found: Disagreement) -> Dict[str, Any]:
    first = found.records[0]
    return {
        "line": found.line,
        "correlation": found.correlation,
        "target": first.get("target"),
        "probability": first.get("probability"),
        "rows": [{"name": record["row"], "fields": _fields(record)} for record in found.records],
    }


def _fields(record: Dict[str, Any]) -> List[Dict[str, Any]]:
    """The words of each field with the class of their shade, relative to the row's own scores."""
    largest = max(
        (abs(score) for scores in record["scores"].values() for score in scores), default=0.0
    )
    return [
        {
            "name": name,
            "words": [
                {
                    "text": piece.text[:_LONGEST],
                    "spaced": piece.spaced,
                    "shade": _shade(level(score, largest)),
                    "score": wording.number(score),
                }
                for piece, score in zip(display_pieces(words), record["scores"][name])
            ],
        }
        for name, words in record["words"].items()
    ]


def _shade(shade: int) -> str:
    return f"{'f' if shade > 0 else 'a'}{abs(shade)}" if shade else ""


def _short(text: str) -> str:
    return visible(text if len(text) <= _LONGEST else text[:_LONGEST] + " …")
