"""Models that choose one of several texts or a span, and predictors that make their instances."""

from typing import Any, Dict, List, Optional

import torch
from allennlp.common import JsonDict
from allennlp.data import DatasetReader, Instance, TextFieldTensors, Token, Vocabulary
from allennlp.data.fields import (
    IndexField,
    LabelField,
    ListField,
    MetadataField,
    SpanField,
    TextField,
)
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.nn.util import get_text_field_mask
from allennlp.predictors import Predictor, TextClassifierPredictor

from tests.kinds.others.records import (
    DIM,
    LABELS,
    Classifier,
    Other,
    Outputs,
    Said,
    maker,
    says_best,
)


def text(words: str) -> TextField:
    return TextField([Token(word) for word in words.split()], {"tokens": SingleIdTokenIndexer()})


class Reader(DatasetReader):
    def text_to_instance(self, **texts: Any) -> Instance:  # type: ignore[override]
        """A field for each text, or list of texts."""
        fields: Dict[str, Any] = {
            name: text(one) if isinstance(one, str) else ListField([text(part) for part in one])
            for name, one in texts.items()
        }
        passage = texts.get("passage", "").split()
        return Instance({**fields, "metadata": MetadataField({"words": passage})})


class ReadsItems(Predictor):
    """The items of its input are the texts."""

    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return self._dataset_reader.text_to_instance(**json_dict)


class Choice(Classifier):
    """Chooses one of several texts. It does not name it."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.score = torch.nn.Linear(2 * DIM, 1)

    def forward(  # type: ignore[override]
        self,
        question: TextFieldTensors,
        choices: TextFieldTensors,
        label: Optional[torch.Tensor] = None,
        metadata: Any = None,
    ) -> Outputs:
        # Shape: (rows, choices, tokens)
        mask = get_text_field_mask(choices, num_wrapping_dims=1)
        vectors = self.hidden(self.embedder(choices, num_wrapping_dims=1)).tanh()
        # Shape: (rows, choices, dim)
        pooled = (vectors * mask.unsqueeze(-1)).sum(dim=2)
        # A sum of both: the reference moves the words of the question only.
        asked = self.vector(question).unsqueeze(1).expand_as(pooled)
        logits = self.score(torch.cat([pooled, asked], dim=-1).tanh()).squeeze(-1)
        logits = logits.masked_fill(~mask.any(dim=-1), -1e7)
        output = {"label_logits": logits, "label_probs": logits.softmax(dim=-1)}
        if label is not None:
            output["loss"] = torch.nn.functional.cross_entropy(logits, label)
        return output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        return output_dict


class LabelsPlace(ReadsItems):
    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new = instance.duplicate()
        best = int(outputs["label_logits"].argmax())
        new.add_field("label", LabelField(best, skip_indexing=True))
        return [new]


def says_place(predictor: Predictor, at: Outputs) -> List[Said]:
    best = int(at["label_logits"][0].argmax())
    chance = float(at["label_probs"][0, best])
    return [Said(str(best), chance, lambda out: out["label_logits"][0, best])]


class Answer(Classifier):
    """A span of the passage. Its logits have names of their own."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.ends = torch.nn.Linear(DIM, 2)

    def forward(  # type: ignore[override]
        self,
        question: TextFieldTensors,
        passage: TextFieldTensors,
        span_start: Optional[torch.Tensor] = None,
        span_end: Optional[torch.Tensor] = None,
        metadata: Any = None,
    ) -> Outputs:
        logits = self.logits(question, passage)
        start, end = logits.unbind(dim=-1)
        begin = logits.size(1) - get_text_field_mask(passage).size(1)
        first = start[:, begin:].argmax(dim=-1)
        is_before = torch.arange(end.size(1) - begin).unsqueeze(0) < first.unsqueeze(1)
        last = end[:, begin:].masked_fill(is_before, -1e8).argmax(dim=-1)
        output: Outputs = {"start_logits": start, "end_logits": end}
        output["best_span"] = torch.stack([first, last], dim=-1)
        output["words"] = [one["words"] for one in metadata]
        if span_start is not None and span_end is not None:
            loss = torch.nn.functional.cross_entropy
            output["loss"] = loss(start, span_start.view(-1) + begin)
            output["loss"] += loss(end, span_end.view(-1) + begin)
        return output

    def logits(self, question: TextFieldTensors, passage: TextFieldTensors) -> torch.Tensor:
        """Shape: (rows, tokens, 2)."""
        mask = get_text_field_mask(passage)
        vectors = self.hidden(self.embedder(passage)) + self.vector(question).unsqueeze(1)
        return self.ends(vectors.tanh()).masked_fill(~mask.unsqueeze(-1), -1e7)

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        return output_dict


