import io
from pathlib import Path
from typing import List

import pytest
from rich.console import Console

from biome_interpret import IntegratedGradient, Interpretation, Target
from biome_interpret.visualization import terminal
from biome_interpret.visualization.captions import largest_score, numbers, target_name
from biome_interpret.visualization.report import write_report
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor
from tests.visualization.test_report import interpretation


@pytest.fixture(scope="module")
def spans() -> List[Interpretation]:
    """The interpretations of several spans of one text, from a tagger."""
    predictor = build_predictor("crf_tagger")
    found = IntegratedGradient(predictor).interpret_json(EXAMPLE_INPUTS["crf_tagger"])
    assert len(found) > 1
    return found


def test_numbers_leave_out_what_is_missing() -> None:
    full = interpretation(["a"], [1.0])
    assert numbers(full) == "output 1.000, baseline 0.250, delta 1.0e-03, 9 evaluations"
    short = interpretation(["a"], [1.0], baseline_output=None, convergence_delta=None)
    assert numbers(short) == "output 1.000, 9 evaluations"


def test_a_target_without_a_label_is_the_loss() -> None:
    assert target_name(Target("good")) == "good"
    assert target_name(Target()) == "the loss"


def test_the_largest_score_is_absolute_and_0_without_scores() -> None:
    assert largest_score(interpretation(["a", "b"], [1.0, -2.0])) == 2.0
    assert largest_score(interpretation([], [])) == 0.0


def test_the_words_of_a_target_are_part_of_the_text(spans: List[Interpretation]) -> None:
    for one in spans:
        [field] = one.fields.values()
        assert one.target.words is not None and one.target.label is not None
        words = one.target.words.split(" ")
        assert len(words) == len(one.target.label.split(" ")) < len(field.tokens)
        start = field.tokens.index(words[0])
        assert field.tokens[start : start + len(words)] == words
        assert Interpretation.from_json(one.to_json()) == one
    assert len({one.target.words for one in spans}) == len(spans)


def test_an_older_record_without_the_words_can_be_read(spans: List[Interpretation]) -> None:
    older = spans[0].to_json()
    del older["target"]["words"]
    assert Interpretation.from_json(older).target.words is None


def test_a_target_for_the_whole_text_has_no_words() -> None:
    predictor = build_predictor("lstm")
    [one] = IntegratedGradient(predictor).interpret_json(EXAMPLE_INPUTS["lstm"])
    assert one.target.words is None
    assert target_name(one.target) == one.target.label


def test_the_words_are_shown_next_to_the_target(
    spans: List[Interpretation], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    records = [{"line": 1, "inputs": {}, "interpretations": [one.to_json() for one in spans]}]
    write_report(records, page)
    for one in spans:
        name = target_name(one.target)
        assert name.endswith(f": {one.target.words}") and "-" not in name
        assert f"<bdi>{name}</bdi>" in one._repr_html_()
        assert f'"words":"{one.target.words}"' in page.read_text(encoding="utf-8")
        assert name in one.plot().axes[0].get_title()
        stream = io.StringIO()
        Console(file=stream, width=200).print(terminal.render(one))
        assert f"target {name}" in stream.getvalue()
