"""Interpretations in the terminal: words shaded by what they say for or against the target."""

from typing import List, Optional, Sequence, Tuple

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from biome_interpret.interpretation import FieldScores, Interpretation

# Shades from hardly to fully, for backgrounds of their own with a foreground that stands out on
# them: readable on light and dark terminals alike. Blue and orange differ for every kind of
# colour vision.
_FOR = [(222, 235, 247), (158, 202, 225), (66, 146, 198), (8, 81, 156)]
_AGAINST = [(254, 230, 206), (253, 174, 107), (230, 130, 50), (150, 65, 3)]
_FIRST_SHADE = 0.08

_STRONGEST = 3


def render(interpretation: Interpretation) -> RenderableType:
    """
    A text's words, shaded, with prediction, target and the numbers behind them. Without colour
    the strongest words still stand there with their scores.
    """
    parts: List[RenderableType] = [_headline(interpretation)]
    several = len(interpretation.fields) > 1
    largest = max((abs(s) for f in interpretation.fields.values() for s in f.scores), default=0.0)
    for name, field in interpretation.fields.items():
        words = _shaded(field, largest)
        parts.append(Padding(Text(f"{name}: ", style="dim") + words if several else words, (0, 2)))
    parts.append(Padding(_strongest(interpretation), (0, 2)))
    parts += [Text(f"  note: {note}", style="italic") for note in interpretation.notes]
    return Group(*parts, "")


def legend() -> Text:
    """What the shades mean."""
    against = [("  ", _style(_AGAINST, level)) for level in reversed(range(len(_AGAINST)))]
    speaks_for = [("  ", _style(_FOR, level)) for level in range(len(_FOR))]
    return Text.assemble("against ", *against, *speaks_for, " for the target")


def _headline(interpretation: Interpretation) -> Text:
    target = interpretation.target
    name = "the loss" if target.label is None else target.label
    line = Text.assemble((name, "bold"))
    if target.probability is not None:
        line.append(f"  {target.probability:.1%}")
    numbers = [f"output {interpretation.output:.3f}"]
    if interpretation.baseline_output is not None:
        numbers.append(f"baseline {interpretation.baseline_output:.3f}")
    if interpretation.convergence_delta is not None:
        numbers.append(f"delta {interpretation.convergence_delta:.1e}")
    numbers.append(f"{interpretation.n_evaluations} evaluations")
    return line.append("   " + ", ".join(numbers), style="dim")


def _shaded(field: FieldScores, largest: float) -> Text:
    words = [(word, _shade(score, largest)) for word, score in zip(field.tokens, field.scores)]
    return Text(" ").join(Text(word, style=style or "") for word, style in words)


def _shade(score: float, largest: float) -> Optional[str]:
    share = abs(score) / largest if largest else 0.0
    if share < _FIRST_SHADE:
        return None
    shades = _FOR if score > 0 else _AGAINST
    return _style(shades, min(int(share * len(shades)), len(shades) - 1))


def _style(shades: Sequence[Tuple[int, int, int]], level: int) -> str:
    red, green, blue = shades[level]
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue
    foreground = "black" if luminance > 120 else "bright_white"
    return f"{foreground} on rgb({red},{green},{blue})"


def _strongest(interpretation: Interpretation) -> Text:
    scored = [
        (score, word)
        for field in interpretation.fields.values()
        for word, score in zip(field.tokens, field.scores)
    ]
    strongest = sorted(scored, reverse=True)
    sides = [
        ("for", [pair for pair in strongest if pair[0] > 0][:_STRONGEST]),
        ("against", [pair for pair in reversed(strongest) if pair[0] < 0][:_STRONGEST]),
    ]
    texts = [
        f"{side}: " + ", ".join(f"{word} {score:+.2f}" for score, word in pairs)
        for side, pairs in sides
        if pairs
    ]
    return Text("   ".join(texts), style="dim")
