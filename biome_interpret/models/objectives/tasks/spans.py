"""Answers that are spans of a text: where they start and where they end."""

from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

import torch
from allennlp.data import Instance
from allennlp.data.fields import IndexField, ListField, SpanField, TextField
from allennlp.models import Model
from allennlp.nn.util import get_text_field_mask

from biome_interpret.models.objectives.base import Objective, RecordedObjective, Target, joined
from biome_interpret.models.objectives.inference_modes import Choices, Outputs
from biome_interpret.models.tensors import TensorDict

START, END = "span_start", "span_end"


@Objective.register("answer_span")
class AnswerSpanObjective(Objective):
    """
    The logits of a span's first and last token, each a choice between all tokens.
    The label is two `IndexField`s, `span_start` and `span_end`, or one `SpanField`.
    """

    priority = -80
    label_class = SpanField
    why_loss = "{model} gives no logits for the tokens of one text: the loss is explained instead"

    @classmethod
    def label_in(cls, model: Model, instance: Instance) -> Optional[str]:
        fields = instance.fields
        if isinstance(fields.get(START), IndexField) and isinstance(fields.get(END), IndexField):
            return START
        return super().label_in(model, instance)

    @property
    def label_names(self) -> Tuple[str, ...]:
        return (START, END) if self.label_name == START else (self.label_name,)

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        # Shape: (rows, 2)
        ends = torch.cat([tensors[name] for name in self.label_names], dim=-1)
        logits: List[Any] = [_logits_of(outputs, which) for which in ("start", "end")]
        if any(not isinstance(one, torch.Tensor) or one.dim() != 2 for one in logits):
            return None
        # Of several texts in one sequence, it is not known where the one with the answer begins.
        if not {one.size(1) for one in logits} <= _lengths_of_texts(tensors):
            return None
        return Choices(torch.stack(logits, dim=1), ends, torch.ones_like(ends, dtype=torch.bool))

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        fields = [instance.fields[name] for name in self.label_names]
        return Target(span_text(fields), None, probability)


@Objective.register("dialog_answer")
class DialogAnswerObjective(RecordedObjective):
    """
    The answer to one question of a dialogue: the logits of its first and last token and, at the
    last, of "yes, no or neither" and of a follow-up question. Other questions have the label -1.
    """

    priority = -70
    # Not "followup_list" and "yesno_list": the model reads the number of questions from them.
    label_fields = (START, END)
    label_class = ListField
    model_attributes = ("_span_followup_predictor",)

    def parts(self) -> Dict[str, Any]:
        return dialog_parts(self.model)

    def choices(self, outputs: Outputs, tensors: TensorDict) -> Optional[Choices]:
        if not set(self.parts()) <= set(outputs):
            return None
        # Shape: (rows, questions)
        starts, ends = tensors[START].squeeze(-1), tensors[END].squeeze(-1)
        is_explained = ends >= 0
        rows, questions = ends.shape
        # Shape: (rows, questions, tokens, 1 or 3)
        parts = {
            name: outputs[name].reshape(rows, questions, -1, outputs[name].size(-1))
            for name in self.parts()
        }
        at_end = ends.clamp(min=0).reshape(rows, questions, 1, 1).expand(-1, -1, 1, 3)
        mask = get_text_field_mask(tensors["passage"])
        logits = [
            parts["start"].squeeze(-1).masked_fill(~mask.unsqueeze(1), -1e7),
            parts["end"].squeeze(-1).masked_fill(~mask.unsqueeze(1), -1e7),
            parts["yesno"].gather(2, at_end).squeeze(2),
            parts["followup"].gather(2, at_end).squeeze(2),
        ]
        indices = [starts, ends, tensors["yesno_list"], tensors["followup_list"]]
        return Choices(
            torch.cat(padded_classes(logits), dim=1),
            torch.cat(indices, dim=1).clamp(min=0),
            is_explained.repeat(1, len(indices)),
        )

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        pairs = zip(instance.fields[START], instance.fields[END])  # type: ignore[call-overload]
        texts = [span_text(pair) for pair in pairs if pair[0].sequence_index >= 0]
        return Target(" ".join(texts) or None, None, probability)


def _logits_of(outputs: Outputs, which: str) -> Any:
    """Of the starts or ends of spans, by their usual name or as the only ones."""
    usual = outputs.get(f"span_{which}_logits")
    named = [value for name, value in outputs.items() if name.endswith(f"{which}_logits")]
    return named[0] if usual is None and len(named) == 1 else usual


def _lengths_of_texts(tensors: TensorDict) -> Set[int]:
    """In positions, as padded in the batch."""
    fields = [field for field in tensors.values() if isinstance(field, dict)]
    indexed = [one for field in fields for one in field.values()]
    found = [ids for one in indexed for ids in (one.values() if isinstance(one, dict) else [one])]
    return {one.size(1) for one in found if isinstance(one, torch.Tensor) and one.dim() > 1}


def dialog_parts(model: Any) -> Dict[str, torch.nn.Module]:
    """The parts of a dialogue model that put out its logits."""
    return {
        "start": model._span_start_predictor,
        "end": model._span_end_predictor,
        "yesno": model._span_yesno_predictor,
        "followup": model._span_followup_predictor,
    }


def padded_classes(logits: List[torch.Tensor]) -> List[torch.Tensor]:
    """Logits of different numbers of classes, padded to the largest with impossible classes."""
    most = max(one.size(-1) for one in logits)
    low = -1e32 if logits[0].dtype != torch.float16 else -1e4
    return [torch.nn.functional.pad(one, (0, most - one.size(-1)), value=low) for one in logits]


def span_text(fields: Iterable[Any]) -> str:
    """The tokens from the first field's start to the last field's end."""
    pointers = list(fields)
    first, last = pointers[0], pointers[-1]
    text = first.sequence_field
    start = first.span_start if isinstance(first, SpanField) else first.sequence_index
    end = last.span_end if isinstance(last, SpanField) else last.sequence_index
    return joined(text.tokens[start : end + 1]) if isinstance(text, TextField) else ""
