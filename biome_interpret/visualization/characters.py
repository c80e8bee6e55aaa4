"""Texts of any script as people should see them: nothing invisible, nothing that reorders."""

import re
import unicodedata
from typing import Iterable, List, NamedTuple, Optional, Sequence

# Embeddings, overrides and isolates. Marks (U+200E, U+200F) and joiners belong to ordinary writing.
_BIDIRECTIONAL = {
    "\u202a": "LRE",
    "\u202b": "RLE",
    "\u202c": "PDF",
    "\u202d": "LRO",
    "\u202e": "RLO",
    "\u2066": "LRI",
    "\u2067": "RLI",
    "\u2068": "FSI",
    "\u2069": "PDI",
}
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NOT_SEEN = re.compile("[\\s\u200b-\u200f\u2060\ufeff\u00ad]*")

# A name of a few letters, kept apart from the direction of what stands around it.
_NAME = "\u2066⟨{}⟩\u2069"

_BLANK = "␣"
_SPACE_MARKS = ("Ġ", "▁")
_INSIDE_MARK = "##"
_SPECIAL = re.compile(r"\[[^\]\s]+\]|<[^>\s]+>|@@[^@\s]+@@")

# What a tokenizer may leave out between two tokens, in characters, when they are looked for.
_FARTHEST = 40


def visible(text: str) -> str:
    """
    The text with control characters as their pictures (␀), bidirectional embeddings and overrides
    as their names (⟨RLO⟩), surrogates that have lost their other half as �, and a text of which
    nothing would be seen as ␣. Its length may differ.
    """
    if _NOT_SEEN.fullmatch(text):
        return _blank(text)
    return text if text.isprintable() else _UNPRINTABLE.sub(_picture, text)


def _blank(text: str) -> str:
    return "".join(_picture(c) if _UNPRINTABLE.match(c) else _BLANK for c in text[:3]) or _BLANK


def _picture(found: object) -> str:
    character = found.group() if isinstance(found, re.Match) else str(found)
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    if character in _BIDIRECTIONAL:
        return _NAME.format(_BIDIRECTIONAL[character])
    return "↵" if character in "\u2028\u2029" else "\ufffd"


class Piece(NamedTuple):
    """
    A token as it is shown.

    text : `str`
        As the input has it, where it was found there.
    spaced : `bool`
        Whether a space stands before it.
    """

    text: str
    spaced: bool


def set_out(tokens: Sequence[str], texts: Iterable[str] = ()) -> List[Piece]:
    """
    Tokens set out as the text that they were made of.

    # Parameters

    tokens : `Sequence[str]`
        Words, or pieces as WordPiece, SentencePiece and byte-pair encodings mark them.
    texts : `Iterable[str]`
        Which they may have been made of. Where they are found in none, their own marks decide
        on the spaces; where they have none, one stands between any two.

    # Returns

    `List[Piece]`
        One for each token.
    """
    found = [place for place in (_placed(tokens, text) for text in texts) if place is not None]
    if found:
        return min(found, key=lambda place: place.skipped).pieces
    return _by_marks(tokens)


class _Place(NamedTuple):
    skipped: int
    pieces: List[Piece]


def _placed(tokens: Sequence[str], text: str) -> Optional[_Place]:
    """The tokens in the text, in order, and how many characters lie between them."""
    lowered = text.lower()
    as_written = text if len(text) == len(lowered) else lowered
    pieces: List[Piece] = []
    position, skipped, spaced, is_found = 0, 0, False, False
    for token in tokens:
        core = _core(token).lower()
        if not core:
            pieces.append(Piece(_BLANK, True))
            position += len(lowered[position:]) - len(lowered[position:].lstrip())
            continue
        start = lowered.find(core, position, position + _FARTHEST + len(core))
        if start < 0 and _SPECIAL.fullmatch(token):
            pieces.append(Piece(visible(token), True))
            spaced = True
            continue
        if start < 0:
            return None
        between = text[position:start]
        spaced = spaced or any(map(str.isspace, between))
        skipped += len("".join(between.split()))
        position = start + len(core)
        pieces.append(Piece(visible(as_written[start:position] or token), spaced))
        spaced, is_found = False, True
    return _Place(skipped, pieces) if is_found else None


def without_mark(token: str) -> str:
    """The token without the mark of a space before it (Ġ, ▁)."""
    return token.lstrip("".join(_SPACE_MARKS))


def _core(token: str) -> str:
    if token.startswith(_INSIDE_MARK):
        return token[len(_INSIDE_MARK) :] or token
    return without_mark(token).strip()


def _by_marks(tokens: Sequence[str]) -> List[Piece]:
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
    """Whether a letter or a digit of any script, or a pictograph, is in it."""
    return any(unicodedata.category(character)[0] in "LN" for character in text) or any(
        unicodedata.category(character) == "So" for character in text
    )
