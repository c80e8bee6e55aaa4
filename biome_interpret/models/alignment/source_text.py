"""
The source text of a text field, and where its tokens stand in it.

Instances do not keep the string that a field was made from. The tokens' offsets find it again among
the strings of the input.
"""

import re
from itertools import accumulate
from typing import Any, Iterator, List, Optional, Sequence, Tuple

from allennlp.data import Token

# Where a token begins and ends, in characters.
Offsets = Tuple[int, int]

# Tokenizers mark pieces that begin, continue or end a word.
_MARKS = re.compile(r"^(?:##|[Ġ▁]+)|(?:</w>|@@)$")


def text_of(token: Token) -> str:
    """
    A token's text. A token that is an id only gets a name: a byte its ASCII character, or one like
    `<0xC3>`. AllenNLP's tokenizers give the id 1 + b to a byte b, since 0 is padding.
    """
    if token.text is not None:
        return str(token.text)
    byte = _byte_of(token)
    if byte is None:
        return f"<{token.text_id}>"
    return chr(byte) if 32 <= byte < 127 else f"<0x{byte:02X}>"


def _byte_of(token: Token) -> Optional[int]:
    byte = (token.text_id or 0) - 1
    return byte if token.text is None and 0 <= byte < 256 else None


def unmarked(token: Token) -> str:
    """A token's text without the marks of a word piece."""
    return _MARKS.sub("", text_of(token))


def touch(before: Token, token: Token) -> bool:
    """Whether nothing stands between two tokens, by their offsets."""
    return before.idx is not None and before.idx >= 0 and _end(before) == token.idx


def strings_in(value: Any) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from strings_in(item)


def locate(
    tokens: Sequence[Token], candidates: Sequence[str]
) -> Optional[Tuple[str, List[Offsets]]]:
    """
    The source texts of some tokens, joined by spaces, and the offsets of each token in the result.
    `None` if the tokens fit none of the candidates.
    """
    spelt = _spelt(tokens, candidates)
    if spelt is not None:
        return spelt
    text, offsets = "", []  # type: str, List[Offsets]
    for part in _texts(_without_added_offsets(tokens)):
        source = _source_of(part, candidates)
        if source is None:
            return None
        first = len(text) + 1 if text else 0
        text = f"{text} {source}" if text else source
        offsets += [(first + start, first + end) for start, end in _offsets(part, len(source))]
    return text, offsets


def joined_with_offsets(tokens: Sequence[Token]) -> Tuple[str, List[Offsets]]:
    """The tokens joined by spaces, and the offsets of each."""
    offsets, start = [], 0
    for token in tokens:
        offsets.append((start, start + len(unmarked(token))))
        start = offsets[-1][1] + 1
    return " ".join(unmarked(token) for token in tokens), offsets


def _spelt(
    tokens: Sequence[Token], candidates: Sequence[str]
) -> Optional[Tuple[str, List[Offsets]]]:
    """
    The candidate that the tokens without offsets spell, as characters and bytes do. Other tokens
    were added to these, and are empty.
    """
    pieces = [_bytes(token) if token.idx is None else b"" for token in tokens]
    if 2 * sum(map(bool, pieces)) <= len(tokens):
        return None
    spelt, ends = b"".join(pieces), list(accumulate(map(len, pieces)))
    for source in candidates:
        for written in (source, source.lower()):
            chars = [char.encode("utf-8", "surrogatepass") for char in written]
            if len(chars) == len(source) and b"".join(chars) == spelt:
                # The character of each byte, and the end.
                index = [i for i, char in enumerate(chars) for _ in char] + [len(source)]
                spans = zip([0, *ends], ends)
                return source, [
                    (index[a], index[b - 1] + 1 if a < b else index[a]) for a, b in spans
                ]
    return None


def _bytes(token: Token) -> bytes:
    byte = _byte_of(token)
    return text_of(token).encode("utf-8", "surrogatepass") if byte is None else bytes([byte])


def _without_added_offsets(tokens: Sequence[Token]) -> List[Token]:
    """Tokenizers add start tokens with the offset of the first word, and end tokens with -1."""
    found: List[Token] = []
    following: Optional[int] = None
    for token in reversed(tokens):
        if token.idx is not None and getattr(token, "idx_end", None) is None:
            if token.idx < 0 or token.idx == following:
                token = _unplaced(token)
        following = following if token.idx is None else token.idx
        found.append(token)
    return found[::-1]


def _unplaced(token: Any) -> Token:
    return Token(token.text, text_id=token.text_id)


def _texts(tokens: Sequence[Token]) -> Iterator[List[Token]]:
    """The texts that a field holds. A new one begins where the offsets go back."""
    text: List[Token] = []
    last = 0
    for token in tokens:
        if token.idx is not None:
            if token.idx < last:
                yield text
                text = []
            last = token.idx
        text.append(token)
    if text:
        yield text


def _source_of(tokens: Sequence[Token], candidates: Sequence[str]) -> Optional[str]:
    """
    The candidate that has the tokens at their offsets. `None` if they have no offsets, or if every
    candidate has half of them or fewer.
    """
    placed = [token for token in tokens if token.idx is not None]
    if not placed:
        return None
    fitting = [text for text in candidates if len(text) >= max(_end(token) for token in placed)]
    # Byte pieces and unknown words do not occur in the text.
    readable = [t for t in placed if unmarked(t).isascii() and unmarked(t).isalnum()]
    if not readable:
        return min(fitting, key=len) if fitting else None
    shares = [(_share_in_place(readable, text), text) for text in fitting]
    share, best = max(shares, default=(0.0, None))
    return best if share > 0.5 else None


def _share_in_place(placed: Sequence[Token], source: str) -> float:
    found = 0
    for token in placed:
        piece = unmarked(token)
        start = token.idx or 0
        found += source[start : start + len(piece) + 1].casefold().startswith(piece.casefold())
    return found / len(placed)


def _offsets(tokens: Sequence[Token], length: int) -> List[Offsets]:
    """A token without an offset is empty and stands before the next token that has one."""
    offsets: List[Offsets] = []
    for token in reversed(tokens):
        following = offsets[-1][0] if offsets else length
        offsets.append((following, following) if token.idx is None else (token.idx, _end(token)))
    return offsets[::-1]


def _end(token: Token) -> int:
    start, length = token.idx or 0, len(unmarked(token))
    end: Optional[int] = getattr(token, "idx_end", None)
    # Some readers move a token's beginning but not its end.
    return end if end is not None and 0 <= end - start <= 4 * length + 4 else start + length
