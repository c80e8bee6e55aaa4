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
from numpy.typing import NDArray

from biome_interpret.errors import InterpretationError
from biome_interpret.models.isolation.recording import run_recording
from biome_interpret.models.labelling.base import Labelling, labels_nothing, takes, with_fields
from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.objectives.tasks.loss_only import ANSWERS
from biome_interpret.models.objectives.tasks.spans import END, START, dialog_parts
from biome_interpret.models.tensors import to_tensors


@Labelling.register("span")
class SpanLabelling(Labelling):
    """The best span of a passage, for a user's predictor that labels nothing."""

    priority = -110
    model_arguments = (START, END)

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
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
        own: Any = predictor
        windows: List[Instance] = own._json_to_instances(inputs, qid=-1)
        if len(windows) < 2:
            return windows
        outputs = [predictor._model.forward_on_instance(window) for window in windows]
        scores = [float(output["best_span_scores"]) for output in outputs]
        # The first of equals, as in the predictor.
        return [windows[scores.index(max(scores))]]

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
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
class PassageAnswerLabelling(Labelling):
    """
    NAQANet: the predictor's own label for the way in which the answer was found, and an empty label
    for each other way.
    """

    priority = -90
    replaces = ("ReadingComprehensionPredictor",)

    @classmethod
    def fits(cls, predictor: Predictor) -> bool:
        return super().fits(predictor) and takes(predictor._model, "answer_as_counts")

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        numbers = output["answer"].get("numbers", [{"sign": 1}])
        if not any(number["sign"] for number in numbers):
            raise InterpretationError(
                "the model answers with a sum of no numbers, for which it has no likelihood"
            )
        # The reader's labels are for another answer.
        unanswered = instance.duplicate()
        for name in ANSWERS:
            unanswered.fields.pop(name, None)
        [new] = predictor.predictions_to_labeled_instances(unanswered, output)
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

    def labelled(self, predictor: Predictor, instance: Instance, output: Outputs) -> List[Instance]:
        model: Any = predictor._model
        with torch.no_grad():
            _, records = run_recording(model, to_tensors([instance], model), dialog_parts(model))
        [start], [end], [yesno], [followup] = records.values()
        best = model._get_best_span_yesno_followup(
            start.squeeze(-1), end.squeeze(-1), yesno, followup, model._max_span_length
        )
        # First token, last token, yes/no, follow-up. Shape: (questions, 4)
        answers = best.cpu().numpy()
        # The model counts the questions by these, so they have an answer for each question.
        followups = {
            name: ListField([LabelField(int(i), skip_indexing=True) for i in answers[:, column]])
            for name, column in (("yesno_list", 2), ("followup_list", 3))
        }
        new = with_fields(predictor, instance, **followups)
        return self._with_each_answer(predictor, new, answers[:, :2])

    def gold(self, predictor: Predictor, instance: Instance) -> List[Instance]:
        fields: Any = instance.fields
        own = [[pointer.sequence_index for pointer in fields[name]] for name in (START, END)]
        return self._with_each_answer(predictor, instance, numpy.transpose(own))

    def _with_each_answer(
        self, predictor: Predictor, instance: Instance, spans: NDArray[Any]
    ) -> List[Instance]:
        """
        One instance for each question that has an answer. The other questions get the span -1, -1.
        Shape of `spans`: (questions, 2).
        """
        passage: Any = instance["passage"]
        found = []
        for question in numpy.flatnonzero(spans[:, 0] >= 0):
            only = numpy.full_like(spans, -1)
            only[question] = spans[question]
            start, end = (ListField([IndexField(int(i), passage) for i in k]) for k in only.T)
            found.append(with_fields(predictor, instance, span_start=start, span_end=end))
        return found
