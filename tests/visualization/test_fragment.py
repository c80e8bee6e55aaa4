import re
from html.parser import HTMLParser
from typing import Any, List

import pytest

from biome_interpret import IntegratedGradient, Interpretation
from biome_interpret.interpretation import FieldScores, PairScores
from biome_interpret.models.objectives import Target
from biome_interpret.visualization import fragment
from biome_interpret.visualization.captions import target_name
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor
from tests.visualization.test_report import interpretation


class Reader(HTMLParser):
    """Collects the tags and the text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: List[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append(tag)
        for name, _ in attributes:
            assert name in ("style", "title", "dir"), name

    def handle_data(self, data: str) -> None:
        self.text += data


def read(result: Interpretation) -> Reader:
    return Reader(result._repr_html_())


@pytest.mark.parametrize("model", ["lstm", "esim", "bert_mismatched", "crf_tagger"])
def test_a_notebook_shows_words_target_and_exact_scores(model: str) -> None:
    for result in IntegratedGradient(build_predictor(model)).interpret_json(EXAMPLE_INPUTS[model]):
        html = result._repr_html_()
        shown = Reader(html)
        assert target_name(result.target) in shown.text
        for name, field in result.fields.items():
            assert " ".join(field.tokens) in shown.text
            assert (name in shown.text) == (len(result.fields) > 1)
            for score in field.scores:
                assert f'title="{score:+.4g} ('.replace("-", "−") in html


@pytest.mark.parametrize(
    "text",
    [
        "</span><script>alert(1)</script>",
        '" onmouseover="alert(1)',
        "' <!-- & &lt; ]]>",
        "\u202eabc \x00 \x1b[31m",
    ],
)
def test_no_text_becomes_markup(text: str) -> None:
    field = FieldScores([text, "plain"], [1.0, -1.0], "grad_input_1")
    result = Interpretation(
        {text: field, "other": field}, Target(text, 0, 0.5), output=1.0, notes=[text]
    )
    shown = read(result)
    assert set(shown.tags) <= {"div", "b", "bdi", "small", "p", "span", "br"}
    assert len([tag for tag in shown.tags if tag == "span"]) == 4
    assert not set("\u202e\x00\x1b") & set(shown.text)


def test_a_long_text_is_cut_and_says_so() -> None:
    shown = read(interpretation(["word"] * 5000, [0.1] * 5000))
    assert shown.tags.count("span") == 1000
    assert "4,000 more" in shown.text


def test_sign_and_size_show_without_colour() -> None:
    scores = [step / 12 for step in range(1, 13)]
    html = interpretation(["a"] * 24, scores + [-s for s in scores])._repr_html_()
    lines = re.findall(r"border-bottom:(\d)px (\w+)", html)
    assert [style for _, style in lines] == ["solid"] * 12 + ["dashed"] * 12
    widths = [int(width) for width, _ in lines[:12]]
    assert widths == sorted(widths) and len(set(widths)) == 4


@pytest.mark.parametrize("colour", [fragment.FOR, fragment.AGAINST])
@pytest.mark.parametrize(
    "ink, paper",
    [((33, 33, 33), (255, 255, 255)), ((224, 224, 224), (17, 17, 17)), ((204,) * 3, (31,) * 3)],
)
def test_words_can_be_read_in_light_and_dark_notebooks(colour: Any, ink: Any, paper: Any) -> None:
    dense = fragment.DENSEST
    behind = [dense * c + (1 - dense) * p for c, p in zip(colour, paper)]
    lighter, darker = sorted([luminance(ink), luminance(behind)], reverse=True)
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def luminance(rgb: Any) -> float:
    """Relative luminance, as defined by WCAG 2."""
    shares = [value / 255 for value in rgb]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


class TestInteractions:
    def test_each_pair_has_its_number(self) -> None:
        pairs = PairScores([[0.0, 1.5, 0.0], [1.5, 0.0, -0.25], [0.0, -0.25, 0.0]])
        html = interpretation(
            ["not", "bad", "."], [1.0, 2.0, 0.5], interactions=pairs
        )._repr_html_()
        assert html.count("+1.5<") == 2 and html.count("−0.25<") == 2
        assert html.count("<th>") == 1 + 2 * 3 and html.count("<td ") == 9
        assert Reader(html).tags.count("details") == 1

    def test_no_text_becomes_markup(self) -> None:
        text = "</th><script>alert(1)</script>"
        pairs = PairScores([[0.0, 1.0], [1.0, 0.0]])
        shown = Reader(interpretation([text, text], [1.0, 2.0], interactions=pairs)._repr_html_())
        assert "script" not in shown.tags and shown.text.count(text) == 6

    def test_of_many_tokens_those_that_interact_most_are_shown(self) -> None:
        number = 40
        values = [[0.0] * number for _ in range(number)]
        values[1][39] = values[39][1] = 2.0
        tokens = [f"w{i}" for i in range(number)]
        result = interpretation(tokens, [1.0] * number, interactions=PairScores(values))
        html = result._repr_html_()
        assert html.count("<td ") == 30 * 30 and "of the 30 tokens that interact most" in html
        assert "<th><bdi>w39</bdi></th>" in html

    def test_without_interactions_there_is_no_table(self) -> None:
        assert "<table" not in interpretation(["a"], [1.0])._repr_html_()
