"""Models with labels of other kinds: of a namespace of their own, several at once, or in order."""

from typing import Any, Dict, List, Optional

import torch
from allennlp.data import DatasetReader, Instance, TextFieldTensors, Vocabulary
from allennlp.data.fields import LabelField, MultiLabelField, TextField
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.data.tokenizers import WhitespaceTokenizer
from allennlp.predictors import Predictor, TextClassifierPredictor

from tests.kinds.others.records import (
    UNCLEAR,
    Classifier,
    Other,
    Outputs,
    Said,
    in_order,
    maker,
    says_log_probability,
)

BCE = torch.nn.functional.binary_cross_entropy_with_logits


class OwnNamespace(Classifier):
    """Labels in `topic_labels`. The vocabulary has `labels` too."""

    namespace = "topic_labels"


class OwnNamespaceSaid(OwnNamespace):
    """The same, with the attribute that AllenNLP's classifiers have."""

    _label_namespace = "topic_labels"


class OwnNamespacePredictor(TextClassifierPredictor):
    """Labels by name, in the namespace."""

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new = instance.duplicate()
        new.add_field("label", LabelField(outputs["label"], "topic_labels"), self._model.vocab)
        return [new]


class MoreLabels(Classifier):
    """Two more outputs than the vocabulary has labels."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab, num_labels=5)


class ReservedNames(Classifier):
    """The namespace holds padding and the unknown label, and so do the outputs."""

    namespace = "tags2"


class WithoutReservedNames(Classifier):
    """The outputs leave padding and the unknown label out: the indices move by two."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab, num_labels=vocab.get_vocab_size("tags2") - 2)

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return super().loss(logits, label - 2)

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        best = output_dict["probs"].argmax(dim=-1).tolist()
        output_dict["label"] = [self.vocab.get_token_from_index(i + 2, "tags2") for i in best]
        return output_dict


class WithoutReservedNamesPredictor(TextClassifierPredictor):
    """Labels by name."""

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new = instance.duplicate()
        new.add_field("label", LabelField(outputs["label"], "tags2"), self._model.vocab)
        return [new]


class OwnNames(Classifier):
    """The names of the labels are the model's own, in another order than the vocabulary's."""

    names = ["mixed", "neg", "pos"]

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        best = output_dict["probs"].argmax(dim=-1).tolist()
        output_dict["label"] = [self.names[i] for i in best]
        return output_dict


class NumbersAsLabels(Classifier):
    """Labels are numbers: the vocabulary has no names for them."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab, num_labels=4)

    namespace = "no_labels"


class MultiLabel(Classifier):
    """Several labels at once, from 0.5 on. Shape of the logits: (rows, labels)."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits, "probs": logits.sigmoid()}

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        labels: Optional[torch.Tensor] = None,
        metadata: Any = None,
    ) -> Outputs:
        output = self.outputs(self.scores(self.vector(tokens)))
        if labels is not None:
            output["loss"] = BCE(output["logits"], labels.reshape(output["logits"].shape).double())
        return output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        names = self.vocab.get_index_to_token_vocabulary("labels")
        output_dict["labels"] = [
            [names[i] for i, probability in enumerate(row) if probability > 0.5]
            for row in output_dict["probs"].flatten(1).tolist()
        ]
        return output_dict


class MultiLabelWithDimension(MultiLabel):
    """Shape of the logits: (rows, 1, labels)."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return super().outputs(logits.unsqueeze(1))


class LogitsOfSeveral(MultiLabel):
    """Nothing but its loss says that a text has several labels."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits}

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        return output_dict


