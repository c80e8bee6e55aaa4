"""Marks of people, brought to the words of the model."""

from typing import Any, Dict, List

import pytest

from biome_interpret.errors import InterpretationError
from biome_interpret.evaluation.studies.rationales import RationaleField, marks_of

MARKS = RationaleField("marks")


def marks(inputs: Dict[str, Any], *words: str) -> List[bool]:
    return marks_of(inputs, {"tokens": [*words]}, MARKS).marks


def test_words_of_the_text_are_those_between_spaces() -> None:
    inputs = {"text": "not  a good film", "marks": [1, 0, 1, 0]}
    assert marks(inputs, "not", "a", "good", "film") == [True, False, True, False]


def test_a_word_is_marked_if_one_of_its_characters_is() -> None:
    # The model joins what people's words divide, and divides what they join.
    inputs = {"text": "it is n't good!", "marks": [0, 0, 1, 1]}
    assert marks(inputs, "it", "isn't", "good", "!") == [False, True, True, True]


def test_a_list_of_words_beside_the_text_may_divide_it_in_another_way() -> None:
    inputs = {"text": "Good.", "words": ["Good", "."], "marks": [0, 1]}
    assert marks(inputs, "Good", ".") == [False, True]


def test_case_does_not_matter() -> None:
    assert marks({"text": "GOOD film", "marks": [1, 0]}, "good", "film") == [True, False]


def test_the_text_of_the_field_is_taken_among_several() -> None:
    inputs = {"one": "a b", "two": "c d", "marks": [0, 1]}
    fields = {"premise": ["a", "b"], "hypothesis": ["c", "d"]}
    found = marks_of(inputs, fields, RationaleField("marks", "hypothesis"))
    assert found == ("hypothesis", [False, True])
    with pytest.raises(InterpretationError, match="marks=FIELD; the fields are 'premise'"):
        marks_of(inputs, fields, MARKS)
    with pytest.raises(InterpretationError, match="marks=third names no text field: give"):
        marks_of(inputs, fields, RationaleField("marks", "third"))


@pytest.mark.parametrize(
    "inputs, message",
    [
        ({"text": "a b"}, "no such key; its keys are 'text'"),
        ({"text": "a b", "marks": [1]}, "1 marks, but .* give a mark for each word"),
        ({"text": "a b", "marks": [1, 0, 1]}, "3 marks"),
        ({"text": "a c", "marks": [1, 0]}, "2 marks"),
        ({"text": "a b", "marks": "10"}, "must be a list of 0 and 1"),
        ({"text": "a b", "marks": [0, 2]}, "must be a list of 0 and 1"),
    ],
)
def test_other_marks_are_refused(inputs: Dict[str, Any], message: str) -> None:
    with pytest.raises(InterpretationError, match=message):
        marks(inputs, "a", "b")
