"""Shows interpretations in the terminal, with words shaded by their scores."""

import math
import os
import sys
from typing import IO, Iterator, List, Optional, Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from biome_interpret.interpretation import RENDERERS, FieldScores, Interpretation, percent
from biome_interpret.visualization.captions import (
    largest_score,
    numbers,
    predicted_in,
    strongest_pairs,
    target_name,
)
from biome_interpret.visualization.characters import (
    display_pieces,
    named,
    without_controls,
    without_mark,
)

# Background colours, from light to full. Blue and orange differ in every type of colour vision.
# Words against the target are also underlined, for terminals that show only greys.
_FOR = [(222, 235, 247), (158, 202, 225), (66, 146, 198), (8, 81, 156)]
_AGAINST = [(254, 230, 206), (253, 174, 107), (230, 130, 50), (150, 65, 3)]
# For terminals with sixteen colours, which would show the light shades as white.
_FOR_16 = ["black on cyan", "black on cyan", "bright_white on blue", "bright_white on blue"]
_AGAINST_16 = ["black on yellow", "black on yellow", "bright_white on red", "bright_white on red"]
_FIRST_SHADE = 0.08

# The number of words that are named on each side, and the least share of the largest score.
_NUM_NAMED = 3
_LEAST_NAMED = 0.01
_INDENT = "  "
# Wider than any text, so that output for programs is not wrapped.
_UNLIMITED = 10_000_000


def make_console(shown_on: Optional[IO[str]] = None, file: Optional[IO[str]] = None) -> Console:
    """
    Makes a console that writes to `file`. What it may write depends on `shown_on`, the stream that
    people see: no colours if it is not a terminal or `NO_COLOR` is set, no line breaks if it is not
    a terminal. Both are standard output by default.
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
    """Replaces the characters that could control the terminal: an escape becomes "␛"."""
    return without_controls(text)


def render(
    interpretation: Interpretation,
    heading: str = "",
    with_method: bool = False,
    texts: Sequence[str] = (),
) -> RenderableType:
    """
    The shaded words of a text with prediction, target and numbers. Without colours, scores in
    brackets replace the shades. The `heading` names the origin of the text, such as "line 7".
    `with_method` adds the name of the interpreter. Words are spaced as in the `texts`.
    """
    method = interpretation.method if with_method else None
    return _Result(interpretation, [heading, method or ""], texts)


def show(interpretation: Interpretation) -> None:
    """Prints a result to standard output."""
    console = make_console()
    console.print(legend())
    console.print(render(interpretation))


RENDERERS["terminal"] = show


def legend() -> RenderableType:
    """Explains the shades, or the numbers that replace them."""
    return _Legend()


class _Legend:
    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        palette = _Palette(console)
        if palette.is_plain:
            yield Text("[+] speaks for the target, [-] against it, in units of the output")
            return
        levels = range(len(_FOR))
        against = [("  ", palette.style(-1, level)) for level in reversed(levels)]
        speaks_for = [("  ", palette.style(1, level)) for level in levels]
        yield Text.assemble("against ", *against, " ", *speaks_for, " for the target")


class _Palette:
    """The styles for the colours that a console has."""

    def __init__(self, console: Console) -> None:
        self.is_plain = console.color_system is None or console.no_color
        self._few_colours = console.color_system in ("standard", "windows")

    def style_of(self, score: float, largest: float) -> Optional[str]:
        """The style of a word, or `None` if its score is very small."""
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


class _Result:
    def __init__(
        self, interpretation: Interpretation, headings: List[str], texts: Sequence[str]
    ) -> None:
        self._result = interpretation
        self._texts = texts
        self._headings = [clean(heading) for heading in headings if heading]
        self._largest = largest_score(interpretation)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        palette = _Palette(console)
        yield self._headline()
        for line in self._details(palette):
            if palette.is_plain:  # `Padding` would fill the line with spaces.
                yield Text(_INDENT) + line
            else:
                yield Padding(line, (0, 0, 0, len(_INDENT)), expand=False)

    def _details(self, palette: _Palette) -> Iterator[Text]:
        several = len(self._result.fields) > 1
        for name, field in self._result.fields.items():
            words = self._words(field, palette)
            # With `assemble`, the style of the name does not spread to the words.
            yield Text.assemble((f"{clean(name)}: ", "dim"), words) if several else words
        for line in [*self._strongest(), numbers(self._result)]:
            yield Text(line, style="dim")
        for note in self._result.notes:
            yield Text(f"note: {clean(note)}", style="italic")

    def _headline(self) -> Text:
        target, probabilities = self._result.target, self._result.probabilities or {}
        name = target_name(target)
        predicted = predicted_in(probabilities)
        line = Text()
        for heading in self._headings:
            line.append(f"{heading}  ", style="dim")
        # A target of several labels has their names in the order of the labels.
        is_predicted = bool(predicted) and (
            name in predicted or sorted(name.split()) == sorted(" ".join(predicted).split())
        )
        line.append("predicted " if is_predicted else "target ").append(clean(name), style="bold")
        if target.probability is not None:
            line.append(f" {percent(target.probability)}")
        for label in [] if is_predicted else predicted:
            line.append(", predicted ").append(clean(label), style="bold")
            line.append(f" {percent(probabilities[label])}")
        return line

    def _words(self, field: FieldScores, palette: _Palette) -> Text:
        words = Text()
        pieces = display_pieces(field.tokens, self._texts)
        for position, (word, score) in enumerate(zip(field.tokens, field.scores)):
            words.append(" " if position and pieces[position].spaced else "")
            style = palette.style_of(score, self._largest)
            words.append(clean(without_mark(word)), style=style)
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
        speak_for = sorted((pair for pair in scored if pair[0] > 0), reverse=True)
        speak_against = sorted(pair for pair in scored if pair[0] < 0)
        for side, pairs in (("for", speak_for), ("against", speak_against)):
            words = [f"{named(word)} {self._number(score)}" for score, word in pairs[:_NUM_NAMED]]
            if words:
                yield f"{side}: {', '.join(words)}"
        if not self._largest:
            yield "all scores are 0"
        strongest = [
            f"{named(one.first)} · {named(one.second)} {self._number(one.value)}"
            for one in strongest_pairs(self._result)
        ]
        if strongest:
            yield f"pairs: {', '.join(strongest)}"

    def _number(self, score: float) -> str:
        """A score with enough decimals for two significant digits of the largest score."""
        if not self._largest:
            return f"{score:+.2f}"
        decimals = max(2, 1 - math.floor(math.log10(self._largest)))
        return f"{score:+.{decimals}f}" if decimals <= 6 else f"{score:+.1e}"
