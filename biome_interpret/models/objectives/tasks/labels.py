"""Labels for a text as a whole: one, several at once, or one of several alternatives."""

from typing import Any, Dict, List, Optional, Union

import torch
from allennlp.data.fields import Field, IndexField, LabelField, ListField, MultiLabelField
from allennlp.models import Model

from biome_interpret.errors import InterpretationError
from biome_interpret.models.objectives.base import LabelProbabilities, Objective, Target
from biome_interpret.models.objectives.inference_modes import Choices, Outputs
from biome_interpret.models.objectives.readable import as_numbers, made_readable
from biome_interpret.models.objectives.reading import EACH, SECOND, VALUE, with_dimensions
from biome_interpret.models.tensors import TensorDict


class _NamedLabelsObjective(Objective):
    """All labels in the vocabulary may be targets."""

    logit_dims = 2  # (rows, labels)

    @property
    def labels(self) -> Dict[int, str]:
        namespace = self.namespace
        if namespace is None:
            return {}
        return self.model.vocab.get_index_to_token_vocabulary(namespace)

    def own_probabilities(self, outputs: Outputs) -> Optional[torch.Tensor]:
        """Those that the model itself gives, if they do not follow from its logits."""
        reading = self.reading
        if reading is None or reading.probabilities is None:
            return None
        if not reading.makes_probabilities:
            return with_dimensions(outputs[reading.probabilities], 2)
        found = as_numbers(made_readable(self.model, outputs)[reading.probabilities], self.model)
        return None if found is None else with_dimensions(found, 2)

    def index_of(self, target: Union[str, int]) -> int:
        """
        # Raises

        `InterpretationError`
            If the model has no such label.
        """
        reading = self.reading
        if reading is not None and reading.meaning == VALUE:
            raise InterpretationError(
                f"unknown target {target!r}: the output '{reading.logits}' is a value, not a "
                f"label: leave `target` out"
            )
        # Some of a model's labels may have no name.
        if reading is not None and isinstance(target, int) and 0 <= target < reading.num_classes:
            return target
        if reading is not None and isinstance(target, int) and not self.labels:
            raise InterpretationError(
                f"unknown target {target}: the model has {reading.num_classes} outputs, "
                f"numbered from 0"
            )
        return _index_of(target, self.labels)


