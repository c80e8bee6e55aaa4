"""Which words people have marked."""

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

from biome_interpret.errors import InterpretationError, shown
from biome_interpret.models.alignment.source_text import strings_in


class RationaleField(NamedTuple):
    """
    # Parameters

    key : `str`
        The key of an input that holds the marks: 0 or 1 for each word.
    field : `str`, optional
        The text field that they belong to. An empty name is the only field of the model.
    """

    key: str
    field: str = ""


class MarkedField(NamedTuple):
    """
    # Parameters

    field : `str`
    marks : `List[bool]`
        One for each word of the field.
    """

    field: str
    marks: List[bool]


def marks_of(inputs: Any, fields: Dict[str, List[str]], rationale: RationaleField) -> MarkedField:
    """
    The marks of the model's own words. A word is marked if one of its characters is.

    # Parameters

    inputs : `JsonDict`
        The predictor's input, with the marks beside its texts.
    fields : `Dict[str, List[str]]`
        The words of each field, as in `Units`.

    # Raises

    `InterpretationError`
        If there are no marks, or if they do not belong to the words of the field.
    """
    name = rationale.field or (next(iter(fields)) if len(fields) == 1 else "")
    if name not in fields:
        known = ", ".join(map(repr, fields))
        wrong = f"={name} names no text field" if name else ""
        raise InterpretationError(
            f"--rationales {rationale.key}{wrong}: give the text field that the marks belong to, "
            f"{rationale.key}=FIELD; the fields are {known}"
        )
    if not isinstance(inputs, dict) or rationale.key not in inputs:
        has = ", ".join(map(repr, inputs)) if isinstance(inputs, dict) else "none"
        raise InterpretationError(
            f"--rationales {rationale.key}: the text has no such key; its keys are {has}"
        )
    marks = inputs[rationale.key]
    if not isinstance(marks, list) or any(mark not in (0, 1) for mark in marks):
        raise InterpretationError(
            f"the rationale {rationale.key!r} is {shown(marks)}; it must be a list of 0 and 1"
        )
    characters = _marked_characters(inputs, marks, "".join(map(_plain, fields[name])))
    if characters is None:
        raise InterpretationError(
            f"the rationale {rationale.key!r} has {len(marks)} marks, but no text in the input "
            f"has as many words and is that of the field {name!r}: give a mark for each word "
            "between spaces, or add a list of the words to the line"
        )
    found: List[bool] = []
    start = 0
    for word in fields[name]:
        end = start + len(_plain(word))
        found.append(any(characters[start:end]))
        start = end
    return MarkedField(name, found)


def _marked_characters(inputs: Any, marks: Sequence[Any], written: str) -> Optional[List[bool]]:
    """The mark of each character that is no space, of the text that is written like that."""
    for words in _word_lists(inputs):
        if len(words) == len(marks) and "".join(map(_plain, words)) == written:
            return [bool(m) for word, m in zip(words, marks) for _ in _plain(word)]
    return None


def _word_lists(inputs: Dict[str, Any]) -> Iterator[List[str]]:
    """The words of each text, and lists of words that are beside it."""
    for text in strings_in(inputs):
        yield text.split()
    for value in inputs.values():
        if isinstance(value, list) and all(isinstance(word, str) for word in value):
            yield value


def _plain(word: str) -> str:
    """Without spaces and case. Tokenizers change both."""
    return "".join(word.split()).lower()
