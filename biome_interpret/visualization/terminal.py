"""Interpretations in the terminal: words shaded by what they say for or against the target."""

import math
import os
import re
import sys
from typing import IO, Iterator, List, Optional, Tuple

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from biome_interpret.interpretation import FieldScores, Interpretation

# Shades from hardly to fully, for backgrounds of their own with a foreground that stands out on
# them: readable on light and dark terminals alike. Blue and orange differ for every kind of
# colour vision; what speaks against the target is underlined too, for where there are only greys.
_FOR = [(222, 235, 247), (158, 202, 225), (66, 146, 198), (8, 81, 156)]
_AGAINST = [(254, 230, 206), (253, 174, 107), (230, 130, 50), (150, 65, 3)]
# The same where a terminal has sixteen colours, of which light ones would all become white.
_FOR_16 = ["black on cyan", "black on cyan", "bright_white on blue", "bright_white on blue"]
_AGAINST_16 = ["black on yellow", "black on yellow", "bright_white on red", "bright_white on red"]
_FIRST_SHADE = 0.08

# How many words are named for each side, and from which share of the largest score on.
_STRONGEST = 3
_LEAST_NAMED = 0.01
_INDENT = "  "
# More than any text has, so that nothing is wrapped where lines are read by programs.
_UNLIMITED = 10_000_000

# C0 and C1 control characters, the separators of lines and paragraphs, and what changes the
# direction of everything behind it.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def make_console(shown_on: Optional[IO[str]] = None, file: Optional[IO[str]] = None) -> Console:
    """
    A console for a stream (standard output if not given). Where that is no terminal, or `NO_COLOR`
    is set, it writes plain text; where it is no terminal, lines of any length too.

    # Parameters

    shown_on : `IO[str]`, optional
        The stream that people look at.
    file : `IO[str]`, optional
        What is written to, if not that stream itself.
    """
    shown_on = shown_on or sys.stdout
    is_terminal = shown_on.isatty()
    is_plain = not is_terminal or bool(os.environ.get("NO_COLOR"))
    return Console(
        file=file or shown_on,
        force_terminal=is_terminal,
        color_system=None if is_plain else "auto",
        width=None if is_terminal else _UNLIMITED,
        highlight=False,
        markup=False,
        emoji=False,
    )


def clean(text: str) -> str:
    """A text without characters by which it could steer the terminal: "␛" in an escape's place."""
    return _CONTROLS.sub(_visible, text)


def render(
    interpretation: Interpretation, heading: str = "", with_method: bool = False
) -> RenderableType:
    """
    A text's words, shaded, with prediction, target and the numbers behind them. Without colour
    each word that would be shaded has its score beside it.

    # Parameters

    heading : `str`, optional (default = `""`)
        Where it is from.
    with_method : `bool`, optional (default = `False`)
        Whether to say which interpreter made it.
    """
    method = interpretation.method if with_method else None
    return _Interpretation(interpretation, [heading, method or ""])


def legend() -> RenderableType:
    """What the shades, or the numbers in their place, mean."""
    return _Legend()


class _Legend:
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        palette = _Palette(console)
        if palette.is_plain:
            yield Text("[+] speaks for the target, [-] against it, in units of the output")
            return
        levels = range(len(_FOR))
        against = [("  ", palette.style(-1, level) or "") for level in reversed(levels)]
        speaks_for = [("  ", palette.style(1, level) or "") for level in levels]
        yield Text.assemble("against ", *against, " ", *speaks_for, " for the target")


class _Palette:
    """The styles that a console can show."""

    def __init__(self, console: Console) -> None:
        self.is_plain = console.color_system is None or console.no_color
        self._few_colours = console.color_system in ("standard", "windows")

    def of(self, score: float, largest: float) -> Optional[str]:
        """A word's style by its score; `None` for one that counts for next to nothing."""
        share = abs(score) / largest if largest else 0.0
        if share < _FIRST_SHADE:
            return None
        return self.style(score, min(int(share * len(_FOR)), len(_FOR) - 1))

    def style(self, sign: float, level: int) -> str:
        if self._few_colours:
            style = (_FOR_16 if sign > 0 else _AGAINST_16)[level]
        else:
            red, green, blue = (_FOR if sign > 0 else _AGAINST)[level]
            luminance = 0.299 * red + 0.587 * green + 0.114 * blue
            foreground = "black" if luminance > 120 else "bright_white"
            style = f"{foreground} on rgb({red},{green},{blue})"
        return style if sign > 0 else f"underline {style}"


