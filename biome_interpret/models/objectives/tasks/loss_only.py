"""Models that have only a loss to differentiate."""

from typing import Any, Optional, Tuple

from allennlp.data import Instance
from allennlp.data.fields import Field, ListField, SequenceLabelField
from allennlp.models import Model

from biome_interpret.models.objectives.base import Objective, Target, has_class_named, joined
from biome_interpret.models.objectives.tasks.spans import span_text

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
    label_fields = ANSWERS
    why_loss = (
        "{model} gives losses only: what is explained is minus its loss, the log-likelihood of the "
        "answer over all ways to find it"
    )

    @classmethod
    def label_in(cls, model: Model, instance: Instance) -> Optional[str]:
        # A reader makes the labels only for the ways to answer that it knows.
        return next((name for name in ANSWERS if name in instance.fields), None)


@Objective.register("coreference")
class CoreferenceObjective(Objective):
    """A cluster of mentions that corefer."""

    priority = -140
    label_fields = ("span_labels",)
    why_loss = (
        "a coreference model gives a loss only: what is explained is minus its loss, the "
        "log-likelihood of the cluster. Which spans the model keeps changes along the path, so its "
        "output jumps, and the scores may not add up to it"
    )

    @classmethod
    def fits(cls, model: Model, label: Field[Any]) -> bool:
        has_spans = isinstance(label, SequenceLabelField) and isinstance(
            label.sequence_field, ListField
        )
        return has_spans and has_class_named(model, "CoreferenceResolver")

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        label = instance.fields[self.label_name]
        clusters = zip(label.labels, label.sequence_field)  # type: ignore[attr-defined]
        texts = [span_text([span]) for cluster, span in clusters if cluster != -1]
        return Target(", ".join(texts) or None, None, probability)


@Objective.register("own_loss")
class OwnLossObjective(Objective):
    """A language model, which takes its text as its label."""

    priority = -130
    label_fields = ("source",)
    why_loss = (
        "{model} gives losses only: what is explained is minus its loss, the mean log-likelihood "
        "of the text's words, each after those before it"
    )

    @classmethod
    def fits(cls, model: Model, label: Field[Any]) -> bool:
        return has_class_named(model, "LanguageModel")

    @property
    def label_names(self) -> Tuple[str, ...]:
        # The model cannot run without its text.
        return ()

    def target_of(self, instance: Instance, probability: Optional[float]) -> Target:
        tokens = instance.fields[self.label_name].tokens  # type: ignore[attr-defined]
        return Target(joined(tokens), None, probability)
