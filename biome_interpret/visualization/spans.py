"""
Labels of words in a text: their types, where the words stand, and whether a tagger found all of
them.
"""

import math
import re
from itertools import accumulate
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from biome_interpret.interpretation import Interpretation
from biome_interpret.models.objectives import Target

# The position of a word in its span, as in BIO, BIOUL, BMES and IOBES.
_TAG = re.compile(r"([BILUEMS])-(.+)", re.DOTALL)
_OUTSIDE = "O"


class Span(NamedTuple):
    """The tokens from `start` to before `end`."""

    start: int
    end: int


def type_of(target: Target) -> Optional[str]:
    """
    What a target says of its words: "person" for the tags "B-person L-person". The label of another
    target; `None` for the loss.
    """
    if target.label is None or target.words is None:
        return target.label
    return _common_type(target.label.split(" ")) or target.label


def _common_type(tags: Sequence[str]) -> Optional[str]:
    """The type that all tags have; `None` if they are not the tags of one span."""
    found = [_TAG.fullmatch(tag) for tag in tags]
    types = {match[2] for match in found if match is not None}
    return types.pop() if all(found) and len(types) == 1 else None


def places(found: Sequence[Interpretation]) -> List[Optional[Span]]:
    """
    Where the words of each target stand in the only field of its text, or `None` if that is not
    certain. The spans of a text do not overlap, and the results are in their order.
    """
    places: Dict[int, Optional[Span]] = {}
    for method in {one.method for one in found}:
        own = [i for i, one in enumerate(found) if one.method == method]
        spans = [_occurrences(found[i]) for i in own]
        mirrored = [[Span(-end, -start) for start, end in reversed(one)] for one in spans[::-1]]
        # If the leftmost and the rightmost places are the same, there are no others.
        latest = [one and Span(-one.end, -one.start) for one in _leftmost(mirrored)[::-1]]
        for i, left, right in zip(own, _leftmost(spans), latest):
            places[i] = left if left == right else None
    return [places[i] for i in range(len(found))]


def _leftmost(choices: Sequence[Sequence[Span]]) -> List[Optional[Span]]:
    """The first of each group of spans that begins after the one before it ends."""
    chosen: List[Optional[Span]] = []
    end = -math.inf
    for spans in choices:
        span = next((span for span in spans if span.start >= end), None)
        chosen.append(span)
        end = end if span is None else span.end
    return chosen


def _occurrences(one: Interpretation) -> List[Span]:
    if one.target.words is None or len(one.fields) != 1:
        return []
    [field] = one.fields.values()
    words = one.target.words.replace(" ", "")
    tokens = [token.replace(" ", "") for token in field.tokens]
    # A token may join several words. Its ends are found by the number of characters before it.
    ends = [0, *accumulate(map(len, tokens))]
    text, found = "".join(tokens), []
    for start in range(len(tokens)):
        after = ends[start] + len(words)
        if text.startswith(words, ends[start]) and tokens[start] and after in ends:
            found.append(Span(start, ends.index(after)))
    return found


def gold_spans(tags: Sequence[str], tokens: Sequence[str]) -> List[str]:
    """The spans of a text's own tags, as "person: Barack Obama"."""
    spans: List[Tuple[str, List[str]]] = []
    previous = _OUTSIDE
    for tag, token in zip(tags, tokens):
        match, before = _TAG.fullmatch(tag), _TAG.fullmatch(previous)
        if match is not None:
            continues = before is not None and before[2] == match[2] and before[1] not in "LUES"
            if match[1] in "BUS" or not continues:
                spans.append((match[2], []))
            spans[-1][1].append(token)
        elif tag != _OUTSIDE:
            spans.append((tag, [token]))
        previous = tag
    return [f"{label}: {' '.join(words)}" for label, words in spans]


def predicted_spans(found: Sequence[Interpretation]) -> List[str]:
    """The spans that the model labels, as "person: Barack Obama", each once."""
    spans = [f"{type_of(one.target)}: {one.target.words}" for one in found]
    methods = {one.method for one in found}
    return spans[: len(spans) // max(len(methods), 1)]
