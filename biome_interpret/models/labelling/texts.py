"""Texts to interpret: read from a predictor's input, and put together by length."""

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Container, Dict, List, Union

from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import Field, MetadataField, TextField
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.alignment.source_text import strings_in
from biome_interpret.models.alignment.text_fields import texts_of, with_readable_texts
from biome_interpret.models.labelling import apply_indexers, instances_of


@dataclass(frozen=True)
class Text:
    """
    # Parameters

    instance : `Instance`
        Indexed, and without a label, unless it came from a dataset reader with one.
    strings : `List[str]`
        Which its fields may have been made of.
    labels : `Dict[str, Any]`
        What may be its own labels, by field name: the values of the input, or the fields of an
        instance.
    json : `JsonDict`
        The predictor's input, where there was one.
    """

    instance: Instance
    strings: List[str]
    labels: Dict[str, Any]
    json: JsonDict

    @classmethod
    def read(cls, predictor: Predictor, inputs: Union[JsonDict, Instance]) -> List["Text"]:
        """
        From what `predict_json` or `predict_instance` takes: one text for each instance that the
        predictor makes of it.
        """
        if isinstance(inputs, Instance):
            fields = inputs.fields.items()
            metadata = [field.metadata for _, field in fields if isinstance(field, MetadataField)]
            # A copy, since what is in it is not ours.
            indexed = _indexed(predictor, inputs).duplicate()
            return [cls(indexed, list(strings_in(metadata)), dict(indexed.fields), {})]
        strings = list(strings_in(inputs))
        return [
            cls(_indexed(predictor, instance), strings, inputs, inputs)
            for instance in instances_of(predictor, inputs)
        ]

    @property
    def padding_lengths(self) -> Dict[str, Dict[str, int]]:
        """By field and padding key."""
        return self.instance.get_padding_lengths()

    @cached_property
    def lengths(self) -> List[int]:
        """Of each field of text, in positions, as far as its tokens tell."""
        fields = [texts_of(self.instance, name) for name in self.instance.fields]
        return [
            len(texts) * max(len(text.field.tokens) for text in texts) for texts in fields if texts
        ]

    @property
    def is_unlabelled(self) -> bool:
        """Whether there is nothing but text in it, and metadata."""
        return not self.has_others_than(())

    def has_others_than(self, names: Container[str]) -> bool:
        """Whether it has fields beside those of these names, of text and of metadata."""
        return any(
            name not in names
            and not isinstance(field, (MetadataField, TextField))
            and not texts_of(self.instance, name)
            for name, field in self.instance.fields.items()
        )

    @property
    def empty_fields(self) -> List[str]:
        """The names of the fields of text that have no tokens."""
        fields = self.instance.fields.items()
        return [n for n, field in fields if isinstance(field, TextField) and not field.tokens]

    def check_tokens(self) -> None:
        """
        # Raises

        `InterpretationError`
            If a field has no tokens.
        """
        for name in self.empty_fields:
            raise InterpretationError(f"field '{name}' has no tokens to interpret")


def _indexed(predictor: Predictor, instance: Instance) -> "_Shared":
    apply_indexers(predictor, instance)
    try:
        instance.index_fields(predictor._model.vocab)
    except KeyError as error:
        raise InterpretationError(
            f"the instance has a label that the model's vocabulary does not know ({error})"
        ) from error
    shared = _Shared(dict(instance.fields))
    shared.indexed = instance.indexed
    with_readable_texts(shared, predictor._dataset_reader)
    return shared


class _Shared(Instance):
    """
    Its duplicates share what is in the fields. Predictors duplicate an instance to give it a
    label, for which a deep copy takes longer than a small model takes to predict.
    """

    __slots__: List[str] = []

    def duplicate(self) -> "_Shared":
        duplicate = _Shared({name: _copied(field) for name, field in self.fields.items()})
        duplicate.indexed = self.indexed
        return duplicate


def _copied(field: Field) -> Field:
    if isinstance(field, MetadataField) and isinstance(field.metadata, dict):
        # Predictors write into it.
        return MetadataField(dict(field.metadata))
    return copy.copy(field)
