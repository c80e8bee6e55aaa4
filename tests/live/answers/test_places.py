"""Where the tokens of a result stand in the strings of its input."""

from typing import Any, List, Optional

import pytest

from biome_interpret import IntegratedGradient
from biome_interpret.live.answers.places import places_of
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor


def found(tokens: List[str], inputs: Any, field: str = "tokens") -> List[Optional[str]]:
    """The part of the input at each span, as JavaScript takes it."""
    places = places_of(tokens, inputs, field)
    parts: List[Optional[str]] = []
    for span in places.spans:
        if span is None:
            parts.append(None)
            continue
        k, start, end = span
        value = inputs
        for key in places.strings[k]:
            value = value[key]
        units = value.encode("utf-16-le", "surrogatepass")
        parts.append(units[2 * start : 2 * end].decode("utf-16-le", "surrogatepass"))
    assert len(parts) == len(places.pieces) == len(tokens)
    return parts


@pytest.mark.parametrize(
    "tokens, text, expected",
    [
        (["a", "film", "."], "A film.", ["A", "film", "."]),
        (["[CLS]", "bor", "##ing", "[SEP]"], "Boring", [None, "Bor", "ing", None]),
        (["<s>", "Ġa", "Ġfilm", "</s>"], " a film", [None, "a", "film", None]),
        (["😀", "film", "😀"], "😀 film😀", ["😀", "film", "😀"]),
        (["i̇yi", "film"], "İyi film", ["İyi", "film"]),
        (["good", "good"], "good good", ["good", "good"]),
        (["a", "[UNK]", "film"], "a 𝄞 film", ["a", None, "film"]),
        (["other"], "A film.", [None]),
        (["film"], "", [None]),
    ],
)
def test_in_one_string(tokens: List[str], text: str, expected: List[Optional[str]]) -> None:
    assert found(tokens, {"sentence": text}) == expected


def test_the_right_string_of_several() -> None:
    inputs = {"id": "film-7", "sentences": ["A film.", "Two dull films."], "n": 3, "none": None}
    assert places_of(["two", "dull"], inputs, "tokens").strings == [("sentences", 1)]
    assert found(["two", "dull"], inputs) == ["Two", "dull"]


@pytest.mark.parametrize("hypothesis", ["A dog", "A dog.", "A dog. It runs."])
def test_texts_that_are_alike(hypothesis: str) -> None:
    inputs = {"premise": "A dog. It runs.", "hypothesis": hypothesis}
    tokens = ["a", "dog"]
    for field in inputs:
        assert places_of(tokens, inputs, field).strings == [(field,)]
    sentences = {"sentences": ["A dog.", hypothesis]}
    assert places_of(tokens, sentences, "sentences[1]").strings == [("sentences", 1)]
    # Without its name, the one that has least besides.
    others = {"first": "A dog. It runs fast.", "second": hypothesis}
    assert places_of(tokens, others, "tokens").strings == [("second",)]


@pytest.mark.parametrize("order", [1, -1])
def test_a_field_of_two_texts(order: int) -> None:
    inputs = dict([("premise", "A 😀 dog runs."), ("hypothesis", "A cat.")][::order])
    tokens = ["[CLS]", "a", "dog", "runs", ".", "[SEP]", "a", "cat", ".", "[SEP]"]
    assert {*places_of(tokens, inputs, "tokens").strings} == {("premise",), ("hypothesis",)}
    expected = [None, "A", "dog", "runs", ".", None, "A", "cat", ".", None]
    assert found(tokens, inputs) == expected


@pytest.mark.parametrize("number", [2, 3, 40])
def test_alternatives_beside_a_text_that_they_share(number: int) -> None:
    alternatives = [*(f"a film of {year}" for year in range(1980, 1978 + number)), "Same", "Same"]
    inputs = {"id": "q-7", "prefix": "It is", "alternatives": alternatives, "n": 3}
    for i, text in enumerate(alternatives):
        tokens = ["[CLS]", "it", "is", "[SEP]", *text.lower().split(), "[SEP]"]
        places = places_of(tokens, inputs, f"alternatives[{i}]")
        assert places.strings == [("prefix",), ("alternatives", i)]
        parts = found(tokens, inputs, f"alternatives[{i}]")
        assert parts == [None, "It", "is", None, *text.split(), None]
    assert found(["it", "is", "other"], inputs, "alternatives[0]") == [None] * 3


@pytest.mark.parametrize("granularity", ["all_tokens", "token", "word", "sentence"])
@pytest.mark.parametrize("name", ["lstm", "bert", "roberta", "esim", "simple_tagger"])
def test_of_each_kind_of_model(name: str, granularity: str) -> None:
    inputs = EXAMPLE_INPUTS[name]
    [result, *_] = IntegratedGradient(
        build_predictor(name), granularity=granularity
    ).interpret_json(inputs)
    for name_, field in result.fields.items():
        # Special tokens are not in the text.
        words = [part for part in found(field.tokens, inputs, name_) if part is not None]
        joined = "".join(words).replace(" ", "")
        assert joined in [text.replace(" ", "") for text in inputs.values()]
