"""The texts of an instance's fields, and the tokens of each."""

from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

import torch
from allennlp.data import DatasetReader, Instance, Token, TokenIndexer
from allennlp.data.fields import Field, ListField, TextField, TransformerTextField
from allennlp.data.token_indexers import PretrainedTransformerIndexer
from allennlp.data.tokenizers import PretrainedTransformerTokenizer
from transformers import PreTrainedTokenizerBase

# The name of the indexer of a `TransformerTextField`, which has none.
NO_INDEXER = ""


class FieldText(NamedTuple):
    """
    One text of an instance.

    # Parameters

    name : `str`
        The field's name. Inside a `ListField` with the position, as in `sentences[0]`.
    field : `TextField`
    place : `Tuple[int, ...]`
        The position inside the surrounding `ListField`s.
    """

    name: str
    field: TextField
    place: Tuple[int, ...] = ()


def texts_of(instance: Instance, field_name: str) -> List[FieldText]:
    """The texts of a field, in order. Empty if the field does not hold text."""
    return list(_texts(field_name, instance[field_name], ()))


def _texts(name: str, field: Field[Any], place: Tuple[int, ...]) -> Iterator[FieldText]:
    if isinstance(field, TextField):
        yield FieldText(name, field, place)
    elif isinstance(field, TransformerTextField):
        yield FieldText(name, _as_text_field(field), place)
    elif isinstance(field, ListField):
        for position, inner in enumerate(field.field_list):
            yield from _texts(f"{name}[{position}]", inner, place + (position,))


class ReadableTransformerTextField(TransformerTextField):
    """A `TransformerTextField`, which holds ids only, with the tokenizer that can read them."""

    __slots__ = ["tokenizer"]
    tokenizer: Any

    @classmethod
    def of(cls, field: TransformerTextField, tokenizer: Any) -> "ReadableTransformerTextField":
        readable = cls(**_slots(field))
        readable.tokenizer = tokenizer
        return readable

    def get_padding_lengths(self) -> Dict[str, int]:
        # As in the base class, which reads the slots of its own class only.
        tensors = {n: v for n, v in _slots(self).items() if isinstance(v, torch.Tensor)}
        return {name: tensor.shape[-1] for name, tensor in tensors.items()}


def _slots(field: TransformerTextField) -> Dict[str, Any]:
    return {name: getattr(field, name) for name in TransformerTextField.__slots__}


def with_readable_texts(instance: Instance, reader: DatasetReader) -> None:
    """Gives the `TransformerTextField`s of an instance the tokenizer of its dataset reader."""
    found = map(_tokenizer_in, vars(reader).values())
    # A tokenizer counts its vocabulary if it is asked whether it is true.
    tokenizer = next((one for one in found if one is not None), None)
    if tokenizer is not None:
        for name, field in instance.fields.items():
            instance.fields[name] = _readable(field, tokenizer)


def _readable(field: Field[Any], tokenizer: Any) -> Field[Any]:
    if isinstance(field, ListField):
        return ListField([_readable(inner, tokenizer) for inner in field.field_list])
    if isinstance(field, TransformerTextField):
        return ReadableTransformerTextField.of(field, tokenizer)
    return field


def _tokenizer_in(value: Any) -> Any:
    value = value.tokenizer if isinstance(value, PretrainedTransformerTokenizer) else value
    return value if isinstance(value, PreTrainedTokenizerBase) else None


class _IdsIndexer(PretrainedTransformerIndexer):
    """Holds the tokenizer of a field that is already indexed."""

    def __init__(self, tokenizer: Any) -> None:
        TokenIndexer.__init__(self)
        self._tokenizer = tokenizer
        self._max_length = None  # type: ignore[assignment]


def _as_text_field(field: TransformerTextField) -> TextField:
    """The same as an indexed `TextField`. Without a tokenizer its tokens are the ids."""
    tokenizer = getattr(field, "tokenizer", None)
    ids = field.input_ids.reshape(-1).tolist()
    pieces = [str(i) for i in ids] if tokenizer is None else tokenizer.convert_ids_to_tokens(ids)
    tokens = [Token(piece, text_id=i) for piece, i in zip(pieces, ids)]
    indexer = TokenIndexer() if tokenizer is None else _IdsIndexer(tokenizer)
    result = TextField(tokens, {NO_INDEXER: indexer})
    result._indexed_tokens = {NO_INDEXER: {"input_ids": ids}}
    return result
