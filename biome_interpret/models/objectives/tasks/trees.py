"""Parses: dependencies of words on words, and constituents."""

from typing import Any, Dict, Optional

import torch
from allennlp.data import Instance
from allennlp.data.fields import ListField, SequenceLabelField, SpanField
from allennlp.models import Model
from allennlp.nn.util import get_text_field_mask

from biome_interpret.models.objectives.base import (
    Objective,
    RecordedObjective,
    Target,
    namespace_of,
)
from biome_interpret.models.objectives.inference_modes import Choices, Outputs
from biome_interpret.models.objectives.tasks.spans import padded_classes, span_text
from biome_interpret.models.tensors import TensorDict

HEADS, TAGS = "head_indices", "head_tags"
NO_LABEL = "NO-LABEL"


@Objective.register("dependencies")
class DependenciesObjective(RecordedObjective):
    """
    The head of each word, a choice between the root and all words, and the tag of the dependency:
    the sum of their logits.
    """

    priority = -40
    label_fields = (TAGS, HEADS)
    label_class = SequenceLabelField
    model_attributes = ("arc_attention", "_get_head_tags")

    def parts(self) -> Dict[str, Any]:
        return {
            "heads": self.model.head_tag_feedforward,
            "children": self.model.child_tag_feedforward,
            "arcs": self.model.arc_attention,
        }

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        if not {"heads", "children", "arcs"} <= set(outputs):
            return None
        # Shape: (rows, words)
        heads, tags = tensors[HEADS], tensors[TAGS]
        mask = get_text_field_mask(tensors["words"])
        # Shape: (rows, words, 1 + words). The first is the root.
        with_root = torch.cat([mask.new_ones(len(mask), 1), mask], dim=1)
        arcs = outputs["arcs"][:, 1:].masked_fill(~with_root.unsqueeze(1), -1e8)
        # Shape: (rows, words, tags)
        rooted = torch.cat([heads.new_zeros(len(heads), 1), heads], dim=1)
        tag_logits = self.model._get_head_tags(  # type: ignore[operator]
            outputs["heads"], outputs["children"], rooted
        )[:, 1:]
        return Choices(
            torch.cat(padded_classes([arcs, tag_logits]), dim=1),
            torch.cat([heads, tags], dim=1),
            mask.repeat(1, 2),
        )

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        fields: Any = instance.fields
        words = fields[TAGS].sequence_field.tokens
        names = ["root", *(word.text for word in words)]
        parse = zip(words, fields[TAGS], fields[HEADS])
        label = " ".join(f"{tag}({names[head]}, {word.text})" for word, tag, head in parse)
        return Target(label, None, probability)


@Objective.register("constituents")
class ConstituentsObjective(RecordedObjective):
    """The labels of the spans that are constituents of a tree: the sum of their logits."""

    priority = -30
    label_class = SequenceLabelField
    model_attributes = ("tag_projection_layer",)

    @classmethod
    def fits(cls, model: Model, label: Any) -> bool:
        return (
            super().fits(model, label)
            and isinstance(label.sequence_field, ListField)
            and isinstance(label.sequence_field[0], SpanField)
            and all(isinstance(name, str) for name in label.labels)
        )

    def parts(self) -> Dict[str, Any]:
        return {"logits": self.model.tag_projection_layer}

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        # Shape: (rows, spans)
        labels = tensors[self.label_name]
        logits = outputs.get("logits")
        if logits is None:
            return None
        no_label = self.model.vocab.get_token_index(NO_LABEL, namespace_of(self.model, self.label))
        mask = (tensors["spans"][:, :, 0] >= 0) & (labels != no_label)
        return Choices(logits, labels, mask)

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        label = instance.fields[self.label_name]
        spans = zip(label.labels, label.sequence_field)  # type: ignore[attr-defined]
        names = [f"{name}({span_text([span])})" for name, span in spans if name != NO_LABEL]
        return Target(" ".join(names) or None, None, probability)