class _Interpretation:
    def __init__(self, interpretation: Interpretation, headings: List[str]) -> None:
        self._result = interpretation
        self._headings = [clean(heading) for heading in headings if heading]
        scores = [s for field in interpretation.fields.values() for s in field.scores]
        self._largest = max(map(abs, scores), default=0.0)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        palette = _Palette(console)
        for line, indented in self._lines(palette):
            if not indented:
                yield line
            elif palette.is_plain:  # Padding would fill the line with blanks.
                yield Text(_INDENT) + line
            else:
                yield Padding(line, (0, 0, 0, len(_INDENT)), expand=False)

    def _lines(self, palette: _Palette) -> Iterator[Tuple[Text, bool]]:
        yield self._headline(), False
        several = len(self._result.fields) > 1
        for name, field in self._result.fields.items():
            words = self._words(field, palette)
            # The name's style is not to be the words' too, as that of a text's beginning is.
            heading = (f"{clean(name)}: ", "dim")
            yield Text.assemble(heading, words) if several else words, True
        for line in self._strongest():
            yield Text(line, style="dim"), True
        yield Text(", ".join(self._numbers()), style="dim"), True
        for note in self._result.notes:
            yield Text(f"note: {clean(note)}", style="italic"), True

    def _headline(self) -> Text:
        line = Text()
        for heading in self._headings:
            line.append(f"{heading}  ", style="dim")
        for position, (role, name, probability) in enumerate(self._roles()):
            line.append(", " if position else "")
            line.append(f"{role} ").append(clean(name), style="bold")
            words = self._result.target.words
            if position == 0 and words is not None:
                line.append(f" at “{clean(words)}”")
            if probability is not None:
                line.append(f" {probability:.1%}")
        return line

    def _roles(self) -> List[Tuple[str, str, Optional[float]]]:
        """What the target is, and what the model predicts where that is something else."""
        target, probabilities = self._result.target, self._result.probabilities
        name = "the loss" if target.label is None else target.label
        if not probabilities:
            return [("target", name, target.probability)]
        predicted = max(probabilities, key=lambda label: probabilities[label])
        if predicted == name:
            return [("predicted", name, target.probability)]
        return [
            ("target", name, target.probability),
            ("predicted", predicted, probabilities[predicted]),
        ]

    def _numbers(self) -> Iterator[str]:
        yield f"output {self._result.output:.3f}"
        if self._result.baseline_output is not None:
            yield f"baseline {self._result.baseline_output:.3f}"
        if self._result.convergence_delta is not None:
            yield f"delta {self._result.convergence_delta:.1e}"
        yield f"{self._result.n_evaluations} evaluations"

    def _words(self, field: FieldScores, palette: _Palette) -> Text:
        words = Text()
        for position, (word, score) in enumerate(zip(field.tokens, field.scores)):
            words.append(" " if position else "")
            style = palette.of(score, self._largest)
            words.append(clean(word), style=style)
            if style and palette.is_plain:
                words.append(f"[{self._number(score)}]")
        return words

    def _strongest(self) -> Iterator[str]:
        scored = [
            (score, word)
            for field in self._result.fields.values()
            for word, score in zip(field.tokens, field.scores)
            if abs(score) >= _LEAST_NAMED * self._largest
        ]
        strongest = sorted(scored, reverse=True)
        sides = [
            ("for", [pair for pair in strongest if pair[0] > 0][:_STRONGEST]),
            ("against", [pair for pair in reversed(strongest) if pair[0] < 0][:_STRONGEST]),
        ]
        for side, pairs in sides:
            if pairs:
                words = (f"{clean(word)} {self._number(score)}" for score, word in pairs)
                yield f"{side}: {', '.join(words)}"
        if not self._largest:
            yield "nothing counts"

    def _number(self, score: float) -> str:
        """With two digits that say something, where the largest score is a small number."""
        if not self._largest:
            return f"{score:+.2f}"
        decimals = max(2, 1 - math.floor(math.log10(self._largest)))
        return f"{score:+.{decimals}f}" if decimals <= 6 else f"{score:+.1e}"


def _visible(match: "re.Match[str]") -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"
