from typing import List, Optional

import pytest

from biome_interpret import Interpretation
from biome_interpret.interpretation import FieldScores
from biome_interpret.models.objectives import Target
from biome_interpret.visualization.captions import target_name
from biome_interpret.visualization.corpus import Gold, gold_of
from biome_interpret.visualization.spans import Span, gold_spans, places


def spans(text: str, *targets: str, method: str = "m") -> List[Interpretation]:
    """The results of a tagger. A target is written as "B-person L-person|Barack Obama"."""
    tokens = text.split("|")
    found = []
    for target in targets:
        label, words = target.split("|")
        field = FieldScores(tokens, [0.5] * len(tokens), "grad_input_1")
        found.append(
            Interpretation({"tokens": field}, Target(label, words=words), 1.0, method=method)
        )
    return found


@pytest.mark.parametrize(
    "label, name",
    [
        ("B-person L-person", "person"),
        ("U-per-son", "per-son"),
        ("S-LOC", "LOC"),
        ("NN", "NN"),
        ("B-person B-place", "B-person B-place"),
    ],
)
def test_a_span_is_named_by_its_type_and_words(label: str, name: str) -> None:
    assert target_name(Target(label, words="Barack Obama")) == f"{name}: Barack Obama"
    # A label of a whole text is no tag.
    assert target_name(Target(label)) == label


@pytest.mark.parametrize(
    "text, targets, expected",
    [
        ("Barack|Obama|spoke", ["B-p L-p|Barack Obama"], [Span(0, 2)]),
        ("In|Paris|Paris", ["U-l|Paris", "U-p|Paris"], [Span(1, 2), Span(2, 3)]),
        ("In|Paris|Paris", ["U-l|Paris"], [None]),  # Either one.
        ("York|with|York", ["B-p I-p|York with", "U-l|York"], [Span(0, 2), Span(2, 3)]),
        ("York|York|York|to", ["U-l|York", "U-p|to"], [None, Span(3, 4)]),
        ("They|aren't|here", ["X X|aren 't"], [Span(1, 2)]),  # Of joined tokens.
        ("They aren't here.", ["X X|aren 't"], [None]),
        ("Obama", ["U-p|Biden"], [None]),
    ],
)
def test_the_words_are_found_in_the_text(
    text: str, targets: List[str], expected: List[Optional[Span]]
) -> None:
    assert places(spans(text, *targets)) == expected


def test_each_interpreter_has_its_own_results() -> None:
    twice = [
        one
        for method in "ab"
        for one in spans("Paris|Paris", "U-l|Paris", "U-l|Paris", method=method)
    ]
    assert places(twice) == [Span(0, 1), Span(1, 2)] * 2


@pytest.mark.parametrize(
    "tags, expected",
    [
        ("B-p L-p O U-l", ["p: a b", "l: d"]),
        ("B-p I-p O B-l", ["p: a b", "l: d"]),
        ("I-p I-p B-p E-p", ["p: a b", "p: c d"]),
        ("S-p S-p M-l E-l", ["p: a", "p: b", "l: c d"]),
        ("I-p I-l L-l I-l", ["p: a", "l: b c", "l: d"]),
        ("NN O VB O", ["NN: a", "VB: c"]),
    ],
)
def test_tags_become_spans(tags: str, expected: List[str]) -> None:
    assert gold_spans(tags.split(), ["a", "b", "c", "d"]) == expected


def test_a_text_is_right_if_all_its_spans_are() -> None:
    found = spans("Barack|Obama|in|Paris", "B-p L-p|Barack Obama", "U-l|Paris")
    right = Gold("p: Barack Obama, l: Paris", True)
    assert gold_of(["B-p", "I-p", "O", "B-l"], {}, found) == right
    assert gold_of(["B-p", "I-p", "O", "O"], {}, found) == Gold("p: Barack Obama", False)
    # With two interpreters each span has two results.
    assert (
        gold_of(
            ["B-p", "I-p", "O", "B-l"],
            {},
            found
            + spans("Barack|Obama|in|Paris", "B-p L-p|Barack Obama", "U-l|Paris", method="other"),
        )
        == right
    )
    # The tags of joined tokens are not known.
    joined = spans("Barack Obama|in|Paris", "B-p L-p|Barack Obama")
    assert gold_of(["B-p", "I-p", "O", "B-l"], {}, joined) is None
