"""Tags: a label for each token of a text."""

from typing import Any, Dict, Optional

import torch
from allennlp.data import Instance
from allennlp.data.fields import Field, ListField, SequenceLabelField, TextField
from allennlp.models import Model
from allennlp.modules.conditional_random_field import ConditionalRandomField
from allennlp.nn.util import get_text_field_mask

from biome_interpret.models.objectives.base import (
    IGNORES_OUTSIDE,
    Objective,
    Target,
    joined,
    namespace_of,
)
from biome_interpret.models.objectives.inference_modes import Choices, LogSoftmax, Outputs, Softmax
from biome_interpret.models.tensors import TensorDict


@Objective.register("tags")
class TagsObjective(Objective):
    """The tags of one span, if the instance marks one; else the tags of all tokens."""

    priority = -60
    logit_dims = 3  # (rows, tokens, tags)

    @classmethod
    def fits(cls, model: Model, label: Field[Any]) -> bool:
        return isinstance(label, SequenceLabelField) and not isinstance(
            label.sequence_field, ListField
        )

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        tags = tensors[self.label_name]
        logits = self.logits(outputs)
        if logits is None or logits.shape[:2] != tags.shape:
            return None
        if isinstance(self.mode, LogSoftmax) and not self._has_probability:
            return None
        mask = _text_mask(tensors, tags.shape)
        if tensors.get(IGNORES_OUTSIDE):
            mask &= tags != self._indices.get("O", -1)
        return Choices(logits, tags, mask, self._own_probabilities(outputs))

    def _own_probabilities(self, outputs: Outputs) -> Optional[torch.Tensor]:
        """Those of each tag that the model itself gives, if they are not the usual ones."""
        name = None if self.reading is None else self.reading.probabilities
        return None if name is None else outputs[name]

    def probabilities(self, outputs: Outputs, tensors: TensorDict) -> Optional[torch.Tensor]:
        return super().probabilities(outputs, tensors) if self._has_probability else None

    @property
    def _has_probability(self) -> bool:
        return self.reading is None or self.reading.gives_probability

    @property
    def _indices(self) -> Dict[str, int]:
        """Of all tags that the model knows."""
        namespace = self.namespace or namespace_of(self.model, self.label)
        found: Dict[str, int] = self.model.vocab.get_token_to_index_vocabulary(namespace)
        return found

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        label = instance.fields[self.label_name]
        assert isinstance(label, SequenceLabelField)
        # The predictor may give their indices.
        names = {index: name for name, index in self._indices.items()}
        tags = [tag if isinstance(tag, str) else names.get(tag, str(tag)) for tag in label.labels]
        # A span may cover the whole text. Without a tag "O", as for parts of speech, there is none.
        if "O" not in self._indices or IGNORES_OUTSIDE not in instance.fields:
            return Target(" ".join(tags) or None, None, probability)
        words = None
        if isinstance(label.sequence_field, TextField):
            tokens = zip(label.sequence_field, tags)
            words = joined(token for token, tag in tokens if tag != "O" and token.text) or None
        name = " ".join(tag for tag in tags if tag != "O") or None
        return Target(name, None, probability, words)


@Objective.register("crf_tags")
class CrfTagsObjective(TagsObjective):
    """
    Tags scored by a conditional random field. The logits are its emissions, the probability is its
    likelihood.
    """

    priority = -50

    @classmethod
    def fits(cls, model: Model, label: Field[Any]) -> bool:
        has_field = any(isinstance(part, ConditionalRandomField) for part in model.modules())
        return super().fits(model, label) and has_field

    @property
    def _field(self) -> Optional[ConditionalRandomField]:
        """The random field of these tags. Those of another head may have another one, or none."""
        path = None if self.reading is None else self.reading.random_field
        return None if path is None else dict(self.model.named_modules())[path]

    def values(self, outputs: Outputs, tensors: TensorDict) -> torch.Tensor:
        choices = self.choices(outputs, tensors)
        is_usual = self._field is None or not isinstance(self.mode, LogSoftmax)
        if choices is None or is_usual:
            return super().values(outputs, tensors)
        log_likelihood = self._log_likelihood(choices, tensors)
        return log_likelihood.exp() if isinstance(self.mode, Softmax) else log_likelihood

    def probabilities(self, outputs: Outputs, tensors: TensorDict) -> Optional[torch.Tensor]:
        choices = self.choices(outputs, tensors)
        if choices is None or self._field is None:
            return super().probabilities(outputs, tensors)
        likelihood: torch.Tensor = self._log_likelihood(choices, tensors).exp()
        return likelihood

    def _log_likelihood(self, choices: Choices, tensors: TensorDict) -> torch.Tensor:
        """Shape: (rows,)."""
        field = self._field
        assert field is not None
        lengths = _text_mask(tensors, choices.indices.shape).sum(dim=1).tolist()
        rows = zip(choices.logits, choices.indices, choices.mask, lengths)
        # One row at a time, since the random field returns the sum over its rows. Without padding:
        # the random field takes the last tag of the mask for the end.
        return torch.stack(
            [
                field(row[None, :length], tags[None, :length], mask[None, :length])
                for row, tags, mask, length in rows
            ]
        )


def _text_mask(tensors: TensorDict, shape: torch.Size) -> torch.Tensor:
    """The mask of the text that has this shape. Shape: (rows, tokens)."""
    for value in tensors.values():
        if isinstance(value, dict) and all(isinstance(part, dict) for part in value.values()):
            mask = get_text_field_mask(value)
            if mask.shape == shape:
                return mask.clone()
    return torch.ones(shape, dtype=torch.bool)
