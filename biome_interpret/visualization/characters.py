"""Prepares texts of any script for display: invisible and reordering characters become visible."""

import re
import unicodedata
from typing import Iterable, List, NamedTuple, Optional, Sequence

# Embeddings, overrides and isolates. Marks (U+200E, U+200F) and joiners belong to ordinary writing.
_BIDIRECTIONAL = re.compile("[\u202a-\u202e\u2066-\u2069]")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_INVISIBLE = re.compile("[\\s\u200b-\u200f\u2060\ufeff\u00ad]*")

_BLANK = "␣"
_SPACE_MARKS = ("Ġ", "▁")
_INSIDE_MARK = "##"
_SPECIAL = re.compile(r"\[[^\]\s]+\]|<[^>\s]+>|@@[^@\s]+@@")

# The most characters that a tokenizer may leave out between two tokens.
_LARGEST_GAP = 40


def visible(text: str) -> str:
    """
    The text with control characters as their pictures (␀), bidirectional embeddings and overrides
    as their names (⟨RLO⟩) and lone surrogates as �. A text that nobody could see becomes ␣. The
    length may change.
    """
    if _INVISIBLE.fullmatch(text):
        shown = (_picture(c) if _UNPRINTABLE.match(c) else _BLANK for c in text[:3])
        return "".join(shown) or _BLANK
    return text if text.isprintable() else _UNPRINTABLE.sub(lambda found: _picture(found[0]), text)


def without_controls(text: str) -> str:
    """
    The text with one plain character for each control character: its picture (␀) or �. Unlike
    `visible`, it adds no isolates, which would change the direction of text in a terminal.
    """
    return _UNPRINTABLE.sub(lambda found: _plain_picture(found[0]), text)


def _picture(character: str) -> str:
    if _BIDIRECTIONAL.match(character):
        # The isolates keep the name (such as RLO) apart from the direction of the text around it.
        return f"\u2066⟨{unicodedata.bidirectional(character)}⟩\u2069"
    return "↵" if character in "\u2028\u2029" else _plain_picture(character)


def _plain_picture(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "\ufffd"


class Piece(NamedTuple):
    """A token as it is shown: as the input writes it, if it was found there."""

    text: str
    spaced: bool  # Whether a space stands before it.


def set_out(tokens: Sequence[str], texts: Iterable[str] = ()) -> List[Piece]:
    """
    Gives one piece for each token, written and spaced as in the text that contains the tokens. If
    none of the texts does, the marks of WordPiece, SentencePiece and byte-pair encodings decide on
    the spaces. Tokens without marks are separated by spaces.
    """
    matches = [match for match in (_match(tokens, text) for text in texts) if match is not None]
    if matches:
        return min(matches, key=lambda match: match.num_skipped).pieces
    return _spaced_by_marks(tokens)


class _Match(NamedTuple):
    num_skipped: int
    pieces: List[Piece]


def _match(tokens: Sequence[str], text: str) -> Optional[_Match]:
    """Finds the tokens in the text, in order, and counts the characters left between them."""
    lowered = text.lower()
    as_written = text if len(text) == len(lowered) else lowered
    pieces: List[Piece] = []
    position, num_skipped, spaced, is_found = 0, 0, False, False
    for token in tokens:
        core = _core(token).lower()
        if not core:
            pieces.append(Piece(_BLANK, True))
            position += len(lowered[position:]) - len(lowered[position:].lstrip())
            continue
        start = lowered.find(core, position, position + _LARGEST_GAP + len(core))
        if start < 0 and _SPECIAL.fullmatch(token):
            pieces.append(Piece(visible(token), True))
            spaced = True
            continue
        if start < 0:
            return None
        between = text[position:start]
        spaced = spaced or any(map(str.isspace, between))
        num_skipped += len("".join(between.split()))
        position = start + len(core)
        pieces.append(Piece(visible(as_written[start:position] or token), spaced))
        spaced, is_found = False, True
    return _Match(num_skipped, pieces) if is_found else None


def without_mark(token: str) -> str:
    """The token without the mark of a space before it (Ġ, ▁)."""
    return token.lstrip("".join(_SPACE_MARKS))


def _core(token: str) -> str:
    if token.startswith(_INSIDE_MARK):
        return token[len(_INSIDE_MARK) :] or token
    return without_mark(token).strip()


def _spaced_by_marks(tokens: Sequence[str]) -> List[Piece]:
    if any(token.startswith(_SPACE_MARKS) for token in tokens):
        return [
            Piece(
                visible(without_mark(token)),
                bool(token.startswith(_SPACE_MARKS) or _SPECIAL.fullmatch(token)),
            )
            for token in tokens
        ]
    return [Piece(visible(token), not token.startswith(_INSIDE_MARK)) for token in tokens]


def is_word(text: str) -> bool:
    """Whether the text contains a letter or a digit of any script, or a pictograph."""
    categories = map(unicodedata.category, text)
    return any(category[0] in "LN" or category == "So" for category in categories)
