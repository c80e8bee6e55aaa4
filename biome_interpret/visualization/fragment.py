"""HTML for notebooks, without a style sheet or a script."""

from html import escape
from typing import List

from biome_interpret.interpretation import RENDERERS, FieldScores, Interpretation, percent
from biome_interpret.visualization.captions import (
    all_tokens,
    interacting_most,
    largest_score,
    numbers,
    target_name,
)
from biome_interpret.visualization.characters import display_pieces, visible
from biome_interpret.visualization.shades import LEVELS, level

# Blue and orange differ in every type of colour vision, and the lines without colour vision. The
# shades are translucent, so that text stays readable in light and dark themes.
FOR = (58, 125, 210)
AGAINST = (214, 100, 10)
DENSEST = 0.55

_MAX_TOKENS = 1000
_LONGEST_TOKEN = 300
_MAX_PAIRED = 30


def render(interpretation: Interpretation) -> str:
    """The shaded words with target and numbers. A word's tooltip has its exact score."""
    several = len(interpretation.fields) > 1
    largest = largest_score(interpretation)
    parts = [_headline(interpretation)]
    for name, field in interpretation.fields.items():
        head = f'<div><small style="opacity:.75">{_text(name)}</small></div>' if several else ""
        parts.append(
            f'{head}<p dir="auto" style="margin:.2em 0;line-height:1.9;overflow-wrap:anywhere">'
            f"{_words(field, largest)}</p>"
        )
    if interpretation.interactions is not None:
        parts.append(_pairs(interpretation))
    parts += [f"<small>Note: {_text(note)}</small><br>" for note in interpretation.notes]
    return f'<div style="max-width:50em;margin:.5em 0">{"".join(parts)}</div>'


RENDERERS["html"] = render


def _headline(interpretation: Interpretation) -> str:
    target = interpretation.target
    probability = "" if target.probability is None else f" {percent(target.probability)}"
    return (
        f"<b><bdi>{_text(target_name(target))}</bdi></b>{probability} &ensp;"
        f'<small style="opacity:.75">{numbers(interpretation).replace("-", "−")}</small>'
    )


def _words(field: FieldScores, largest: float) -> str:
    words: List[str] = []
    pieces = display_pieces(field.tokens[:_MAX_TOKENS])
    for piece, score, share in zip(pieces, field.scores, field.shares()):
        text = piece.text[:_LONGEST_TOKEN] + "…" * (len(piece.text) > _LONGEST_TOKEN)
        title = f"{score:+.4g} ({share:.1%})".replace("-", "−")
        words.append(
            f'{" " if piece.spaced else ""}<span title="{title}" style="{_style(score, largest)}">'
            f"{escape(text)}</span>"
        )
    left_out = len(field.tokens) - len(pieces)
    return "".join(words) + (f" <i>… and {left_out:,} more</i>" if left_out else "")


def _pairs(interpretation: Interpretation) -> str:
    """A table with a shaded cell for each pair of tokens, shut."""
    assert interpretation.interactions is not None
    values, tokens = interpretation.interactions.values, all_tokens(interpretation)
    shown = interacting_most(interpretation, _MAX_PAIRED)
    largest = max((abs(value) for row in values for value in row), default=0.0)
    names = {i: _text(tokens[i][:_LONGEST_TOKEN]) for i in shown}
    head = "".join(f"<th><bdi>{names[i]}</bdi></th>" for i in shown)
    rows = []
    for i in shown:
        cells = "".join(_cell(values[i][j], largest) for j in shown)
        rows.append(f"<tr><th><bdi>{names[i]}</bdi></th>{cells}</tr>")
    left_out = len(tokens) - len(shown)
    which = f", of the {len(shown)} tokens that interact most" if left_out else ""
    return (
        f"<details><summary><small>Interactions of pairs{which}</small></summary>"
        f"<table><tr><th></th>{head}</tr>{''.join(rows)}</table></details>"
    )


def _cell(value: float, largest: float) -> str:
    number = f"{value:+.3g}".replace("-", "−") if value else ""
    return f'<td style="{_style(value, largest)}">{number}</td>'


def _style(score: float, largest: float) -> str:
    shade = level(score, largest)
    padding = "padding:.1em .12em;border-radius:3px 3px 0 0"
    if not shade:
        return padding
    strength = abs(shade) / LEVELS
    colour = ",".join(map(str, FOR if shade > 0 else AGAINST))
    line = f"{(abs(shade) + 2) // 3}px {'solid' if shade > 0 else 'dashed'} rgb({colour})"
    return f"{padding};background:rgba({colour},{DENSEST * strength:.2f});border-bottom:{line}"


def _text(text: str) -> str:
    return escape(visible(text))
