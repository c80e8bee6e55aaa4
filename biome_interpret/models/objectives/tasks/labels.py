"""Labels for a text as a whole: one, several at once, or one of several alternatives."""

from typing import Any, Dict, List, Optional, Union

import torch
from allennlp.data.fields import Field, IndexField, LabelField, ListField, MultiLabelField
from allennlp.models import Model

from biome_interpret.errors import InterpretationError
from biome_interpret.models.objectives.base import LabelProbabilities, Objective, Target, logits_of
from biome_interpret.models.objectives.inference_modes import Choices, Outputs
from biome_interpret.models.tensors import TensorDict


class _NamedLabelsObjective(Objective):
    """All labels in the vocabulary may be targets."""

    @property
    def labels(self) -> Dict[int, str]:
        return self.model.vocab.get_index_to_token_vocabulary(self.namespace)


@Objective.register("label")
class LabelObjective(_NamedLabelsObjective):
    """One label for the text, or for the pair of texts."""

    priority = -190
    label_class = LabelField

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        # Shape: (rows, 1)
        indices = tensors[self.label_name].reshape(-1, 1)
        logits = logits_of(outputs, (len(indices), None))
        if logits is None:
            return None
        if int(indices.max()) >= logits.size(-1):
            raise InterpretationError(
                f"unknown target {int(indices.max())}: the model has {logits.size(-1)} outputs"
            )
        mask = torch.ones_like(indices, dtype=torch.bool)
        return Choices(logits.unsqueeze(1), indices, mask)

    def label_probabilities(self, outputs: Outputs, tensors: TensorDict) -> LabelProbabilities:
        choices = self.choices(outputs, tensors)
        if choices is None:
            return []
        return _by_name(choices.logits.squeeze(1).softmax(dim=-1), self.labels)

    def target(self, label: Optional[Field[Any]], probability: Optional[float]) -> Target:
        index = int(label.as_tensor({}))  # type: ignore[union-attr]
        return Target(self.labels.get(index, str(index)), index, probability)

    def retargeted(self, label: Field[Any], target: Union[str, int]) -> Field[Any]:
        index = target
        # If the labels have no names, their number is not known either.
        if self.labels or isinstance(target, str) or target < 0:
            index = _index_of(target, self.labels)
        return LabelField(index, self.namespace, skip_indexing=True)


@Objective.register("alternative")
class AlternativeObjective(LabelObjective):
    """One of several alternatives that the instance itself lists, as in multiple choice."""

    priority = -160

    @classmethod
    def fits(cls, model: Model, label: Field[Any]) -> bool:
        return isinstance(label, IndexField) and isinstance(label.sequence_field, ListField)

    def retargeted(self, label: Field[Any], target: Union[str, int]) -> Field[Any]:
        count = label.sequence_field.sequence_length()  # type: ignore[attr-defined]
        index = int(target) if str(target).isdecimal() else -1
        if not 0 <= index < count:
            raise InterpretationError(
                f"unknown target {target!r}: the alternatives are numbered from 0 to {count - 1}"
            )
        return IndexField(index, label.sequence_field)  # type: ignore[attr-defined]

    @property
    def labels(self) -> Dict[int, str]:
        return {}


@Objective.register("multi_label")
class MultiLabelObjective(_NamedLabelsObjective):
    """
    Any number of labels for a text: the sum of the logits of the instance's labels. Each label is a
    choice between yes and no, so its probability is the sigmoid of its logit.
    """

    priority = -180
    label_class = MultiLabelField

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        # Shape: (rows, labels). 1 for the labels of the instance.
        chosen = self._chosen(tensors)
        logits = logits_of(outputs, (len(chosen), None))
        if logits is None:
            return None
        chosen = torch.nn.functional.pad(chosen, (0, logits.size(1) - chosen.size(1))).bool()
        # Shape: (rows, labels, 2). The logit of "no" is 0.
        both = torch.stack([torch.zeros_like(logits), logits], dim=-1)
        return Choices(both, torch.ones_like(chosen, dtype=torch.long), chosen)

    def label_probabilities(self, outputs: Outputs, tensors: TensorDict) -> LabelProbabilities:
        logits = logits_of(outputs, (len(tensors[self.label_name]), None))
        return [] if logits is None else _by_name(logits.sigmoid(), self.labels)

    def target(self, label: Optional[Field[Any]], probability: Optional[float]) -> Target:
        indices = self._indices(label)
        names = " ".join(self.labels.get(index, str(index)) for index in indices)
        return Target(names or None, indices[0] if len(indices) == 1 else None, probability)

    def retargeted(self, label: Field[Any], target: Union[str, int]) -> Field[Any]:
        indices, size = [_index_of(target, self.labels)], self._num_labels
        return MultiLabelField(indices, self.namespace, skip_indexing=True, num_labels=size)

    @property
    def _num_labels(self) -> int:
        return self.model.vocab.get_vocab_size(self.namespace)

    def _chosen(self, tensors: TensorDict) -> torch.Tensor:
        chosen: torch.Tensor = tensors[self.label_name]
        return chosen

    def _indices(self, label: Optional[Field[Any]]) -> List[int]:
        chosen: torch.Tensor = label.as_tensor({})  # type: ignore[union-attr]
        return chosen.nonzero().flatten().tolist()


@Objective.register("listed_labels")
class ListedLabelsObjective(MultiLabelObjective):
    """Several labels in a `ListField`, as in visual question answering."""

    priority = -170

    @classmethod
    def fits(cls, model: Model, label: Field[Any]) -> bool:
        return isinstance(label, ListField) and isinstance(label[0], LabelField)

    def retargeted(self, label: Field[Any], target: Union[str, int]) -> Field[Any]:
        index = _index_of(target, self.labels)
        return ListField([LabelField(index, self.namespace, skip_indexing=True)])

    def _chosen(self, tensors: TensorDict) -> torch.Tensor:
        # Shape: (rows, listed). Padding is -1.
        listed: torch.Tensor = tensors[self.label_name]
        # Shape: (rows, labels + 1). The last column takes the padding.
        chosen = listed.new_zeros(len(listed), self._num_labels + 1)
        chosen.scatter_(1, listed.masked_fill(listed < 0, self._num_labels), 1)
        return chosen[:, :-1]

    def _indices(self, label: Optional[Field[Any]]) -> List[int]:
        return [int(one.as_tensor({})) for one in label]  # type: ignore[union-attr]


def _by_name(probabilities: torch.Tensor, names: Dict[int, str]) -> LabelProbabilities:
    """Shape of `probabilities`: (rows, labels)."""
    rows = probabilities.sort(dim=-1, descending=True)
    return [
        {names.get(index, str(index)): probability for probability, index in zip(values, indices)}
        for values, indices in zip(rows.values.tolist(), rows.indices.tolist())
    ]


def _index_of(target: Union[str, int], labels: Dict[int, str]) -> int:
    indices = {name: index for index, name in labels.items()}
    index = indices.get(target, -1) if isinstance(target, str) else target
    if index in labels:
        return index
    if not labels:
        raise InterpretationError(
            f"unknown target {target!r}: the model's labels have no names, so that a target is the "
            f"index of one, a number"
        )
    known = sorted((name, index) for index, name in labels.items())
    listed = ", ".join(f"{name!r} ({index})" for name, index in known)
    raise InterpretationError(f"unknown target {target!r}: the labels are {listed}")
