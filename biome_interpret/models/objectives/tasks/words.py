"""Words that a language model predicts: for masks, or after the text."""

from typing import Any, Dict, Optional, Union

import torch
from allennlp.data import Instance, Token
from allennlp.data.fields import Field, TextField
from allennlp.models import Model
from allennlp.nn.util import get_token_ids_from_text_field_tensors

from biome_interpret.errors import InterpretationError
from biome_interpret.models.objectives.base import (
    Objective,
    RecordedObjective,
    Target,
    joined,
)
from biome_interpret.models.objectives.inference_modes import Choices, Outputs
from biome_interpret.models.signatures import forward_signature
from biome_interpret.models.tensors import TensorDict


class _WordsObjective(RecordedObjective):
    """
    The logits of words in a language model's vocabulary. They are recorded at the model's head,
    since its output has the most probable ones only.
    """

    label_fields = ("target_ids",)
    label_class = TextField
    model_attributes = ("_language_model_head",)
    # The words of the label that are explained.
    _explained = slice(None)

    def parts(self) -> Dict[str, Any]:
        return {"logits": self.model._language_model_head}

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        field: Any = instance.fields[self.label_name]
        words = field.tokens[self._explained]
        target = TextField(words, field.token_indexers)
        target.index(self.model.vocab)
        tensors = target.as_tensor(target.get_padding_lengths())
        ids = get_token_ids_from_text_field_tensors(tensors).tolist()
        return Target(joined(words), ids[0] if len(ids) == 1 else None, probability)

    def retargeted(self, label: Field[Any], target: Union[str, int]) -> Field[Any]:
        words = label.tokens  # type: ignore[attr-defined]
        if len(words) != 1:
            raise InterpretationError(
                f"target {target!r} cannot be chosen here: the text has {len(words)} words to fill "
                f"in, and a target replaces a single word"
            )
        namespace: Any = self.model._target_namespace
        word = target
        if isinstance(target, int):
            word = self.model.vocab.get_index_to_token_vocabulary(namespace).get(target, "")
        if word not in self.model.vocab.get_token_to_index_vocabulary(namespace):
            raise InterpretationError(
                f"unknown target {target!r}: a target here is a word or word piece of the model's "
                f"vocabulary, or its index"
            )
        return TextField([Token(str(word))], label.token_indexers)  # type: ignore[attr-defined]


@Objective.register("masked_words")
class MaskedWordsObjective(_WordsObjective):
    """A word for each mask of a text: the sum of their logits."""

    priority = -10

    @classmethod
    def fits(cls, model: Model, label: Field[Any]) -> bool:
        fills_masks = "mask_positions" in forward_signature(model).names
        return fills_masks and super().fits(model, label)

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        # Shape: (rows, masks)
        words = get_token_ids_from_text_field_tensors(tensors[self.label_name])
        logits = outputs.get("logits")
        # Padding is -1.
        mask = tensors["mask_positions"].squeeze(-1) >= 0
        return None if logits is None else Choices(logits, words, mask)


@Objective.register("next_word")
class NextWordObjective(_WordsObjective):
    """The logit of the next word. Of several words the first is explained, as the model does."""

    priority = -20
    _explained = slice(1)

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        # Shape: (rows, 1)
        words = get_token_ids_from_text_field_tensors(tensors[self.label_name])
        words = words.reshape(len(words), -1)[:, :1]
        logits = outputs.get("logits")
        if logits is None:
            return None
        return Choices(logits.unsqueeze(1), words, torch.ones_like(words, dtype=torch.bool))
