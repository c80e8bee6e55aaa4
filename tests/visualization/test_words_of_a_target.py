"""A tagger explains several spans of a text: each result says of which words it speaks."""

import io
from pathlib import Path
from typing import List

import pytest
from rich.console import Console

from biome_interpret import IntegratedGradient, Interpretation
from biome_interpret.visualization import terminal
from biome_interpret.visualization.report import write_report
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor


@pytest.fixture(scope="module")
def spans() -> List[Interpretation]:
    """Of a tagger, of which more than one span is explained."""
    predictor = build_predictor("crf_tagger")
    found = IntegratedGradient(predictor).interpret_json(EXAMPLE_INPUTS["crf_tagger"])
    assert len(found) > 1
    return found


def test_are_some_of_the_text_s_own(spans: List[Interpretation]) -> None:
    for one in spans:
        [field] = one.fields.values()
        assert one.target.words is not None and one.target.label is not None
        words = one.target.words.split(" ")
        assert len(words) == len(one.target.label.split(" ")) < len(field.tokens)
        start = field.tokens.index(words[0])
        assert field.tokens[start : start + len(words)] == words
        assert Interpretation.from_json(one.to_json()) == one
    assert len({one.target.words for one in spans}) == len(spans)


def test_an_older_record_without_them_can_be_read(spans: List[Interpretation]) -> None:
    older = spans[0].to_json()
    del older["target"]["words"]
    assert Interpretation.from_json(older).target.words is None


def test_are_none_where_the_whole_text_has_the_label() -> None:
    predictor = build_predictor("lstm")
    [one] = IntegratedGradient(predictor).interpret_json(EXAMPLE_INPUTS["lstm"])
    assert one.target.words is None
    assert " at " not in one._repr_html_()


def test_are_shown_wherever_the_target_is(spans: List[Interpretation], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    records = [{"line": 1, "inputs": {}, "interpretations": [one.to_json() for one in spans]}]
    write_report(records, page)
    for one in spans:
        assert f" at <q><bdi>{one.target.words}</bdi></q>" in one._repr_html_()
        assert f'"words":"{one.target.words}"' in page.read_text(encoding="utf-8")
        assert f"at “{one.target.words}”" in one.plot().axes[0].get_title()
        stream = io.StringIO()
        Console(file=stream, width=200).print(terminal.render(one))
        assert f"target {one.target.label} at “{one.target.words}”" in stream.getvalue()
