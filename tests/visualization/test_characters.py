import unicodedata
from typing import Any, List

import pytest

from biome_interpret.visualization.characters import display_pieces, visible, without_controls


def written(tokens: List[str], *texts: str) -> str:
    return "".join(
        " " * piece.spaced + piece.text for piece in display_pieces(tokens, texts)
    ).strip()


@pytest.mark.parametrize(
    "tokens, text",
    [
        (["don", "'", "t", "go", "!"], "don't  go!"),
        (["This", "is", "fine", "."], "This is fine."),
        (["这部", "电影", "，", "好"], "这部电影，好"),
        (["the", "surpris", "##ing", "film"], "The surprising film"),
        (["▁the", "▁film", "s"], "The films"),
        (["Ġthe", "Ġfilm", "s"], "the films"),
        (["the", "Ġfilm"], "the film"),
        (["", "a", "▁", "b"], "a  b"),
    ],
)
def test_tokens_are_spaced_as_in_their_text(tokens: List[str], text: str) -> None:
    shown = written(tokens, "another text", text)
    assert shown.replace("␣", " ").split() == text.split()


def test_special_tokens_are_kept() -> None:
    assert written(["[CLS]", "a", "film", "[SEP]"], "A film") == "[CLS] A film [SEP]"
    assert written(["<s>", "Ġa", "Ġfilm", "</s>"], "a film") == "<s> a film </s>"


@pytest.mark.parametrize(
    "tokens, expected",
    [
        (["plain", "words"], "plain words"),
        (["sur", "##pris", "##ing"], "sur##pris##ing"),
        (["<s>", "Ġthe", "Ġfilm", "s", "</s>"], "<s> the films </s>"),
        (["▁the", "▁film", "s"], "the films"),
    ],
)
def test_without_the_text_the_marks_decide_on_the_spaces(tokens: List[str], expected: str) -> None:
    assert written(tokens) == expected
    assert written(tokens, "quite another text") == expected


def test_the_text_with_the_smallest_gaps_is_taken() -> None:
    assert written(["a", "b"], "a - b", "ab") == "ab"


def test_every_invisible_character_becomes_visible() -> None:
    for code in range(0x11_0000):
        character = chr(code)
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or code in (
            *range(0x202A, 0x202F),
            *range(0x2066, 0x206A),
        ):
            shown = visible(f"a{character}b")
            assert shown not in ("ab", f"a{character}b"), hex(code)
            plain = without_controls(f"a{character}b")
            assert len(plain) == 3 and plain.isprintable(), hex(code)
            left = set(shown) - set("ab\u2066\u2069")
            assert left and all(c.isprintable() for c in left), hex(code)


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\ufeff", "\u00ad", "\u200e"])
def test_an_invisible_text_becomes_visible(text: str) -> None:
    assert visible(text) == "␣"


def test_ordinary_writing_is_unchanged() -> None:
    for text in ["é", "👩‍👩‍👧", "می‌خواهم", "हिन्दी", "שלום", "a b", "$x_1$"]:
        assert visible(text) == text


@pytest.mark.parametrize(
    "tokens, places",
    [
        (["[UNK]", "a", "film"], [None, (7, 8), (9, 13)]),
        (["[CLS]", "zażółć", "[UNK]", "film"], [None, (0, 6), None, (9, 13)]),
        # A piece of the unknown word itself, and a word that is nowhere else.
        (["[UNK]", "##ółć", "a"], [None, (3, 6), (7, 8)]),
        (["[UNK]", "żół", "film"], [None, (2, 5), (9, 13)]),
    ],
)
def test_a_word_after_an_unknown_one_is_not_searched_inside_it(
    tokens: List[str], places: List[Any]
) -> None:
    pieces = display_pieces(tokens, ["Zażółć a film"])
    assert [piece.place for piece in pieces] == places
