import io
import subprocess
import sys
from pathlib import Path
from typing import Dict, Optional

import pytest
from rich.console import Console

from biome_interpret import FieldScores, IntegratedGradient, Interpretation, Target
from biome_interpret.interpretation import PairScores
from biome_interpret.visualization import terminal
from biome_interpret.visualization.captions import target_name
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor
from tests.visualization.test_report import interpretation

ROOT = Path(__file__).parent.parent.parent


def shown(interpretation: Interpretation, **settings: object) -> str:
    console = Console(file=io.StringIO(), width=200, **settings)  # type: ignore[arg-type]
    console.print(terminal.legend())
    console.print(terminal.render(interpretation))
    return console.file.getvalue()  # type: ignore[attr-defined]


def result(
    scores: Dict[str, float], probabilities: Optional[Dict[str, float]] = None, label: str = "good"
) -> Interpretation:
    fields = {"tokens": FieldScores([*scores], [*scores.values()], "grad_input_1")}
    target = Target(label, 0, (probabilities or {}).get(label))
    return Interpretation(fields, target, output=1.0, probabilities=probabilities)


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("model", ["lstm", "esim", "crf_tagger"])
def test_without_colour_words_target_and_scores_are_written(model: str) -> None:
    for found in IntegratedGradient(build_predictor(model)).interpret_json(EXAMPLE_INPUTS[model]):
        text = shown(found)
        assert "\x1b" not in text
        assert target_name(found.target) in text
        assert f"delta {found.convergence_delta:.1e}" in text
        scores = [score for field in found.fields.values() for score in field.scores]
        largest = max(map(abs, scores))
        decimals = 2 if largest >= 0.1 else 3
        for field in found.fields.values():
            words = [
                f"{word}[{score:+.{decimals}f}]" if abs(score) >= 0.08 * largest else word
                for word, score in zip(field.tokens, field.scores)
            ]
            assert " ".join(words) in text


def test_prediction_and_target_with_their_probabilities() -> None:
    probabilities = {"bad": 0.75, "good": 0.25}
    assert "target good 25.0 %, predicted bad 75.0 %\n" in shown(result({"a": 1.0}, probabilities))
    assert "predicted bad 75.0 %\n" in shown(result({"a": 1.0}, probabilities, "bad"))
    # Almost certain is not certain.
    sure = {"good": 0.99996, "bad": 0.00004}
    assert "predicted good > 99.9 %\n" in shown(result({"a": 1.0}, sure))
    assert "target good\n" in shown(result({"a": 1.0}))


def test_small_scores_keep_their_digits() -> None:
    text = shown(result({"most": 0.0042, "less": -0.0011}))
    assert "most[+0.0042] less[-0.0011]" in text
    text = shown(result({"most": 4.2e-9, "less": -1.1e-9}))
    assert "most[+4.2e-09] less[-1.1e-09]" in text
    assert "all scores are 0" in shown(result({"most": 0.0}))


def test_with_colour_the_two_directions_differ_in_more_than_colour() -> None:
    text = shown(
        result({"for": 1.0, "against": -1.0, "some": 0.4, "nothing": 0.01}),
        force_terminal=True,
        color_system="truecolor",
    )
    assert "\x1b[97;48;2;8;81;156mfor\x1b[0m" in text
    assert "\x1b[4;97;48;2;150;65;3magainst\x1b[0m" in text
    assert "\x1b[30;48;2;158;202;225msome\x1b[0m" in text
    assert " nothing\n" in text
    assert "for[" not in text


def test_a_terminal_with_sixteen_colours_has_shades_of_its_own() -> None:
    scores = {"for": 1.0, "against": -1.0}
    text = shown(result(scores), force_terminal=True, color_system="standard")
    assert "\x1b[97;44mfor\x1b[0m" in text
    assert "\x1b[4;97;41magainst\x1b[0m" in text


def contrast(style: str) -> float:
    """The contrast ratio of a style's two colours, as defined by WCAG 2."""
    from rich.style import Style

    parsed = Style.parse(style)

    def luminance(colour: object) -> float:
        channels = [c / 255 for c in colour.get_truecolor()]  # type: ignore[attr-defined]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted([luminance(parsed.color), luminance(parsed.bgcolor)], reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("level", range(4))
def test_shaded_words_are_readable_on_any_terminal(sign: int, level: int) -> None:
    console = Console(force_terminal=True, color_system="truecolor")
    assert contrast(terminal._Palette(console).style(sign, level)) >= 4.5