class AnswerBehindTheQuestion(Answer):
    """Reads question and passage as one sequence. The answer counts from the passage."""

    def logits(self, question: TextFieldTensors, passage: TextFieldTensors) -> torch.Tensor:
        mask = torch.cat([get_text_field_mask(question), get_text_field_mask(passage)], dim=1)
        vectors = torch.cat([self.embedder(question), self.embedder(passage)], dim=1)
        vectors = self.hidden(vectors) + self.vector(question).unsqueeze(1)
        return self.ends(vectors.tanh()).masked_fill(~mask.unsqueeze(-1), -1e7)


class LabelsSpan(ReadsItems):
    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new, passage = instance.duplicate(), instance["passage"]
        for name, index in zip(("span_start", "span_end"), outputs["best_span"]):
            new.add_field(name, IndexField(int(index), passage))  # type: ignore[arg-type]
        return [new]


def says_answer(predictor: Predictor, at: Outputs) -> List[Said]:
    first, last = at["best_span"][0].tolist()
    chances = [at["start_logits"][0].softmax(-1)[first], at["end_logits"][0].softmax(-1)[last]]
    words = " ".join(at["words"][0][first : last + 1])

    def explained(out: Outputs) -> torch.Tensor:
        value: torch.Tensor = out["start_logits"][0, first] + out["end_logits"][0, last]
        return value

    return [Said(words, float(chances[0] * chances[1]), explained)]


def says_answer_behind(predictor: Predictor, at: Outputs) -> List[Said]:
    """The loss is explained: minus the log-probability of both ends."""
    first, last = at["best_span"][0].tolist()
    begin = at["start_logits"].size(1) - len(at["words"][0])

    def explained(out: Outputs) -> torch.Tensor:
        start = out["start_logits"][0].log_softmax(-1)[begin + first]
        value: torch.Tensor = start + out["end_logits"][0].log_softmax(-1)[begin + last]
        return value

    return [Said(" ".join(at["words"][0][first : last + 1]), None, explained)]


class Relation(Classifier):
    """The spans of two things, which may be missing."""

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        head: Optional[torch.Tensor] = None,
        tail: Optional[torch.Tensor] = None,
        label: Optional[torch.Tensor] = None,
    ) -> Outputs:
        vectors = self.hidden(self.embedder(tokens)).tanh().cumsum(dim=1)
        pooled = self.vector(tokens)
        for spans in (head, tail):
            if spans is not None:
                rows = torch.arange(len(spans))
                pooled = pooled + vectors[rows, spans[:, 0]] * vectors[rows, spans[:, 1]]
        logits = self.scores(pooled)
        output = self.outputs(logits)
        if label is not None:
            output["loss"] = self.loss(logits, label)
        return output


class WithSpans(TextClassifierPredictor):
    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        tokens = text(json_dict["sentence"])
        last = len(tokens) - 1
        spans = {"head": SpanField(0, min(1, last), tokens), "tail": SpanField(last, last, tokens)}
        return Instance({"tokens": tokens, **spans})


