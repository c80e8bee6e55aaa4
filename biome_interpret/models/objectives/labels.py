"""Labels for a text as a whole: one, several at once, or one of several alternatives."""

from typing import Dict, List, Optional, Union

import torch
from allennlp.data.fields import Field, IndexField, LabelField, ListField, MultiLabelField
from allennlp.models import Model

from biome_interpret.errors import InterpretationError
from biome_interpret.models.objectives.base import (
    Objective,
    Target,
    logits_of,
    namespace_of,
    unknown_target,
)
from biome_interpret.models.objectives.inference_modes import Choices, Outputs
from biome_interpret.models.tensors import TensorDict


@Objective.register("label")
class LabelObjective(Objective):
    """One label for the text, or for the pair of texts."""

    goes_with_prediction = True

    @classmethod
    def fits(cls, model: Model, label: Field) -> bool:
        return isinstance(label, LabelField)

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        indices = tensors[self.label_name].unsqueeze(-1)
        logits = logits_of(outputs, (len(indices), None))
        if logits is None:
            return None
        if int(indices.max()) >= logits.size(-1):
            raise InterpretationError(
                f"unknown target {int(indices.max())}: the model has {logits.size(-1)} outputs"
            )
        mask = torch.ones_like(indices, dtype=torch.bool)
        return Choices(logits.unsqueeze(1), indices, mask)

    def label_probabilities(
        self, outputs: Outputs, tensors: TensorDict
    ) -> List[Optional[Dict[str, float]]]:
        choices = self.choices(outputs, tensors)
        if choices is None:
            return []
        return _by_name(choices.logits.squeeze(1).softmax(dim=-1), self.labels)

    def target(self, label: Optional[Field], probability: Optional[float]) -> Target:
        index = int(label.as_tensor({}))  # type: ignore[union-attr]
        return Target(self.labels.get(index, str(index)), index, probability)

    def retargeted(self, label: Field, target: Union[str, int]) -> Field:
        namespace = namespace_of(self.model, label)
        if not self.labels and isinstance(target, int) and target >= 0:
            return LabelField(target, namespace, skip_indexing=True)  # A model of unnamed labels.
        return LabelField(_index_of(target, self.labels), namespace, skip_indexing=True)

    @property
    def labels(self) -> Dict[int, str]:
        namespace = namespace_of(self.model, self.label)
        return self.model.vocab.get_index_to_token_vocabulary(namespace)


@Objective.register("multi_label")
class MultiLabelObjective(Objective):
    """
    Labels of which a text has any number: the logits of those that the instance is labelled with.
    Each is a choice of its own between yes and no, so that its probability is the sigmoid of its
    logit.
    """

    @classmethod
    def fits(cls, model: Model, label: Field) -> bool:
        return isinstance(label, MultiLabelField)

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        # Shape: (rows, labels). 1 where the instance is labelled so.
        wanted = self._wanted(tensors)
        logits = logits_of(outputs, (len(wanted), None))
        if logits is None:
            return None
        wanted = torch.nn.functional.pad(wanted, (0, logits.size(1) - wanted.size(1))).bool()
        # Shape: (rows, labels, 2). The logit of "no" is 0.
        both = torch.stack([torch.zeros_like(logits), logits], dim=-1)
        return Choices(both, torch.ones_like(wanted, dtype=torch.long), wanted)

    def label_probabilities(
        self, outputs: Outputs, tensors: TensorDict
    ) -> List[Optional[Dict[str, float]]]:
        logits = logits_of(outputs, (len(tensors[self.label_name]), None))
        return [] if logits is None else _by_name(logits.sigmoid(), self.labels)

    def target(self, label: Optional[Field], probability: Optional[float]) -> Target:
        indices = self._indices(label)
        names = " ".join(self.labels.get(index, str(index)) for index in indices)
        return Target(names or None, indices[0] if len(indices) == 1 else None, probability)

    def retargeted(self, label: Field, target: Union[str, int]) -> Field:
        index = _index_of(target, self.labels)
        namespace = namespace_of(self.model, label)
        return MultiLabelField([index], namespace, skip_indexing=True, num_labels=self._size)

    @property
    def labels(self) -> Dict[int, str]:
        namespace = namespace_of(self.model, self.label)
        return self.model.vocab.get_index_to_token_vocabulary(namespace)

    @property
    def _size(self) -> int:
        return self.model.vocab.get_vocab_size(namespace_of(self.model, self.label))

    def _wanted(self, tensors: TensorDict) -> torch.Tensor:
        return tensors[self.label_name]

    def _indices(self, label: Optional[Field]) -> List[int]:
        return label.as_tensor({}).nonzero().flatten().tolist()  # type: ignore[union-attr]


