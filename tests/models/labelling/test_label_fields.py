"""A field that may be a label, and that the model reads as an input, is no label."""

from typing import Any, Dict, List, Optional

import pytest
import torch
from allennlp.common import JsonDict
from allennlp.data import DatasetReader, Instance, TextFieldTensors, Vocabulary
from allennlp.data.fields import LabelField, TensorField, TextField, TransformerTextField
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.data.tokenizers import WhitespaceTokenizer
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient, Interpretation, InterpretationError
from tests.kinds.others.models.labels import MultiLabel, MultiLabelPredictor, MultiLabelReader
from tests.kinds.others.records import LABELS, Classifier, Outputs, maker

DOMAINS = {"domain_labels": ["books", "films"]}
INPUTS = [
    {"sentence": "good film", "domain": "films"},
    {"sentence": "the plot is very clever", "domain": "books"},
    {"sentence": "a dull story", "domain": "films"},
]


class OfADomain(Classifier):
    """Adds a vector of the text's domain to the logits. It is there before the sentiment."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.domains = torch.nn.Embedding(2, len(LABELS))

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        domain: Optional[torch.Tensor] = None,
        sentiment: Optional[torch.Tensor] = None,
    ) -> Outputs:
        logits = self.scores(self.vector(tokens))
        if domain is not None:
            logits = logits + self.domains(domain)
        output = self.outputs(logits)
        if sentiment is not None:
            output["loss"] = self.loss(logits, sentiment)
        return output


class DomainReader(DatasetReader):
    def text_to_instance(  # type: ignore[override]
        self, sentence: str, domain: str, sentiment: Optional[str] = None
    ) -> Instance:
        indexers = {"tokens": SingleIdTokenIndexer()}
        fields: Dict[str, Any] = {
            "tokens": TextField(WhitespaceTokenizer().tokenize(sentence), indexers),
            "domain": LabelField(domain, "domain_labels"),
        }
        if sentiment is not None:
            fields["sentiment"] = LabelField(sentiment)
        return Instance(fields)


class LabelsNothing(Predictor):
    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return self._dataset_reader.text_to_instance(**json_dict)


class LabelsTheSentiment(LabelsNothing):
    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new = instance.duplicate()
        new.add_field("sentiment", LabelField(outputs["label"]), self._model.vocab)
        return [new]


class NeedsTheDomain(LabelsTheSentiment):
    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        assert instance["domain"] is not None
        return super().predictions_to_labeled_instances(instance, outputs)


PREDICTORS = [LabelsNothing, LabelsTheSentiment, NeedsTheDomain]


def predictor_of(predictor: type) -> Predictor:
    return maker(OfADomain, predictor, vocab=DOMAINS, reader=DomainReader)()  # type: ignore[arg-type]


def check(result: Interpretation, said: JsonDict) -> None:
    """The label and the logit are the model's own."""
    assert result.target.label == said["label"]
    assert result.output_name == "logits"
    assert result.output == pytest.approx(max(said["logits"]))
    assert result.target.probability == pytest.approx(max(said["probs"]))
    assert result.notes == []


@pytest.mark.parametrize("predictor", PREDICTORS)
def test_an_optional_input_is_no_label(predictor: type) -> None:
    model = predictor_of(predictor)
    for inputs, [result] in zip(INPUTS, IntegratedGradient(model).interpret_batch_json(INPUTS)):
        check(result, model.predict_json(inputs))


def test_it_is_none_if_the_text_has_the_predicted_label_already() -> None:
    predictor = predictor_of(LabelsTheSentiment)
    for inputs in INPUTS:
        said = predictor.predict_json(inputs)
        for sentiment in LABELS:
            labelled = predictor._json_to_instance({**inputs, "sentiment": sentiment})
            [result] = IntegratedGradient(predictor).interpret_instance(labelled)
            check(result, said)
            [gold] = IntegratedGradient(predictor).interpret_instance(labelled, target="gold")
            assert gold.target.label == sentiment


def test_a_target_is_one_of_the_labels() -> None:
    interpreter = IntegratedGradient(predictor_of(LabelsTheSentiment))
    found = interpreter.interpret_json(INPUTS[0], target=[*LABELS])
    assert [one.target.label for one in found] == LABELS
    with pytest.raises(InterpretationError, match="unknown target 'books'"):
        interpreter.interpret_json(INPUTS[0], target="books")


