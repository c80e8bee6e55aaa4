"""An interpretation as a piece of HTML for notebooks: it needs no style sheet and no script."""

from html import escape
from typing import List, Tuple

from biome_interpret.interpretation import FieldScores, Interpretation, drawn_as
from biome_interpret.visualization.characters import set_out, visible
from biome_interpret.visualization.shades import LEVELS, level

# Translucent, so that the notebook's own text stays readable on them, dark on light or light on
# dark. Blue and orange differ for every kind of colour vision; so do the lines, for none.
FOR = (58, 125, 210)
AGAINST = (214, 100, 10)
DENSEST = 0.55

_MOST_TOKENS = 1000
_LONGEST_TOKEN = 300


@drawn_as("html")
def render(interpretation: Interpretation) -> str:
    """The text's words, shaded, with target and numbers; the exact score of each on hover."""
    several = len(interpretation.fields) > 1
    largest = max((abs(s) for f in interpretation.fields.values() for s in f.scores), default=0.0)
    parts = [_headline(interpretation)]
    for name, field in interpretation.fields.items():
        head = f'<div><small style="opacity:.75">{_text(name)}</small></div>' if several else ""
        parts.append(
            f'{head}<p dir="auto" style="margin:.2em 0;line-height:1.9;overflow-wrap:anywhere">'
            f"{_words(field, largest)}</p>"
        )
    parts += [f"<small>Note: {_text(note)}</small><br>" for note in interpretation.notes]
    return f'<div style="max-width:50em;margin:.5em 0">{"".join(parts)}</div>'


def _headline(interpretation: Interpretation) -> str:
    target = interpretation.target
    label = "the loss" if target.label is None else _text(target.label)
    words = "" if target.words is None else f" at <q><bdi>{_text(target.words)}</bdi></q>"
    probability = "" if target.probability is None else f" {target.probability:.1%}"
    numbers = [f"output {interpretation.output:.3f}"]
    if interpretation.baseline_output is not None:
        numbers.append(f"baseline {interpretation.baseline_output:.3f}")
    if interpretation.convergence_delta is not None:
        numbers.append(f"delta {interpretation.convergence_delta:.1e}")
    numbers.append(f"{interpretation.n_evaluations} evaluations")
    return (
        f"<b><bdi>{label}</bdi></b>{words}{probability} &ensp;"
        f'<small style="opacity:.75">{_text(", ".join(numbers).replace("-", "−"))}</small>'
    )


def _words(field: FieldScores, largest: float) -> str:
    words: List[str] = []
    pieces = set_out(field.tokens[:_MOST_TOKENS])
    for piece, score, share in zip(pieces, field.scores, field.shares()):
        text = (
            piece.text if len(piece.text) <= _LONGEST_TOKEN else piece.text[:_LONGEST_TOKEN] + "…"
        )
        title = f"{score:+.4g} ({share:.1%})".replace("-", "−")
        words.append(
            f'{" " if piece.spaced else ""}<span title="{title}" style="{_style(score, largest)}">'
            f"{escape(text)}</span>"
        )
    left_out = len(field.tokens) - len(pieces)
    return "".join(words) + (f" <i>… and {left_out:,} more</i>" if left_out else "")


def _style(score: float, largest: float) -> str:
    shade = level(score, largest)
    padding = "padding:.1em .12em;border-radius:3px 3px 0 0"
    if not shade:
        return padding
    strength = abs(shade) / LEVELS
    colour = _rgb(FOR if shade > 0 else AGAINST)
    line = f"{(abs(shade) + 2) // 3}px {'solid' if shade > 0 else 'dashed'} rgb({colour})"
    return f"{padding};background:rgba({colour},{DENSEST * strength:.2f});border-bottom:{line}"


def _rgb(colour: Tuple[int, int, int]) -> str:
    return ",".join(map(str, colour))


def _text(text: str) -> str:
    return escape(visible(text))
