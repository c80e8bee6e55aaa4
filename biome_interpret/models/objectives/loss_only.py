"""Models whose output has nothing to differentiate but a loss."""

from typing import Optional, Tuple

from allennlp.data import Instance
from allennlp.data.fields import ListField, SequenceLabelField
from allennlp.models import Model

from biome_interpret.models.objectives.base import Objective, Target, has_class_named

ANSWERS = (
    "answer_as_passage_spans",
    "answer_as_question_spans",
    "answer_as_add_sub_expressions",
    "answer_as_counts",
)


@Objective.register("answer")
class AnswerObjective(Objective):
    """NAQANet's answer: a span of the passage or of the question, a sum, or a count."""

    priority = -150

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
            f"the log-likelihood of the answer over all ways to find it"
        )


@Objective.register("coreference")
class CoreferenceObjective(Objective):
    """A cluster of mentions that corefer."""

    priority = -140

    @classmethod
    def label_in(cls, model: Model, instance: Instance) -> Optional[str]:
        label = instance.fields.get("span_labels")
        is_of_spans = isinstance(label, SequenceLabelField) and isinstance(
            label.sequence_field, ListField
        )
        known = is_of_spans and has_class_named(model, "CoreferenceResolver")
        return "span_labels" if known else None

    @property
    def why_loss(self) -> str:
        return (
            "a coreference model gives a loss only: what is explained is minus its loss, the "
            "log-likelihood of the cluster. The model keeps some of the spans, and other ones "
            "along the path, so that its output jumps: the scores need not add up to it"
        )

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        label = instance.fields[self.label_name]
        clusters = zip(label.labels, label.sequence_field)  # type: ignore[attr-defined]
        spans = [span for cluster, span in clusters if cluster != -1]
        texts = [
            " ".join(t.text for t in s.sequence_field.tokens[s.span_start : s.span_end + 1])
            for s in spans
        ]
        return Target(", ".join(texts) or None, None, probability)


@Objective.register("own_loss")
class OwnLossObjective(Objective):
    """A language model, which takes its text as its label."""

    priority = -130

    @classmethod
    def label_in(cls, model: Model, instance: Instance) -> Optional[str]:
        known = has_class_named(model, "LanguageModel") and "source" in instance.fields
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
