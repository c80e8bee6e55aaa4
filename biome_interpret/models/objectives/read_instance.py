"""An instance that knows which of its fields label it."""

import copy
from typing import Any, Collection, List, MutableMapping, Optional

from allennlp.data import Instance
from allennlp.data.fields import Field, MetadataField


class ReadInstance(Instance):
    """
    An instance as a predictor read it. A field that is set later labels it.

    Its duplicates share the content of its fields. Predictors duplicate an instance to label it,
    and a deep copy takes longer than the prediction of a small model.
    """

    __slots__ = ["_read"]

    def __init__(self, fields: MutableMapping[str, Field[Any]]) -> None:
        super().__init__(fields)
        self._read = dict(fields)

    @property
    def labels(self) -> List[str]:
        """The names of the fields that were set after the instance was read."""
        return [name for name, field in self.fields.items() if self._read.get(name) is not field]

    def labelled_by(self, names: Collection[str]) -> "ReadInstance":
        """A duplicate. The fields of these names label it, too."""
        duplicate = ReadInstance({name: copy.copy(f) for name, f in self.fields.items()})
        duplicate.indexed = self.indexed
        for field in duplicate.fields.values():
            if isinstance(field, MetadataField) and isinstance(field.metadata, dict):
                # Predictors write into it.
                field.metadata = dict(field.metadata)
        for name in {*self.labels, *names}:
            duplicate._read.pop(name, None)
        return duplicate

    def duplicate(self) -> "ReadInstance":
        return self.labelled_by(())


def labels_of(instance: Instance) -> Optional[List[str]]:
    """The names of the fields that label an instance; `None` if that is not known."""
    return (instance.labels or None) if isinstance(instance, ReadInstance) else None