@Objective.register("label")
class LabelObjective(_NamedLabelsObjective):
    """
    One label for the text, or for the pair of texts. A single logit speaks for the second of two
    labels, or it is a value that stands for no label.
    """

    priority = -190
    label_class = LabelField
    takes_one_logit = True

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        # Shape: (rows, 1)
        indices = tensors[self.label_name].reshape(-1, 1).long()
        logits, reading = self.logits(outputs), self.reading
        if logits is None or reading is None or len(logits) != len(indices):
            return None
        mask = torch.ones_like(indices, dtype=torch.bool)
        if reading.meaning == VALUE:
            return Choices(logits.unsqueeze(1), torch.zeros_like(indices), mask)
        if reading.meaning == SECOND:
            return self._one_of_two(logits, indices, self.own_probabilities(outputs))
        if not self.has_checked_labels and int(indices.max()) >= logits.size(-1):
            raise InterpretationError(
                f"unknown target {int(indices.max())}: the model has {logits.size(-1)} outputs, "
                f"numbered from 0"
            )
        own = self.own_probabilities(outputs)
        if own is not None:
            # Those of the last labels may be missing.
            own = torch.nn.functional.pad(own, (0, logits.size(-1) - own.size(-1))).unsqueeze(1)
        return Choices(logits.unsqueeze(1), indices, mask, own)

    def _one_of_two(
        self, logit: torch.Tensor, indices: torch.Tensor, own: Optional[torch.Tensor]
    ) -> Choices:
        """
        A choice between the explained label and the other one, with a logit of 0. Shape of the
        logit: (rows, 1), of the probabilities: (rows, 1 or 2).
        """
        assert self.reading is not None
        signed = torch.where(indices == 1, logit, -logit) * self.reading.sign
        if own is not None and own.size(1) == 1:
            own = torch.cat([own, 1 - own] if self.reading.is_of_first else [1 - own, own], dim=1)
        if own is not None:
            own = own.gather(1, torch.cat([1 - indices, indices], dim=1)).unsqueeze(1)
        both = torch.stack([torch.zeros_like(signed), signed], dim=-1)
        return Choices(both, torch.ones_like(indices), torch.ones_like(indices).bool(), own)

    def predicted(self, logits: torch.Tensor) -> List[int]:
        if not (self.takes_one_logit and logits.size(-1) == 1):
            return super().predicted(logits)
        sign = 1 if self.reading is None else self.reading.sign
        return [int(sign * float(logits.detach()) > 0)]

    @property
    def _is_value(self) -> bool:
        return self.reading is not None and self.reading.meaning == VALUE

    @property
    def has_probability(self) -> bool:
        return not self._is_value and super().has_probability

    def label_probabilities(self, outputs: Outputs, tensors: TensorDict) -> LabelProbabilities:
        second = torch.ones_like(tensors[self.label_name].reshape(-1, 1))
        is_each = self.reading is not None and self.reading.meaning == EACH
        tensors = tensors if is_each else {**tensors, self.label_name: second}
        choices = self.choices(outputs, tensors)
        if choices is None or not self.has_probability:
            return []
        return _by_name(choices.log_probabilities.squeeze(1).exp(), self.labels)

    def target(self, label: Optional[Field[Any]], probability: Optional[float]) -> Target:
        if self._is_value:
            return Target()
        index = int(label.as_tensor({}))  # type: ignore[union-attr]
        own_index, own_name = self.own_label or (None, None)
        name = self.labels.get(index) or (own_name if index == own_index else None)
        return Target(name or str(index), index, probability)

    def retargeted(self, label: Field[Any], target: Union[str, int]) -> Field[Any]:
        namespace = self.namespace or "labels"
        return LabelField(self.index_of(target), namespace, skip_indexing=True)


@Objective.register("alternative")
class AlternativeObjective(LabelObjective):
    """One of several alternatives that the instance itself lists, as in multiple choice."""

    priority = -160
    takes_one_logit = False
    namespace = None

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
        logits = self.logits(outputs)
        if logits is None or len(logits) != len(chosen) or logits.size(1) < chosen.size(1):
            return None
        chosen = torch.nn.functional.pad(chosen, (0, logits.size(1) - chosen.size(1))).bool()
        # Shape: (rows, labels, 2). The logit of "no" is 0.
        both = torch.stack([torch.zeros_like(logits), logits], dim=-1)
        own = self.own_probabilities(outputs)
        own = None if own is None else torch.stack([1 - own, own], dim=-1)
        return Choices(both, torch.ones_like(chosen, dtype=torch.long), chosen, own)

    def predicted(self, logits: torch.Tensor) -> List[int]:
        return [*(logits[0] > 0).nonzero().flatten().tolist()]

    def label_probabilities(self, outputs: Outputs, tensors: TensorDict) -> LabelProbabilities:
        choices = self.choices(outputs, tensors)
        if choices is None:
            return []
        return _by_name(choices.log_probabilities[..., 1].exp(), self.labels)

    def target(self, label: Optional[Field[Any]], probability: Optional[float]) -> Target:
        indices = self._indices(label)
        names = " ".join(self.labels.get(index, str(index)) for index in indices)
        return Target(names or None, indices[0] if len(indices) == 1 else None, probability)

    def retargeted(self, label: Field[Any], target: Union[str, int]) -> Field[Any]:
        indices, namespace = [self.index_of(target)], self.namespace or "labels"
        size = self._num_labels
        return MultiLabelField(indices, namespace, skip_indexing=True, num_labels=size)

    @property
    def _num_labels(self) -> int:
        if self.reading is not None and self.reading.num_classes:
            return self.reading.num_classes
        return self.model.vocab.get_vocab_size(self.namespace or "labels")

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
        index, namespace = self.index_of(target), self.namespace or "labels"
        return ListField([LabelField(index, namespace, skip_indexing=True)])

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
