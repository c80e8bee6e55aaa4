"""
The source text of a text field, and where its tokens stand in it.

Instances do not keep the string that a field was made from. The tokens' offsets find it again among
the strings of the input.
"""

import re
from typing import Any, Iterator, List, Optional, Sequence, Tuple

from allennlp.data import Token

# Where a token begins and ends, in characters.
Offsets = Tuple[int, int]

# Tokenizers mark pieces that begin, continue or end a word.
_MARKS = re.compile(r"^(?:##|[Ġ▁]+)|(?:</w>|@@)$")


def unmarked(token: Token) -> str:
    """A token's text without the marks of a word piece."""
    return _MARKS.sub("", str(token.text))


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
    text, offsets = "", []  # type: str, List[Offsets]
    for part in _texts(tokens):
        source = _source_of(part, candidates)
        if source is None:
            return None
        first = len(text) + 1 if text else 0
        text = f"{text} {source}" if text else source
        offsets += [(first + start, first + end) for start, end in _offsets(part, len(source))]
    return text, offsets


def joined(tokens: Sequence[Token]) -> Tuple[str, List[Offsets]]:
    """The tokens joined by spaces, and the offsets of each."""
    offsets, start = [], 0
    for token in tokens:
        offsets.append((start, start + len(unmarked(token))))
        start = offsets[-1][1] + 1
    return " ".join(unmarked(token) for token in tokens), offsets


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
