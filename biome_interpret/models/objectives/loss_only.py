"""Models that put out a loss and nothing else to differentiate, whatever the inference mode."""

from typing import Optional, Tuple

from allennlp.data import Instance
from allennlp.data.fields import ListField, SequenceLabelField
from allennlp.models import Model

from biome_interpret.models.objectives.base import Objective, Target, is_kind

ANSWERS = (
    "answer_as_passage_spans",
    "answer_as_question_spans",
    "answer_as_add_sub_expressions",
    "answer_as_counts",
)


@Objective.register("answer")
class AnswerObjective(Objective):
    """An answer in NAQANet's sense: a span of the passage or the question, a sum, or a count."""

    @classmethod
    def label_in(cls, model: Model, instance: Instance) -> Optional[str]:
        return next((name for name in ANSWERS if name in instance.fields), None)

    @property
    def label_names(self) -> Tuple[str, ...]:
        return ANSWERS

    @property
    def why_loss(self) -> str:
        return (
            f"{type(self.model).__name__} gives losses only: what is explained is minus its loss, "
            f"the log-likelihood of the answer however it is come by"
        )


@Objective.register("coreference")
class CoreferenceObjective(Objective):
    """A cluster of mentions that corefer."""

    @classmethod
    def label_in(cls, model: Model, instance: Instance) -> Optional[str]:
        label = instance.fields.get("span_labels")
        known = isinstance(label, SequenceLabelField) and isinstance(
            label.sequence_field, ListField
        )
        return "span_labels" if known and is_kind(model, "CoreferenceResolver") else None

    @property
    def why_loss(self) -> str:
        return (
            "a coreference model gives a loss only: what is explained is minus its loss, the "
            "log-likelihood of the cluster. The model keeps a part of all spans, and along the "
            "path it keeps others, so that its output jumps: the scores need not add up to it"
        )

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        label = instance.fields[self.label_name]
        spans = [
            span
            for kind, span in zip(label.labels, label.sequence_field)  # type: ignore[attr-defined]
            if kind != -1
        ]
        texts = [
            " ".join(t.text for t in s.sequence_field.tokens[s.span_start : s.span_end + 1])
            for s in spans
        ]
        return Target(", ".join(texts) or None, None, probability)


@Objective.register("own_loss")
class OwnLossObjective(Objective):
    """A language model that has its text for a label."""

    @classmethod
    def label_in(cls, model: Model, instance: Instance) -> Optional[str]:
        known = is_kind(model, "LanguageModel") and "source" in instance.fields
        return "source" if known else None

    @property
    def label_names(self) -> Tuple[str, ...]:
        return ()

    @property
    def why_loss(self) -> str:
        return (
            f"{type(self.model).__name__} gives losses only: what is explained is minus its loss, "
            f"the mean log-likelihood of the text's words, each after those before it"
        )

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        tokens = instance.fields["source"].tokens  # type: ignore[attr-defined]
        return Target(" ".join(token.text for token in tokens), None, probability)