def test_the_loss_shows_which_of_several_fields_is_the_label() -> None:
    predictor = predictor_of(LabelsNothing)
    for inputs in INPUTS:
        labelled = predictor._json_to_instance({**inputs, "sentiment": "pos"})
        [result] = IntegratedGradient(predictor).interpret_instance(labelled)
        check(result, predictor.predict_json(inputs))
        [gold] = IntegratedGradient(predictor).interpret_instance(labelled, target="gold")
        assert gold.target.label == "pos"


class WithIds(MultiLabel):
    """It also takes a field that cannot be compared."""

    def forward(  # type: ignore[override]
        self, tokens: Any, more: Any, labels: Any = None, metadata: Any = None
    ) -> Outputs:
        return super().forward(tokens, labels)


class IdsReader(MultiLabelReader):
    def text_to_instance(self, *arguments: Any, **options: Any) -> Instance:
        instance = super().text_to_instance(*arguments, **options)
        instance.add_field("more", TransformerTextField([1, 2, 3]))
        return instance


class OneByOne(MultiLabelPredictor):
    """An instance for each label."""

    def predictions_to_labeled_instances(self, instance: Any, outputs: Any) -> List[Instance]:
        return [
            super(OneByOne, self).predictions_to_labeled_instances(instance, {"labels": [one]})[0]
            for one in ("neg", "pos")
        ]


def test_a_target_of_several_labels_is_explained_once() -> None:
    predictor = maker(WithIds, OneByOne, reader=IdsReader)()
    results = IntegratedGradient(predictor).interpret_json({"sentence": "a dull film"}, "mixed")
    assert [result.target.label for result in results] == ["mixed"]


class Weighted(Classifier):
    """A text may have a weight in the loss."""

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        weight: Optional[torch.Tensor] = None,
        sentiment: Optional[torch.Tensor] = None,
    ) -> Outputs:
        output = super().forward(tokens, sentiment)
        if sentiment is not None and weight is not None:
            output["loss"] = (output["loss"] * weight).mean()
        return output


class WeightReader(DatasetReader):
    def text_to_instance(  # type: ignore[override]
        self, sentence: str, weight: Optional[float] = None, sentiment: Optional[str] = None
    ) -> Instance:
        text = TextField(
            WhitespaceTokenizer().tokenize(sentence), {"tokens": SingleIdTokenIndexer()}
        )
        fields: Dict[str, Any] = {"tokens": text}
        if weight is not None:
            fields["weight"] = TensorField(torch.tensor(weight))
        if sentiment is not None:
            fields["sentiment"] = LabelField(sentiment)
        return Instance(fields)


def test_a_weight_that_is_missing_is_no_label() -> None:
    predictor = maker(Weighted, LabelsNothing, reader=WeightReader)()
    plain = {"sentence": "the plot is very clever"}
    said = predictor.predict_json(plain)
    found: List[JsonDict] = [{}, {"sentiment": "pos"}, {"weight": 2.0}]
    for more in [*found, {"weight": 2.0, "sentiment": "pos"}]:
        [result] = IntegratedGradient(predictor).interpret_json({**plain, **more})
        check(result, said)


class TwoLosses(OfADomain):
    """It is trained on the domain, too."""

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        domain: Optional[torch.Tensor] = None,
        sentiment: Optional[torch.Tensor] = None,
    ) -> Outputs:
        output = super().forward(tokens, domain, sentiment)
        if domain is not None:
            loss = self.loss(output["logits"][:, :2], domain)
            output["loss"] = output.get("loss", 0.0) + loss
        return output


def test_of_two_fields_with_a_loss_none_is_taken_for_the_label() -> None:
    predictor = maker(TwoLosses, LabelsNothing, vocab=DOMAINS, reader=DomainReader)()
    labelled = predictor._json_to_instance({**INPUTS[0], "sentiment": "pos"})
    with pytest.raises(InterpretationError, match="its label may be any of 'domain', 'sentiment'"):
        IntegratedGradient(predictor).interpret_instance(labelled)