def test_control_characters_are_shown_and_do_not_control_the_terminal() -> None:
    hostile = {"a\x1b[2Jb": 1.0, "c\u202ed\u2066": -1.0, "e\x07\n\r\t\x00\x7f\x9b\u2028": 0.5}
    found = result(hostile, {"go\x1bod": 1.0}, "go\x1bod")
    found.notes.append("n\x1bote")
    for settings in ({}, {"force_terminal": True, "color_system": "truecolor"}):
        text = shown(found, **settings)
        for ours in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[3m"):
            text = text.replace(ours, "")
        text = "".join(line for line in text.splitlines(keepends=True))
        assert "a␛[2Jb" in text and "c�d�" in text and "e␇␊␍␉␀␡��" in text
        assert not set(text) & set("\x07\r\t\x00\x7f\x9b\u2028\u202e\u2066")
        assert "\x1b[2J" not in text and "\x1bod" not in text and "\x1bote" not in text


def test_contractions_are_joined() -> None:
    words = ["It", "isn", "'", "t", "Bo", "'", "s", ",", "'", "quoted", "'"]
    found = interpretation(words, [0.001] * 9 + [1.0, 0.001])
    assert "It isn't Bo's , ' quoted[+1.00] '" in shown(found)
    found = interpretation(["do", "n't", "it", "’s", "t"], [0.001] * 4 + [1.0])
    assert "don't it’s t[+1.00]" in shown(found)


def test_words_are_spaced_as_in_their_text() -> None:
    console = Console(file=io.StringIO(), width=200)
    found = interpretation(["这部", "电影", "(好", ")"], [0.001] * 3 + [1.0])
    console.print(terminal.render(found, texts=["这部电影 (好)"]))
    assert "这部电影 (好)[+1.00]" in console.file.getvalue()  # type: ignore[attr-defined]


def test_the_estimated_error_is_shown() -> None:
    assert "delta 1.0e-03, estimated error 0.3 %, 9 evaluations" in shown(
        interpretation(["a"], [1.0], estimated_error=0.003)
    )


def test_show_prints_to_standard_output(capsys: pytest.CaptureFixture) -> None:
    result({"good": 1.0, "bad": -0.5}, {"good": 0.75}).show()
    printed = capsys.readouterr().out
    assert "predicted good 75.0 %\n  good[+1.00] bad[-0.50]\n" in printed


def test_markup_in_a_text_is_text() -> None:
    predictor = build_predictor("lstm")
    [found] = IntegratedGradient(predictor).interpret_json({"sentence": "[bold]x[/bold] [red]"})
    plain = "".join(c for c in shown(found) if c not in "+-.0123456789")
    assert "[bold]x[/bold]" in plain


class TestConsole:
    def test_of_a_terminal_has_colours_and_its_width(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setenv("TERM", "xterm-256color")
        console = terminal.make_console(Screen())
        assert console.color_system is not None
        assert console.width < 10_000

    def test_of_a_terminal_is_plain_with_no_color(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("NO_COLOR", "1")
        screen = Screen()
        console = terminal.make_console(screen)
        console.print(terminal.render(result({"for": 1.0})))
        assert "for[+1.00]" in screen.getvalue()
        assert "\x1b" not in screen.getvalue()

    def test_of_a_file_is_plain_and_wraps_nothing(self) -> None:
        file = io.StringIO()
        many = {f"word{i}": 1.0 for i in range(1000)}
        terminal.make_console(file).print(terminal.render(result(many)))
        lines = file.getvalue().splitlines()
        assert len(lines) == 4
        assert lines[1].endswith("word999[+1.00]")
        assert all(line == line.rstrip() for line in lines)


def test_the_demo_explains_every_review() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "demo.py")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    reviews = (ROOT / "fixtures" / "reviews.jsonl").read_text().splitlines()
    assert done.stdout.count("evaluations") == len(reviews)


def test_only_the_names_of_fields_are_dim() -> None:
    predictor = build_predictor("esim")
    [one] = IntegratedGradient(predictor).interpret_json(EXAMPLE_INPUTS["esim"])
    console = Console(force_terminal=True, color_system="truecolor", width=200, highlight=False)
    lines = console.render_lines(terminal.render(one), pad=False)
    words = [segment for segment in lines[1] + lines[2] if segment.text.strip()]
    assert [s.text.strip() for s in words if s.style and s.style.dim] == ["premise:", "hypothesis:"]


def test_words_with_tiny_scores_are_not_named_as_the_strongest() -> None:
    plain = shown(result({"a": 2.0, "b": -0.001, "c": 0.5}))
    assert "for: a +2.00, c +0.50" in plain
    assert "against:" not in plain


def test_the_strongest_words_are_named_without_marks_and_never_invisible() -> None:
    plain = shown(result({"Ġfine": 2.0, "\u200d": 1.0, "##ly": 0.5, "Ġ": -1.0, "\u202e": -2.0}))
    assert "for: fine +2.00, ␣ +1.00, ##ly +0.50\n" in plain
    assert "against: \ufffd -2.00, ␣ -1.00\n" in plain


def test_the_three_strongest_pairs_are_named() -> None:
    values = [
        [0.0, 0.5, 0.1, 0.0],
        [0.5, 0.0, -0.75, 0.2],
        [0.1, -0.75, 0.0, 0.0],
        [0.0, 0.2, 0.0, 0.0],
    ]
    tokens = ["not", "bad", "\x1b[31m", "."]
    found = interpretation(tokens, [1.0, 2.0, 0.5, 0.1], interactions=PairScores(values))
    assert "pairs: bad · ␛[31m -0.75, not · bad +0.50, bad · . +0.20" in shown(found)
    assert "pairs:" not in shown(interpretation(tokens, [1.0, 2.0, 0.5, 0.1]))
