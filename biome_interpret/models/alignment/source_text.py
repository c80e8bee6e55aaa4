"""The string that a text field was made of, which instances do not keep."""

import re
from typing import Any, Iterator, List, Optional, Sequence, Tuple

from allennlp.data import Token

# Where a token begins and ends in a text.
Span = Tuple[int, int]

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


def place(tokens: Sequence[Token], candidates: Sequence[str]) -> Tuple[str, List[Span], bool]:
    """
    A text and where in it each token stands.

    # Returns

    `Tuple[str, List[Span], bool]`
        The strings that the tokens were made of, one after the other, where each token begins and
        ends, and True; where the tokens do not tell, all of them with spaces between, and False.
    """
    text, spans = "", []  # type: str, List[Span]
    for run in _runs(tokens):
        source = _source_of(run, candidates)
        if source is None:
            return (*_side_by_side(tokens), False)
        first = len(text) + 1 if text else 0
        text = f"{text} {source}" if text else source
        spans += [(first + start, first + end) for start, end in _spans(run, len(source))]
    return text, spans, True


def _runs(tokens: Sequence[Token]) -> Iterator[List[Token]]:
    """A field may hold several texts: where offsets go back, the next begins."""
    run: List[Token] = []
    last = 0
    for token in tokens:
        if token.idx is not None:
            if token.idx < last:
                yield run
                run = []
            last = token.idx
        run.append(token)
    if run:
        yield run


def _source_of(tokens: Sequence[Token], candidates: Sequence[str]) -> Optional[str]:
    """
    The candidate in which the tokens stand where they say; `None` where they say nothing, or where
    no candidate has most of them.
    """
    placed = [token for token in tokens if token.idx is not None]
    # Pieces of bytes and unknown words are written in no text, and tell nothing.
    telling = [token for token in placed if unmarked(token).isascii() and unmarked(token).isalnum()]
    if not placed:
        return None
    fitting = [text for text in candidates if len(text) >= max(_end(token) for token in placed)]
    if not telling:
        return min(fitting, key=len) if fitting else None
    shares = [(_share_in_place(telling, text), text) for text in fitting]
    share, best = max(shares, default=(0.0, None))
    return best if share > 0.5 else None


def _share_in_place(placed: Sequence[Token], source: str) -> float:
    found = 0
    for token in placed:
        piece = unmarked(token)
        start = token.idx or 0
        found += source[start : start + len(piece) + 1].casefold().startswith(piece.casefold())
    return found / len(placed)


def _side_by_side(tokens: Sequence[Token]) -> Tuple[str, List[Span]]:
    spans, start = [], 0
    for token in tokens:
        spans.append((start, start + len(unmarked(token))))
        start = spans[-1][1] + 1
    return " ".join(unmarked(token) for token in tokens), spans


def _spans(tokens: Sequence[Token], length: int) -> List[Span]:
    """A token that does not say where it stands takes no room in front of the next that does."""
    spans: List[Span] = []
    for token in reversed(tokens):
        following = spans[-1][0] if spans else length
        spans.append((following, following) if token.idx is None else (token.idx, _end(token)))
    return spans[::-1]


def _end(token: Token) -> int:
    start, length = token.idx or 0, len(unmarked(token))
    end = getattr(token, "idx_end", None)
    # Some readers move a token's beginning along and forget its end.
    return end if end is not None and 0 <= end - start <= 4 * length + 4 else start + length
