"""The string that a text field was made of, which instances do not keep."""

import re
from typing import Any, Iterator, List, Optional, Sequence, Tuple

from allennlp.data import Token

# What tokenizers add to a piece to say whether it begins, goes on with or ends a word.
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


def source_of(tokens: Sequence[Token], candidates: Sequence[str]) -> Optional[str]:
    """
    The candidate in which the tokens stand where they say; `None` where they say nothing, or where
    no candidate has most of them.
    """
    placed = [token for token in tokens if token.idx is not None]
    if not placed:
        return None
    shares = [(_share_in_place(placed, candidate), candidate) for candidate in candidates]
    share, best = max(shares, default=(0.0, None))
    return best if share > 0.5 else None


def _share_in_place(placed: Sequence[Token], source: str) -> float:
    folded = source.casefold()
    found = sum(folded.startswith(unmarked(t).casefold(), t.idx or 0) for t in placed)
    return found / len(placed)


def place(tokens: Sequence[Token], candidates: Sequence[str]) -> Tuple[str, List[Tuple[int, int]]]:
    """
    A text and where in it each token stands: the string that they were made of, else the tokens
    set side by side with spaces.
    """
    source = source_of(tokens, candidates)
    if source is not None:
        return source, _spans(tokens, len(source))
    spans, start = [], 0
    for token in tokens:
        spans.append((start, start + len(unmarked(token))))
        start = spans[-1][1] + 1
    return " ".join(unmarked(token) for token in tokens), spans


def _spans(tokens: Sequence[Token], length: int) -> List[Tuple[int, int]]:
    """A token that does not say where it stands takes no room in front of the next that does."""
    spans: List[Tuple[int, int]] = []
    for token in reversed(tokens):
        following = spans[-1][0] if spans else length
        spans.append((following, following) if token.idx is None else (token.idx, _end(token)))
    return spans[::-1]


def _end(token: Token) -> int:
    idx_end = getattr(token, "idx_end", None)
    return idx_end if idx_end is not None else (token.idx or 0) + len(unmarked(token))
