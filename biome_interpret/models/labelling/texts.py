"""Texts to interpret, as read from a predictor's input."""

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Dict, List, Optional, Set, Union

from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import Field, ListField, MetadataField, MultiLabelField, TextField
from allennlp.data.vocabulary import DEFAULT_PADDING_TOKEN
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.alignment.source_text import strings_in
from biome_interpret.models.alignment.text_fields import texts_of, with_readable_texts
from biome_interpret.models.labelling.base import Labelling, overrides, refused
from biome_interpret.models.objectives.read_instance import ReadInstance


@dataclass(frozen=True)
class InputText:
    """
    # Parameters

    instance : `Instance`
        Indexed. It has a label only if a dataset reader gave it one.
    strings : `List[str]`
        The source texts that its fields may come from.
    labels : `Dict[str, Any]`
        Candidates for its own labels, by field name: the values of the input, or the fields of an
        instance.
    json : `JsonDict`
        The predictor's input; empty if that was an instance.
    is_labelled : `bool`
        Whether the predictor labelled the instance when it read the input.
    """

    instance: Instance
    strings: List[str]
    labels: Dict[str, Any]
    json: JsonDict
    is_labelled: bool = False

    @classmethod
    def read(cls, predictor: Predictor, inputs: Union[JsonDict, Instance]) -> List["InputText"]:
        """
        Reads what `predict_json` or `predict_instance` takes: one text for each instance that the
        predictor makes of it.

        # Raises

        `InterpretationError`
            If the predictor does not take the input, or if nothing labels what it predicts.
        """
        if isinstance(inputs, Instance):
            fields = inputs.fields.items()
            metadata = [field.metadata for _, field in fields if isinstance(field, MetadataField)]
            # A copy, since the caller's instance must stay as it is. It may have the ids of another
            # model.
            copied = {name: _copied(field) for name, field in inputs.fields.items()}
            indexed = _indexed(predictor, ReadInstance(copied)).duplicate()
            return [cls(indexed, list(strings_in(metadata)), dict(indexed.fields), {})]
        if not isinstance(inputs, dict):
            raise InterpretationError(
                f'an input must be a JSON object, such as {{"sentence": "a good film"}}, not '
                f"{type(inputs).__name__}"
            )
        try:
            strings = list(strings_in(inputs))
        except RecursionError as error:
            raise InterpretationError("the input is nested too deeply") from error
        has = ", ".join(repr(name) for name in inputs) or "nothing"
        labels_itself = overrides(predictor, "json_to_labeled_instances")
        with refused(predictor, f"does not take this input, which has {has}"):
            if labels_itself:
                # A copy, since some predictors remove items from it.
                instances = predictor.json_to_labeled_instances(dict(inputs))
            else:
                instances = Labelling.of(predictor).instances(predictor, inputs)
        for one in instances:
            if not isinstance(one, Instance):
                raise InterpretationError(
                    f"{type(predictor).__name__} makes a {type(one).__name__} of this input, in "
                    f"place of an instance"
                )
        if labels_itself:
            before = _fields_read(predictor, inputs)
            return [
                cls(_labelled(predictor, one, before), strings, inputs, inputs, True)
                for one in instances
            ]
        return [cls(_indexed(predictor, one), strings, inputs, inputs) for one in instances]

    @property
    def padding_lengths(self) -> Dict[str, Dict[str, int]]:
        """By field and padding key."""
        return self.instance.get_padding_lengths()

    @cached_property
    def lengths(self) -> List[int]:
        """The number of tokens of each field of text. Texts in a list are padded to the longest."""
        fields = [texts_of(self.instance, name) for name in self.instance.fields]
        return [
            len(texts) * max(len(text.field.tokens) for text in texts) for texts in fields if texts
        ]

    @property
    def empty_fields(self) -> List[str]:
        """The names of the fields of text that have no tokens."""
        fields = self.instance.fields.items()
        return [n for n, field in fields if isinstance(field, TextField) and not field.tokens]

    def check_tokens(self) -> None:
        """
        # Raises

        `InterpretationError`
            If a field of text has no tokens, or none but AllenNLP's padding.
        """
        for name in self.empty_fields:
            raise InterpretationError(f"field '{name}' has no tokens to interpret")
        for name, field in self.instance.fields.items():
            if isinstance(field, TextField) and {t.text for t in field} == {DEFAULT_PADDING_TOKEN}:
                raise InterpretationError(
                    f"field '{name}' has no tokens to interpret but {DEFAULT_PADDING_TOKEN}, which "
                    f"stands for no word"
                )


def _copied(field: Field[Any]) -> Field[Any]:
    """Indexing writes into a field, and into those of a list."""
    new = copy.copy(field)
    if isinstance(new, ListField):
        new.field_list = [_copied(one) for one in new.field_list]
    if isinstance(new, MultiLabelField) and any(isinstance(one, str) for one in new.labels):
        # It would keep its ids.
        new._label_ids = new._num_labels = None
    return new


def _fields_read(predictor: Predictor, inputs: JsonDict) -> Optional[Set[str]]:
    """The names of the fields that an input has before it is labelled; `None` if not known."""
    try:
        return {*predictor._json_to_instance(dict(inputs)).fields}
    except Exception:  # The predictor may read its input in another way.
        return None


def _labelled(predictor: Predictor, instance: Instance, before: Optional[Set[str]]) -> ReadInstance:
    """An instance that the predictor labelled itself."""
    read = _indexed(predictor, instance, Labelling())
    names = [] if before is None else [name for name in read.fields if name not in before]
    return read.labelled_by(names)


def _indexed(
    predictor: Predictor, instance: Instance, labelling: Optional[Labelling] = None
) -> ReadInstance:
    with refused(predictor, "does not take this instance"):
        (labelling or Labelling.of(predictor)).apply_indexers(predictor, instance)
    try:
        instance.index_fields(predictor._model.vocab)
    except KeyError as error:
        raise InterpretationError(
            f"the instance has a label that the model's vocabulary does not know ({error})"
        ) from error
    # The caller's instance must stay as it is.
    readable = Instance(dict(instance.fields))
    with_readable_texts(readable, predictor._dataset_reader)
    read = ReadInstance(readable.fields)
    read.indexed = instance.indexed
    return read
