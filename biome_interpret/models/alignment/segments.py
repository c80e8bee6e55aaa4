"""The units that get scores: tokens, words or sentences of a text field."""

import re
from functools import lru_cache
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence

import spacy
from allennlp.data import Token
from allennlp.data.fields import TextField
from allennlp.data.token_indexers import PretrainedTransformerIndexer
from spacy.language import Language
from spacy.tokens import Span
from spacy.util import compile_infix_regex

from biome_interpret.models.alignment.source_text import (
    joined_with_offsets,
    locate,
    text_of,
    touch,
    unmarked,
)
from biome_interpret.models.alignment.special_tokens import special_tokens

# A half of a character, which spaCy does not take.
_SURROGATE = re.compile("[\ud800-\udfff]")


class Segment(NamedTuple):
    """A text to show, and the indices of its tokens in the field."""

    text: str
    tokens: List[int]


def all_tokens(field: TextField, candidates: Sequence[str]) -> List[Segment]:
    """Every token of the field."""
    return [Segment(text_of(token), [index]) for index, token in enumerate(field.tokens)]


def plain_tokens(field: TextField, candidates: Sequence[str]) -> List[Segment]:
    """The tokens that are not special."""
    pairs = zip(all_tokens(field, candidates), special_tokens(field))
    return [segment for segment, special in pairs if not special]


def words(field: TextField, candidates: Sequence[str]) -> List[Segment]:
    """
    Word pieces joined to words. The tokens of other tokenizers are already words, except where they
    divide a word at an apostrophe, or a number at a point or comma.
    """
    plain = plain_tokens(field, candidates)
    tokenizer = _piece_tokenizer(field)
    continues = _CONTINUES[_mark_of(tokenizer)] if tokenizer else lambda before, token: False
    groups: List[List[int]] = []
    for index in (segment.tokens[0] for segment in plain):
        is_next = bool(groups) and groups[-1][-1] == index - 1
        if is_next and continues(field.tokens[index - 1], field.tokens[index]):
            groups[-1].append(index)
        else:
            groups.append([index])
    groups = _joined_at_marks(field.tokens, groups)
    if tokenizer is None and len(groups) == len(plain):
        return plain
    located = locate(field.tokens, candidates)

    def shown(group: List[int]) -> str:
        if tokenizer is None and len(group) == 1:
            return text_of(field.tokens[group[0]])
        if located is None:
            return "".join(unmarked(field.tokens[index]) for index in group).strip()
        source, offsets = located
        return source[offsets[group[0]][0] : offsets[group[-1]][1]].strip()

    return [Segment(shown(group), group) for group in groups]


# A mark joins what it stands between, if that is letters or digits.
_INNER_MARKS: Dict[str, Callable[[str], bool]] = {
    "'": str.isalpha,
    "’": str.isalpha,
    ".": str.isdigit,
    ",": str.isdigit,
}


def _joined_at_marks(tokens: Sequence[Token], groups: List[List[int]]) -> List[List[int]]:
    """Joins the groups of "isn", "'" and "t", or of "3", "." and "5", if they touch in the text."""
    found: List[List[int]] = []
    was_mark = False
    for position, group in enumerate(groups):
        is_mark = False
        if len(group) == 1 and 0 < position < len(groups) - 1:
            before, after = groups[position - 1][-1], groups[position + 1][0]
            is_mark = _is_inner_mark(tokens[before], tokens[group[0]], tokens[after])
        if is_mark or was_mark:
            found[-1] = found[-1] + group
        else:
            found.append(group)
        was_mark = is_mark
    return found


def _is_inner_mark(before: Token, mark: Token, after: Token) -> bool:
    joins = _INNER_MARKS.get(text_of(mark))
    if joins is None or not (touch(before, mark) and touch(mark, after)):
        return False
    return joins(unmarked(before)[-1:]) and joins(unmarked(after)[:1])


def sentences(field: TextField, candidates: Sequence[str]) -> List[Segment]:
    """Sentences that spaCy's rules find in the source text, as groups of tokens."""
    indices = [segment.tokens[0] for segment in plain_tokens(field, candidates)]
    tokens = [field.tokens[index] for index in indices]
    text, offsets = locate(tokens, candidates) or joined_with_offsets(tokens)
    found = _sentencizer()(_SURROGATE.sub("\ufffd", text)).sents
    ends = [_end_of(sentence) for sentence in found if not sentence.text.isspace()]
    groups: Dict[int, List[int]] = {}
    for position, (start, end) in enumerate(offsets):
        # An added token, which has no characters, is in the sentence that it ends.
        is_added = start == end
        sentence = sum(e < start or e == start and not is_added for e in ends)
        groups.setdefault(min(sentence, len(ends) - 1), []).append(position)
    shown = [text[offsets[group[0]][0] : offsets[group[-1]][1]] for group in groups.values()]
    return [
        Segment(sentence.strip(), [indices[i] for i in group])
        for sentence, group in zip(shown, groups.values())
    ]


GRANULARITIES: Dict[str, Callable[[TextField, Sequence[str]], List[Segment]]] = {
    "all_tokens": all_tokens,
    "token": plain_tokens,
    "word": words,
    "sentence": sentences,
}


def _piece_tokenizer(field: TextField) -> Optional[Any]:
    # A mismatched indexer splits words into pieces itself: the tokens of its field are words.
    indexers = field.token_indexers.values()
    found = (i._tokenizer for i in indexers if isinstance(i, PretrainedTransformerIndexer))
    return next(found, None)


def _touches(before: Token, token: Token) -> bool:
    end = getattr(before, "idx_end", None)
    return end is not None and end == token.idx


# Space, newline, tab and carriage return, as byte-level tokenizers write them.
_BYTE_SPACES = "ĠĊĉč"

# By the mark of a tokenizer: whether a piece continues the word of the piece before.
_CONTINUES: Dict[Optional[str], Callable[[Token, Token], bool]] = {
    "##": lambda before, token: str(token.text).startswith("##"),
    "Ġ": lambda before, token: (
        str(token.text)[:1] not in _BYTE_SPACES and str(before.text)[-1:] not in _BYTE_SPACES[1:]
    ),
    "▁": lambda before, token: not str(token.text).startswith("▁"),
    "</w>": lambda before, token: not str(before.text).endswith("</w>"),
    "@@": lambda before, token: str(before.text).endswith("@@"),
    None: _touches,
}


@lru_cache(maxsize=16)
def _mark_of(tokenizer: Any) -> Optional[str]:
    """The most frequent mark of a tokenizer's vocabulary; `None` if it has no marks."""
    pieces = list(tokenizer.get_vocab())
    counts = {mark: sum(mark in piece for piece in pieces) for mark in _CONTINUES if mark}
    mark = max(counts, key=lambda mark: counts[mark])
    return mark if counts[mark] else None


def _end_of(sentence: Span) -> int:
    """A bracket that opens after the full stop belongs to the next sentence."""
    last = sentence[-1]
    opens = len(sentence) > 1 and last.is_left_punct and not last.is_right_punct
    return sentence[-2].idx + len(sentence[-2]) if opens else sentence.end_char


@lru_cache(maxsize=1)
def _sentencizer() -> Language:
    language = spacy.blank("en")
    # In scripts without a space after a full stop, it has to become a token too.
    infixes = [*(language.Defaults.infixes or ()), "[。！？｡।؟]"]
    tokenizer: Any = language.tokenizer
    tokenizer.infix_finditer = compile_infix_regex(infixes).finditer
    language.add_pipe("sentencizer")
    language.max_length = 10**9
    return language