class Rationale(MultiLabel):
    """It also says how much each token counts, under a name that ends as that of probabilities."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.gate = torch.nn.Linear(4, 1)

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        hidden = self.hidden(vectors)
        # Shape: (rows, tokens)
        self.counts = self.gate(hidden).squeeze(-1).sigmoid() * mask
        return in_order(hidden * self.counts.unsqueeze(-1), mask)

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {**super().outputs(logits), "rationale_probs": self.counts}


class RationaleOfScores(Rationale):
    """The probabilities of its labels have another name, and it gives no logits."""

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        labels: Optional[torch.Tensor] = None,
        metadata: Any = None,
    ) -> Outputs:
        output = super().forward(tokens, labels)
        del output["logits"]
        output["scores"] = output.pop("probs")
        return output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        output_dict["probs"] = output_dict["scores"]
        super().make_output_human_readable(output_dict)
        del output_dict["probs"]
        return output_dict


class LogitsAndRationale(Rationale):
    """Nothing but its loss says that a text has several labels."""

    def outputs(self, logits: torch.Tensor) -> Outputs:
        outputs = super().outputs(logits)
        del outputs["probs"]
        return outputs

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        return output_dict


class MultiLabelReader(DatasetReader):
    def text_to_instance(  # type: ignore[override]
        self, sentence: str, labels: Optional[List[str]] = None
    ) -> Instance:
        indexers = {"tokens": SingleIdTokenIndexer()}
        fields: Dict[str, Any] = {
            "tokens": TextField(WhitespaceTokenizer().tokenize(sentence), indexers)
        }
        if labels is not None:
            fields["labels"] = MultiLabelField(labels)
        return Instance(fields)


class MultiLabelPredictor(Predictor):
    """All labels of a text in one instance."""

    def _json_to_instance(self, json_dict: Any) -> Instance:
        return self._dataset_reader.text_to_instance(json_dict["sentence"])

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new = instance.duplicate()
        new.add_field("labels", MultiLabelField(outputs["labels"]), self._model.vocab)
        return [new]


class PlainMultiLabelPredictor(Predictor):
    """Labels nothing."""

    def _json_to_instance(self, json_dict: Any) -> Instance:
        return self._dataset_reader.text_to_instance(json_dict["sentence"])


def says_all_labels(predictor: Predictor, at: Outputs) -> List[Said]:
    """The sum of the logits of the predicted labels, as AllenNLP labels one instance."""
    names = at["labels"][0]
    indices = [predictor._model.vocab.get_token_index(name, "labels") for name in names]
    return [
        Said(
            " ".join(names) or None,
            None,
            lambda out: out["logits"].flatten()[indices].sum(),
        )
    ]


def says_each_label(predictor: Predictor, at: Outputs) -> List[Said]:
    """The logit of each label above 0.5, the most probable first; of the best if there is none."""
    probabilities = at["logits"].sigmoid().flatten().tolist()
    ranked = sorted(range(len(probabilities)), key=lambda i: -probabilities[i])
    names = predictor._model.vocab.get_index_to_token_vocabulary("labels")
    return [
        Said(names[i], probabilities[i], lambda out, i=i: out["logits"].flatten()[i])
        for i in ranked
        if probabilities[i] > 0.5 or i == ranked[0]
    ]


def says_losses(predictor: Predictor, at: Outputs) -> List[Said]:
    """Minus the loss of each label above 0.5, or of the best if there is none."""
    model: Any = predictor._model
    scores = at["scores"][0]
    names = model.vocab.get_index_to_token_vocabulary("labels")
    ranked = scores.argsort(descending=True).tolist()
    found = [i for i in ranked if scores[i] > 0.5] or ranked[:1]
    labels = torch.eye(len(scores)).to(scores)
    chance = torch.nn.functional.binary_cross_entropy
    return [
        Said(names[i], None, lambda out, i=i: -chance(out["scores"][0], labels[i])) for i in found
    ]


GRADES = ["awful", "poor", "good", "great"]


class Ordinal(Classifier):
    """Grades: a logit for each step from one grade to the next."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab, num_labels=len(GRADES) - 1)
        self.linear = torch.nn.Linear(4, 1)
        self.steps = torch.nn.Parameter(torch.zeros(len(GRADES) - 1))

    def scores(self, vector: torch.Tensor) -> torch.Tensor:
        return 3 * self.linear(vector.tanh()) - 10 * self.steps.sort().values

    def outputs(self, logits: torch.Tensor) -> Outputs:
        return {"logits": logits, "step_probs": logits.sigmoid()}

    def loss(self, logits: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        passed = torch.arange(logits.size(1)) < label.unsqueeze(1)
        return BCE(logits, passed.to(logits))

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        grades = (output_dict["logits"] > 0).sum(dim=-1).tolist()
        output_dict["label"] = [self.vocab.get_token_from_index(i, "labels") for i in grades]
        return output_dict


class OrdinalPredictor(TextClassifierPredictor):
    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new = instance.duplicate()
        new.add_field("label", LabelField(outputs["label"]), self._model.vocab)
        return [new]


def says_grade(predictor: Predictor, at: Outputs) -> List[Said]:
    """Minus the model's own loss for the grade."""
    model: Any = predictor._model
    grade = (at["logits"] > 0).sum(dim=-1)
    return [Said(at["label"][0], None, lambda out: -model.loss(out["logits"], grade))]


TOPICS = {"topic_labels": ["sports", "arts", "science"], "labels": ["pos", "neg", "mixed"]}
RESERVED = {"tags2": ["neg", "pos", "mixed"], "labels": ["mixed", "neg", "pos"]}

KINDS = [
    Other("own namespace", maker(OwnNamespace, vocab=TOPICS)),
    Other("own namespace, said", maker(OwnNamespaceSaid, vocab=TOPICS)),
    Other("own namespace, by name", maker(OwnNamespace, OwnNamespacePredictor, vocab=TOPICS)),
    Other("more outputs than labels", maker(MoreLabels, seed=2)),
    Other("reserved names", maker(ReservedNames, vocab=RESERVED)),
    Other("without reserved names", maker(WithoutReservedNames, vocab=RESERVED), refused=UNCLEAR),
    Other(
        "without reserved names, by name",
        maker(WithoutReservedNames, WithoutReservedNamesPredictor, vocab=RESERVED),
        noted_as=says_log_probability(),
        refused=UNCLEAR,
    ),
    Other("own names", maker(OwnNames), refused=UNCLEAR),
    Other("numbers as labels", maker(NumbersAsLabels, vocab={"labels": []})),
    Other(
        "several labels",
        maker(MultiLabel, MultiLabelPredictor, reader=MultiLabelReader),
        right=says_all_labels,
    ),
    Other(
        "several labels, predictor labels nothing",
        maker(MultiLabel, PlainMultiLabelPredictor, reader=MultiLabelReader),
        right=says_each_label,
        refused=UNCLEAR,
    ),
    Other("several labels, logits only", maker(LogitsOfSeveral), right=says_each_label),
    Other("several labels and a rationale", maker(Rationale), right=says_each_label),
    Other(
        "several labels and a rationale, logits only",
        maker(LogitsAndRationale),
        right=says_each_label,
    ),
    Other(
        "several labels and a rationale, no logits",
        maker(RationaleOfScores),
        right=says_losses,
        noted="the loss is explained",
    ),
    Other(
        "several labels with a dimension",
        maker(MultiLabelWithDimension, MultiLabelPredictor, reader=MultiLabelReader),
        right=says_all_labels,
        refused=UNCLEAR,
    ),
    Other(
        "several labels with a dimension, predictor labels nothing",
        maker(MultiLabelWithDimension, PlainMultiLabelPredictor, reader=MultiLabelReader),
        right=says_each_label,
        refused=UNCLEAR,
    ),
    Other(
        "grades",
        maker(Ordinal, vocab={"labels": GRADES}),
        right=None,
        noted_as=says_grade,
        refused=UNCLEAR,
    ),
    Other(
        "grades, by name",
        maker(Ordinal, OrdinalPredictor, vocab={"labels": GRADES}),
        right=None,
        noted_as=says_grade,
        refused=UNCLEAR,
    ),
]