@Objective.register("listed_labels")
class ListedLabelsObjective(MultiLabelObjective):
    """The same where the labels of a text are listed, as those of visual question answering are."""

    @classmethod
    def fits(cls, model: Model, label: Field) -> bool:
        return isinstance(label, ListField) and isinstance(label[0], LabelField)

    def retargeted(self, label: Field, target: Union[str, int]) -> Field:
        index = _index_of(target, self.labels)
        namespace = namespace_of(self.model, label)
        return ListField([LabelField(index, namespace, skip_indexing=True)])

    def _wanted(self, tensors: TensorDict) -> torch.Tensor:
        # Shape: (rows, listed). Padding is -1.
        listed = tensors[self.label_name]
        wanted = listed.new_zeros(len(listed), self._size + 1)
        # The padding goes to a column of its own.
        wanted.scatter_(1, listed.masked_fill(listed < 0, self._size), 1)
        return wanted[:, :-1]

    def _indices(self, label: Optional[Field]) -> List[int]:
        return [int(one.as_tensor({})) for one in label]  # type: ignore[union-attr]


@Objective.register("alternative")
class AlternativeObjective(Objective):
    """One of several alternatives that the instance itself lists, as in multiple choice."""

    goes_with_prediction = True

    @classmethod
    def fits(cls, model: Model, label: Field) -> bool:
        return isinstance(label, IndexField) and isinstance(label.sequence_field, ListField)

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        # Shape: (rows, 1)
        indices = tensors[self.label_name]
        logits = logits_of(outputs, (len(indices), None))
        if logits is None:
            return None
        return Choices(logits.unsqueeze(1), indices, torch.ones_like(indices, dtype=torch.bool))

    def label_probabilities(
        self, outputs: Outputs, tensors: TensorDict
    ) -> List[Optional[Dict[str, float]]]:
        choices = self.choices(outputs, tensors)
        return [] if choices is None else _by_name(choices.logits.squeeze(1).softmax(dim=-1), {})

    def target(self, label: Optional[Field], probability: Optional[float]) -> Target:
        index = int(label.as_tensor({}))  # type: ignore[union-attr]
        return Target(str(index), index, probability)

    def retargeted(self, label: Field, target: Union[str, int]) -> Field:
        count = label.sequence_field.sequence_length()  # type: ignore[attr-defined]
        index = int(target) if str(target).isdecimal() else -1
        if not 0 <= index < count:
            raise InterpretationError(
                f"unknown target {target!r}: the alternatives are numbered from 0 to {count - 1}"
            )
        return IndexField(index, label.sequence_field)  # type: ignore[attr-defined]


def _by_name(
    probabilities: torch.Tensor, names: Dict[int, str]
) -> List[Optional[Dict[str, float]]]:
    """(rows, labels) -> for each row its labels by name, most probable first."""
    rows = probabilities.sort(dim=-1, descending=True)
    return [
        {names.get(index, str(index)): probability for probability, index in zip(values, indices)}
        for values, indices in zip(rows.values.tolist(), rows.indices.tolist())
    ]


def _index_of(target: Union[str, int], labels: Dict[int, str]) -> int:
    indices = {name: index for index, name in labels.items()}
    index = indices.get(target, -1) if isinstance(target, str) else target
    if index not in labels:
        raise unknown_target(target, sorted(labels.items(), key=lambda item: item[1]))
    return index
