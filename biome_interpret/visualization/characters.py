"""Prepares texts of any script for display, and makes their invisible characters visible."""

import re
import unicodedata
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

# Embeddings, overrides and isolates. Ordinary writing needs joiners and the marks U+200E, U+200F.
_BIDIRECTIONAL = re.compile("[\u202a-\u202e\u2066-\u2069]")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_INVISIBLE = re.compile("[\\s\u200b-\u200f\u2060\ufeff\u00ad]*")

_BLANK = "␣"
_SPACE_MARKS = ("Ġ", "▁")
_INSIDE_MARK = "##"
_APOSTROPHES = ("'", "’")
_CONTRACTED = frozenset("s t d m re ve ll".split())
_NOT = ("n't", "n’t")
_SPECIAL = re.compile(r"\[[^\]\s]+\]|<[^>\s]+>|@@[^@\s]+@@")

# The largest number of characters that a tokenizer may leave out between two tokens.
_LARGEST_GAP = 40


def visible(text: str) -> str:
    """
    Replaces control characters by their pictures (␀), bidirectional controls by their names (⟨RLO⟩)
    and lone surrogates by �. A text of invisible characters becomes ␣. The length may change.
    """
    if _INVISIBLE.fullmatch(text):
        shown = (_picture(c) if _UNPRINTABLE.match(c) else _BLANK for c in text[:3])
        return "".join(shown) or _BLANK
    return text if text.isprintable() else _UNPRINTABLE.sub(lambda found: _picture(found[0]), text)


def without_controls(text: str) -> str:
    """
    Replaces each control character by one plain character, its picture (␀) or �. `visible` adds
    isolates, which would change the direction of text in a terminal.
    """
    return _UNPRINTABLE.sub(lambda found: _plain_picture(found[0]), text)


def _picture(character: str) -> str:
    if _BIDIRECTIONAL.match(character):
        # Inside isolates, the name (such as RLO) does not follow the direction of its context.
        return f"\u2066⟨{unicodedata.bidirectional(character)}⟩\u2069"
    return "↵" if character in "\u2028\u2029" else _plain_picture(character)


def _plain_picture(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "\ufffd"


class Piece(NamedTuple):
    """
    A token as it is shown, whether a space precedes it, and where it begins and ends in the text
    that contains the tokens; `None` if it is not there.
    """

    text: str
    spaced: bool
    place: Optional[Tuple[int, int]] = None


def display_pieces(tokens: Sequence[str], texts: Iterable[str] = ()) -> List[Piece]:
    """
    Makes one piece of each token, written and spaced as in the text that contains the tokens. If
    none of the texts contains them, marks of WordPiece, SentencePiece and byte-pair encodings give
    the spaces. Tokens without marks are separated by spaces, except for contractions: isn't.
    """
    match = best_match(tokens, texts)
    if match is not None:
        return match.pieces
    has_marks = any(token.startswith(_SPACE_MARKS) for token in tokens)
    pieces = []
    for position, token in enumerate(tokens):
        starts_word = not token.startswith(_INSIDE_MARK) and not _contracts(tokens, position)
        if has_marks:
            starts_word = token.startswith(_SPACE_MARKS) or bool(_SPECIAL.fullmatch(token))
        pieces.append(Piece(visible(without_mark(token)), starts_word))
    return pieces


def _contracts(tokens: Sequence[str], position: int) -> bool:
    """Whether a token belongs to the word before it, as the parts of isn-'-t, it-'s and is-n't."""
    if position == 0:
        return False
    before, token = tokens[position - 1], tokens[position].lower()
    if before in _APOSTROPHES:
        return position > 1 and token in _CONTRACTED and tokens[position - 2][-1:].isalpha()
    rest = token[1:] or "".join(tokens[position + 1 : position + 2]).lower()
    is_part = token[:1] in _APOSTROPHES and rest in _CONTRACTED
    return before[-1:].isalpha() and (is_part or token in _NOT)


class Match(NamedTuple):
    """The text that contains the tokens, and how many of its characters stand between them."""

    text: str
    num_skipped: int
    pieces: List[Piece]


def best_match(tokens: Sequence[str], texts: Iterable[str]) -> Optional[Match]:
    """With the text that contains the tokens, in order; `None` if no text does."""
    matches = [match for match in (_match(tokens, text) for text in texts) if match is not None]
    return min(matches, key=lambda match: match.num_skipped) if matches else None


def _match(tokens: Sequence[str], text: str) -> Optional[Match]:
    lowered = text.lower()
    # The character of the text that each lower-case one comes from. Some, as İ, become two.
    origins: Sequence[int] = range(len(text))
    if len(text) != len(lowered):
        origins = [i for i, character in enumerate(text) for _ in character.lower()]
    pieces: List[Piece] = []
    position, num_skipped, spaced, is_found, is_after_unknown = 0, 0, False, False, False
    for token in tokens:
        core = _without_marks(token).lower()
        if not core:
            pieces.append(Piece(_BLANK, True))
            position += len(lowered[position:]) - len(lowered[position:].lstrip())
            continue
        begins_word = is_after_unknown and not token.startswith(_INSIDE_MARK)
        start = _found(core, lowered, position, begins_word)
        if start < 0 and _SPECIAL.fullmatch(token):
            pieces.append(Piece(visible(token), True))
            spaced = is_after_unknown = True
            continue
        if start < 0:
            return None
        between = lowered[position:start]
        spaced = spaced or any(map(str.isspace, between))
        num_skipped += len("".join(between.split()))
        position = start + len(core)
        first, end = origins[start], origins[position - 1] + 1
        pieces.append(Piece(visible(text[first:end]), spaced, (first, end)))
        spaced, is_found, is_after_unknown = False, True, False
    return Match(text, num_skipped, pieces) if is_found else None


def _found(core: str, text: str, position: int, begins_word: bool) -> int:
    """
    Where the text has the token, or -1. After an unknown word it is not searched inside that word,
    unless it is nowhere else.
    """
    end = position + _LARGEST_GAP + len(core)
    first = found = text.find(core, position, end)
    while begins_word and found > 0 and text[found - 1].isalnum():
        found = text.find(core, found + 1, end)
    return first if found < 0 else found


def named(token: str) -> str:
    """The token in a list, on a terminal: without its mark, and never invisible."""
    plain = without_controls(without_mark(token))
    return _BLANK if _INVISIBLE.fullmatch(plain) else plain


def without_mark(token: str) -> str:
    """The token without the mark of a space before it (Ġ, ▁)."""
    return token.lstrip("".join(_SPACE_MARKS))


def _without_marks(token: str) -> str:
    if token.startswith(_INSIDE_MARK):
        return token[len(_INSIDE_MARK) :] or token
    return without_mark(token).strip()


def is_word(text: str) -> bool:
    """Whether the text contains a letter or a digit of any script, or a pictograph."""
    categories = map(unicodedata.category, text)
    return any(category[0] in "LN" or category == "So" for category in categories)
