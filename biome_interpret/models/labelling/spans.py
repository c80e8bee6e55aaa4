"""Predicted answers to questions."""

from typing import Any, List

import numpy
import torch
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import (
    IndexField,
    LabelField,
    ListField,
    SequenceLabelField,
    SpanField,
    TensorField,
)
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.isolation.recording import run_recording
from biome_interpret.models.labelling.base import (
    Labelling,
    Output,
    PredictorLabelling,
    labelled_by,
    labels_nothing,
    takes,
    with_fields,
)
from biome_interpret.models.objectives.loss_only import ANSWERS
from biome_interpret.models.objectives.spans import END, START, dialog_parts
from biome_interpret.models.tensors import to_tensors


@Labelling.register("span")
class SpanLabelling(Labelling):
    """The best span of a passage, for a user's predictor that labels nothing."""

    priority = -110
    model_arguments = (START, END)

    def labelled(self, predictor: Predictor, instance: Instance, output: Output) -> List[Instance]:
        passage: Any = instance["passage"]
        start, end = (IndexField(int(index), passage) for index in output["best_span"])
        return [with_fields(predictor, instance, span_start=start, span_end=end)]


@Labelling.register("window")
class WindowLabelling(Labelling):
    """
    TransformerQA: the answer's span, or the token that stands for "no answer". A context that is
    too long for the model is split into windows. The window of the answer is labelled.
    """

    priority = -100
    replaces = ("TransformerQAPredictor",)

    def instances(self, predictor: Predictor, inputs: JsonDict) -> List[Instance]:
        windows = predictor._json_to_instances(inputs, qid=-1)  # type: ignore[attr-defined]
        if len(windows) == 1:
            return windows
        outputs = [predictor._model.forward_on_instance(window) for window in windows]
        scores = [float(output["best_span_scores"]) for output in outputs]
        # The first of equals, as in the predictor.
        return [windows[scores.index(max(scores))]]

    def labelled(self, predictor: Predictor, instance: Instance, output: Output) -> List[Instance]:
        fields: Any = instance.fields
        start, end = (int(index) for index in output["best_span"])
        if start < 0:
            no_answer = fields.get("cls_index")
            start = end = no_answer.sequence_index if no_answer is not None else 0
        else:
            first = fields["context_span"].span_start
            start, end = first + start, first + end
        label = SpanField(start, end, fields["question_with_context"])
        return [with_fields(predictor, instance, answer_span=label)]


@Labelling.register("passage_answer")
class PassageAnswerLabelling(PredictorLabelling):
    """
    NAQANet: the predictor's own label for the way in which the answer was found, and an empty label
    for each other way.
    """

    priority = -90

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        is_reader = labelled_by(predictor) == "ReadingComprehensionPredictor"
        return is_reader and takes(predictor._model, "answer_as_counts")

    def labelled(self, predictor: Predictor, instance: Instance, output: Output) -> List[Instance]:
        numbers = output["answer"].get("numbers", [{"sign": 1}])
        if not any(number["sign"] for number in numbers):
            raise InterpretationError(
                "the model answers with a sum of no numbers, for which it has no likelihood"
            )
        # The reader's labels are for another answer.
        unanswered = instance.duplicate()
        for name in ANSWERS:
            unanswered.fields.pop(name, None)
        [new] = super().labelled(predictor, unanswered, output)
        return [self._with_all_labels(predictor, new)]

    def gold(self, predictor: Predictor, instance: Instance) -> List[Instance]:
        return [self._with_all_labels(predictor, instance)]

    def _with_all_labels(self, predictor: Predictor, instance: Instance) -> Instance:
        fields: Any = instance.fields
        numbers = fields["number_indices"]
        no_numbers = SequenceLabelField([0] * numbers.sequence_length(), numbers)
        labels: Any = {
            "answer_as_passage_spans": ListField([SpanField(-1, -1, fields["passage"])]),
            "answer_as_question_spans": ListField([SpanField(-1, -1, fields["question"])]),
            "answer_as_add_sub_expressions": ListField([no_numbers]),
            "answer_as_counts": ListField([LabelField(-1, skip_indexing=True)]),
        }
        labels.update({name: fields[name] for name in ANSWERS if name in fields})
        # A tensor, since AllenNLP 2.10 cannot batch nested lists of labels.
        signs = [[*one] for one in labels["answer_as_add_sub_expressions"]]
        labels["answer_as_add_sub_expressions"] = TensorField(torch.tensor(signs))
        return with_fields(predictor, instance, **labels)


@Labelling.register("dialog")
class DialogLabelling(Labelling):
    """The answers to the questions of a dialogue: one instance for each question."""

    priority = -80

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        is_dialog = hasattr(predictor._model, "_get_best_span_yesno_followup")
        return labels_nothing(predictor) and is_dialog

    def labelled(self, predictor: Predictor, instance: Instance, output: Output) -> List[Instance]:
        answers = self._answers(predictor, instance)
        # The model counts the questions by these, so they have an answer for each question.
        followups = {
            name: ListField([LabelField(int(i), skip_indexing=True) for i in answers[:, column]])
            for name, column in (("yesno_list", 2), ("followup_list", 3))
        }
        new = with_fields(predictor, instance, **followups)
        starts, ends = answers[:, 0].tolist(), answers[:, 1].tolist()
        return [self._with_answer(predictor, new, starts, ends, i) for i in range(len(answers))]

    def gold(self, predictor: Predictor, instance: Instance) -> List[Instance]:
        fields: Any = instance.fields
        starts, ends = ([one.sequence_index for one in fields[name]] for name in (START, END))
        return [
            self._with_answer(predictor, instance, starts, ends, question)
            for question, start in enumerate(starts)
            if start >= 0
        ]

    def _with_answer(
        self,
        predictor: Predictor,
        instance: Instance,
        starts: List[int],
        ends: List[int],
        question: int,
    ) -> Instance:
        """The instance with the answer to one question. The others get -1."""
        passage: Any = instance["passage"]
        fields = {
            name: ListField(
                [IndexField(k if i == question else -1, passage) for i, k in enumerate(indices)]
            )
            for name, indices in ((START, starts), (END, ends))
        }
        return with_fields(predictor, instance, **fields)

    def _answers(self, predictor: Predictor, instance: Instance) -> numpy.ndarray:
        """First token, last token, yes/no, follow-up. Shape: (questions, 4)."""
        model: Any = predictor._model
        tensors = to_tensors([instance], model)
        with torch.no_grad():
            _, records = run_recording(model, tensors, dialog_parts(model))
        parts = {name: found[0] for name, found in records.items()}
        best = model._get_best_span_yesno_followup(
            parts["start"].squeeze(-1),
            parts["end"].squeeze(-1),
            parts["yesno"],
            parts["followup"],
            model._max_span_length,
        )
        return best.cpu().numpy()