class LabelsItself(WithSpans):
    """It gives labelled instances only."""

    def json_to_labeled_instances(self, inputs: JsonDict) -> List[Instance]:
        instance = self._json_to_instance(inputs)
        label = self._model.forward_on_instance(instance)["label"]
        instance.add_field("label", LabelField(label), self._model.vocab)
        return [instance]

    predictions_to_labeled_instances = Predictor.predictions_to_labeled_instances


class LogitsOfLongTexts(Classifier):
    """Short texts have probabilities only."""

    def forward(self, tokens: TextFieldTensors, **others: Any) -> Outputs:  # type: ignore[override]
        output = super().forward(tokens, others.get("label"))
        if get_text_field_mask(tokens).size(1) < 3:
            del output["logits"]
        return output


def says_logit_or_chance(predictor: Predictor, at: Outputs) -> List[Said]:
    best = int(at["probs"][0].argmax())

    def explained(out: Outputs) -> torch.Tensor:
        found: torch.Tensor = out["logits"] if "logits" in out else out["probs"].log()
        return found[0, best]

    return [Said(LABELS[best], None, explained)]


class ListsInstances(TextClassifierPredictor):
    """Several instances of one input, as a list."""

    def _json_to_instance(self, json_dict: JsonDict) -> Any:
        parts = [part.split() for part in json_dict["sentence"].split("|")]
        return [self._dataset_reader.text_to_instance(" ".join(part)) for part in parts]

    def predict_json(self, inputs: JsonDict) -> JsonDict:
        return {"parts": self.predict_batch_instance(self._json_to_instance(inputs))}


class MakesAnew(TextClassifierPredictor):
    """Reads the text again to label it."""

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        words = " ".join(str(token) for token in instance["tokens"])  # type: ignore[attr-defined]
        new = self._dataset_reader.text_to_instance(words)
        new.add_field("label", LabelField(outputs["label"]))
        return [new]


CHOICES = [
    {"question": "film good", "choices": ["bad cast", "plot"]},
    {"question": "is the plot dull", "choices": ["film", "not very bad", "clever", "slow story"]},
    {"question": "very long", "choices": ["a", "good cast", "the", "dull plot"]},
]
ANSWERS = [
    {"question": "film", "passage": "the plot is long"},
    {"question": "is the plot", "passage": "bad cast"},
    {"question": "not good", "passage": "a dull story with very"},
]


def ids_of(*names: str) -> Any:
    return lambda tensors: {name: tensors[name]["tokens"]["tokens"] for name in names}


def listed(predictor: Any, inputs: JsonDict) -> List[Instance]:
    found: List[Instance] = predictor._json_to_instance(inputs)
    return found


KINDS = [
    Other(
        "choices by place",
        maker(Choice, LabelsPlace, reader=Reader),
        right=says_place,
        inputs=CHOICES,
        ids=ids_of("question"),
    ),
    Other(
        "logits of a span with other names",
        maker(Answer, LabelsSpan, reader=Reader),
        right=says_answer,
        inputs=ANSWERS,
        ids=ids_of("question", "passage"),
    ),
    Other(
        "a span behind another text",
        maker(AnswerBehindTheQuestion, LabelsSpan, reader=Reader),
        right=None,
        noted_as=says_answer_behind,
        noted_as_note="for the tokens of one text: the loss is explained",
        inputs=ANSWERS,
        ids=ids_of("question", "passage"),
    ),
    Other("spans that may be missing", maker(Relation, WithSpans)),
    Other("labelled instances only", maker(Relation, LabelsItself)),
    Other("logits of long texts", maker(LogitsOfLongTexts), right=says_logit_or_chance),
    Other(
        "instances in a list",
        maker(Classifier, ListsInstances),
        right=says_best(),
        inputs=[{"sentence": "good film | the plot is dull"}, {"sentence": "film"}],
        instances=listed,
    ),
    Other("makes the instance anew", maker(Classifier, MakesAnew)),
]
