"""Draws results as SVG, which the repository's pages and the site show alike."""

from html import escape
from textwrap import wrap
from typing import List, Sequence, Tuple

from biome_interpret import FieldScores, Interpretation
from biome_interpret.visualization.captions import largest_score, numbers, percent, target_name
from biome_interpret.visualization.characters import display_pieces
from biome_interpret.visualization.fragment import AGAINST, DENSEST, FOR
from biome_interpret.visualization.shades import LEVELS, level

_WIDTH, _MARGIN = 760, 14
_MONOSPACE = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
# Characters of a monospaced font are 0.6 em wide.
_WORD, _SCORE, _SMALL = 16.0, 10.0, 12.0
_ADVANCE = 0.6
_LINE = 46.0
_LONGEST_NOTE = 108


def draw(rows: Sequence[Tuple[str, Interpretation]]) -> str:
    """Each row is what was typed, and its result."""
    y = 6.0
    parts: List[str] = []
    for typed, result in rows:
        parts.append(_text(_MARGIN, y + 14, typed, _SMALL, "typed"))
        label = target_name(result.target)
        probability = (
            "" if result.target.probability is None else percent(result.target.probability)
        )
        parts.append(_text(_MARGIN, y + 32, f"{label} {probability}".rstrip(), _SMALL, "label"))
        start = _MARGIN + (len(label) + len(probability) + 3) * _SMALL * _ADVANCE
        parts.append(_text(start, y + 32, numbers(result).replace("-", "−"), _SMALL, "quiet"))
        y += 40
        for name, field in result.fields.items():
            if len(result.fields) > 1:
                parts.append(_text(_MARGIN, y + 12, name, _SMALL, "quiet"))
                y += 16
            words, height = _words(field, largest_score(result), y)
            parts += words
            y += height
        for note in result.notes:
            for line in wrap(f"Note: {note}", _LONGEST_NOTE):
                parts.append(_text(_MARGIN, y + 12, line, 11.0, "quiet"))
                y += 16
        y += 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y:.0f}" '
        f'width="{_WIDTH}">\n'
        f"<style>text{{font-family:{_MONOSPACE};fill:#1b1f24}}.typed,.quiet{{fill:#5a636e}}"
        f".label{{font-weight:600}}</style>\n"
        f'<rect width="{_WIDTH}" height="{y:.0f}" rx="6" fill="#fff"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _words(field: FieldScores, largest: float, y: float) -> Tuple[List[str], float]:
    parts: List[str] = []
    x, top = float(_MARGIN), y
    for piece, score in zip(display_pieces(field.tokens), field.scores):
        shown = f"{score:+.2f}".replace("-", "−")
        word = len(piece.text) * _WORD * _ADVANCE
        width = max(word, len(shown) * _SCORE * _ADVANCE) + 4
        x += _WORD * _ADVANCE / 2 if piece.spaced and x > _MARGIN else 0
        if x + width > _WIDTH - _MARGIN:
            x, top = float(_MARGIN), top + _LINE
        parts += _shade(x, top, width, level(score, largest))
        parts.append(_text(x + (width - word) / 2, top + 18, piece.text, _WORD, length=word))
        number = len(shown) * _SCORE * _ADVANCE
        parts.append(_text(x + (width - number) / 2, top + 37, shown, _SCORE, "quiet"))
        x += width + 1
    return parts, top + _LINE - y


def _shade(x: float, y: float, width: float, shade: int) -> List[str]:
    if not shade:
        return []
    colour = ",".join(map(str, FOR if shade > 0 else AGAINST))
    opacity = DENSEST * abs(shade) / LEVELS
    thickness = (abs(shade) + 2) // 3
    dashes = "" if shade > 0 else ' stroke-dasharray="4 2"'
    line = y + 24 + thickness / 2
    return [
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="24" fill="rgb({colour})" '
        f'fill-opacity="{opacity:.2f}"/>',
        f'<line x1="{x:.1f}" x2="{x + width:.1f}" y1="{line:.1f}" y2="{line:.1f}" '
        f'stroke="rgb({colour})" stroke-width="{thickness}"{dashes}/>',
    ]


def _text(x: float, y: float, text: str, size: float, cls: str = "", length: float = 0.0) -> str:
    kind = f' class="{cls}"' if cls else ""
    fitted = f' textLength="{length:.1f}" lengthAdjust="spacingAndGlyphs"' if length else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}"{kind}{fitted}>{escape(text)}</text>'
