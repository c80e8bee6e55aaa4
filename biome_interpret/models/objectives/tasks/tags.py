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

# The logit of a tag that is ruled out, as in AllenNLP's search for the best tags.
_IMPOSSIBLE = -1e4


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
        if not self.has_checked_labels and tags.numel() and int(tags.max()) >= logits.size(-1):
            return None
        mask = self._text_mask(tensors)
        if tensors.get(IGNORES_OUTSIDE):
            mask &= tags != self._indices.get("O", -1)
        return Choices(logits, tags, mask, self._own_probabilities(outputs))

    def _own_probabilities(self, outputs: Outputs) -> Optional[torch.Tensor]:
        """Those of each tag that the model itself gives, if they are not the usual ones."""
        name = None if self.reading is None else self.reading.probabilities
        return None if name is None else outputs[name]

    def _text_mask(self, tensors: TensorDict) -> torch.Tensor:
        """Of the text that has the tags, or of one with as many tokens. Shape: (rows, tokens)."""
        shape = tensors[self.label_name].shape
        texts = [name for name, value in tensors.items() if _is_text(value)]
        for name in sorted(texts, key=lambda name: name != self.labelled_text):
            mask = get_text_field_mask(tensors[name])
            if mask.shape == shape:
                return mask.clone()
        return torch.ones_like(tensors[self.label_name], dtype=torch.bool)

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
    Tags scored by a conditional random field. The logits are its emissions. The probability of a
    span is the field's for its tags, whatever the tags of the other tokens are. Weights that the
    field gives to labels in the loss do not count, as when the model predicts.
    """

    priority = -50

    @classmethod
    def fits(cls, model: Model, label: Field[Any]) -> bool:
        has_field = any(isinstance(part, ConditionalRandomField) for part in model.modules())
        return super().fits(model, label) and has_field

    @property
    def _field(self) -> Optional[ConditionalRandomField]:
        """The random field of these tags. Those of another head may have another one, or none."""
        path = self.reading.random_field if self.reading and self.has_probability else None
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
        classes = torch.arange(choices.logits.size(-1), device=choices.logits.device)
        is_other = choices.mask.unsqueeze(-1) & (choices.indices.unsqueeze(-1) != classes)
        # The tags in the mask alone are possible.
        fixed = choices.logits.masked_fill(is_other, _IMPOSSIBLE)
        text: Any = self._text_mask(tensors)
        # The field's own `forward` takes the loss of a mask with gaps, which is no probability.
        of_fixed, of_all = (
            field._input_likelihood(logits, field.transitions, text)
            for logits in (fixed, choices.logits)
        )
        return of_fixed - of_all


def _is_text(value: Any) -> bool:
    """Whether these are the tensors of a text: those of each of its indexers."""
    return isinstance(value, dict) and all(isinstance(part, dict) for part in value.values())
