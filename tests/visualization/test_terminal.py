import io
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from biome_interpret import IntegratedGradient, Interpretation
from biome_interpret.visualization import terminal
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

ROOT = Path(__file__).parent.parent.parent


def shown(interpretation: Interpretation, **settings: object) -> str:
    console = Console(file=io.StringIO(), width=200, **settings)  # type: ignore[arg-type]
    console.print(terminal.legend())
    console.print(terminal.render(interpretation))
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["lstm", "esim", "crf_tagger"])
def test_without_colour_words_target_and_scores_stand_there(kind: str) -> None:
    for result in IntegratedGradient(build_predictor(kind)).interpret_json(EXAMPLE_INPUTS[kind]):
        text = shown(result)
        assert "\x1b" not in text
        assert result.target.label in text
        for field in result.fields.values():
            assert " ".join(field.tokens) in text
        scores = [score for field in result.fields.values() for score in field.scores]
        strongest = max(scores, key=abs)
        assert f"{strongest:+.2f}" in text


def test_with_colour_the_two_directions_differ() -> None:
    [result] = IntegratedGradient(build_predictor("lstm")).interpret_json(EXAMPLE_INPUTS["lstm"])
    text = shown(result, force_terminal=True, color_system="truecolor")
    assert "48;2;8;81;156" in text or "48;2;150;65;3" in text


def test_markup_in_a_text_is_text() -> None:
    predictor = build_predictor("lstm")
    [result] = IntegratedGradient(predictor).interpret_json({"sentence": "[bold]x[/bold] [red]"})
    assert "[bold]x[/bold]" in shown(result)


def test_the_demo_explains_every_review() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "demo.py")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    reviews = (ROOT / "fixtures" / "reviews.jsonl").read_text().splitlines()
    assert done.stdout.count("evaluations") == len(reviews)
