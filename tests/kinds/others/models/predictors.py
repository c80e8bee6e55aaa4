"""Predictors that read their input, predict or label in a way of their own."""

from typing import Any, Dict, List, Optional

import torch
from allennlp.common import JsonDict
from allennlp.data import DatasetReader, Instance, Token, Vocabulary
from allennlp.data.fields import LabelField, TextField
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.predictors import Predictor, TextClassifierPredictor

from tests.kinds.others.records import (
    TEXTS,
    Classifier,
    IdsClassifier,
    Other,
    Outputs,
    Said,
    maker,
    plain_matrix,
    says_best,
)


class SplitsTheInput(TextClassifierPredictor):
    """One instance for each sentence of the input."""

    def sentences(self, inputs: JsonDict) -> List[Instance]:
        parts = [part.split() for part in inputs["sentence"].split("|")]
        found = [self._json_to_instance({"sentence": " ".join(part)}) for part in parts]
        for one in found:
            self._dataset_reader.apply_token_indexers(one)
        return found

    def json_to_labeled_instances(self, inputs: JsonDict) -> List[Instance]:
        return [
            labelled
            for instance in self.sentences(inputs)
            for labelled in self.predictions_to_labeled_instances(
                instance, self._model.forward_on_instance(instance)
            )
        ]

    def predict_json(self, inputs: JsonDict) -> JsonDict:
        return {"sentences": self.predict_batch_instance(self.sentences(inputs))}


def split_instances(predictor: Any, inputs: JsonDict) -> List[Instance]:
    return predictor.sentences(inputs)


class TakesTheLabel(TextClassifierPredictor):
    """Explains the label of the input, if it has one."""

    def json_to_labeled_instances(self, inputs: JsonDict) -> List[Instance]:
        instance = self._json_to_instance(inputs)
        if "label" not in inputs:
            return super().json_to_labeled_instances(inputs)
        instance.add_field("label", LabelField(inputs["label"]), self._model.vocab)
        return [instance]


def says_mixed(predictor: Predictor, at: Outputs) -> List[Said]:
    """The label that every input here gives."""
    index = predictor._model.vocab.get_token_index("mixed", "labels")
    return [Said("mixed", float(at["probs"][0, index]), lambda out: out["logits"][0, index])]


class AddsToTheOutput(TextClassifierPredictor):
    """Adds to what the model says."""

    def predict_instance(self, instance: Instance) -> JsonDict:
        outputs = super().predict_instance(instance)
        outputs["confidence"] = max(outputs["probs"])
        return outputs


class AnotherRule(TextClassifierPredictor):
    """The predictor's own label: never "mixed"."""

    def predict_instance(self, instance: Instance) -> JsonDict:
        outputs = super().predict_instance(instance)
        outputs["probs"] = [*outputs["probs"][:2], 0.0]
        outputs["label"] = ["neg", "pos"][outputs["probs"][1] > outputs["probs"][0]]
        return outputs

    def json_to_labeled_instances(self, inputs: JsonDict) -> List[Instance]:
        instance = self._json_to_instance(inputs)
        return self.predictions_to_labeled_instances(instance, self.predict_instance(instance))

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new = instance.duplicate()
        new.add_field("label", LabelField(outputs["label"]), self._model.vocab)
        return [new]


def says_another(predictor: Predictor, at: Outputs) -> List[Said]:
    best = int(at["probs"][0, :2].argmax())
    label = predictor._model.vocab.get_token_from_index(best, "labels")
    return [Said(label, None, lambda out: out["logits"][0, best])]


class ReadsInBatches(TextClassifierPredictor):
    """Reads all inputs of a batch at once."""

    def _batch_json_to_instances(self, json_dicts: List[JsonDict]) -> List[Instance]:
        texts = [json_dict["sentence"].lower() for json_dict in json_dicts]
        return [self._dataset_reader.text_to_instance(text) for text in texts]


class ReadsInBatchesOnly(TextClassifierPredictor):
    """The same, and not one by one."""

    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        raise NotImplementedError

    def _batch_json_to_instances(self, json_dicts: List[JsonDict]) -> List[Instance]:
        return [self._dataset_reader.text_to_instance(one["sentence"]) for one in json_dicts]

    def predict_json(self, inputs: JsonDict) -> JsonDict:
        return self.predict_batch_json([inputs])[0]


def batch_instances(predictor: Any, inputs: JsonDict) -> List[Instance]:
    return predictor._batch_json_to_instances([inputs])


class TakesItemsAway(TextClassifierPredictor):
    """Removes what it reads from the input."""

    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return self._dataset_reader.text_to_instance(json_dict.pop("sentence"))


class EveryClass(TextClassifierPredictor):
    """One instance for each class."""

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        found = []
        for index in range(len(outputs["probs"])):
            new = instance.duplicate()
            new.add_field("label", LabelField(index, skip_indexing=True))
            found.append(new)
        return found


def says_every_class(predictor: Predictor, at: Outputs) -> List[Said]:
    names = predictor._model.vocab.get_index_to_token_vocabulary("labels")
    return [
        Said(names[i], float(at["probs"][0, i]), lambda out, i=i: out["logits"][0, i])
        for i in range(at["probs"].size(1))
    ]


class SecondBest(TextClassifierPredictor):
    """Labels the class that comes second."""

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new = instance.duplicate()
        second = int(outputs["probs"].argsort()[-2])
        new.add_field("label", LabelField(second, skip_indexing=True))
        return [new]


def says_second(predictor: Predictor, at: Outputs) -> List[Said]:
    return [sorted(says_every_class(predictor, at), key=lambda said: -(said.probability or 0))[1]]


class LabelsNothing(TextClassifierPredictor):
    """Labels no text."""

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        return []


class NamesItsLayer(TextClassifierPredictor):
    def get_interpretable_layer(self) -> torch.nn.Module:
        return self._model.embedder.token_embedder_tokens


class ChangesTheInstance(TextClassifierPredictor):
    """Labels the instance that it is given, and no copy."""

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        best = int(outputs["probs"].argmax())
        instance.add_field("label", LabelField(best, skip_indexing=True))
        return [instance]


class ByteReader(DatasetReader):
    """A token for each byte, which has an id and no text."""

    def text_to_instance(self, sentence: str) -> Instance:  # type: ignore[override]
        tokens = [Token(text_id=byte + 1) for byte in sentence.encode()]
        indexer = SingleIdTokenIndexer(namespace=None, feature_name="text_id")
        return Instance({"tokens": TextField(tokens, {"tokens": indexer})})


class Bytes(IdsClassifier):
    """Reads bytes."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.words = torch.nn.Embedding(257, 4)


class TextPredictor(Predictor):
    """Labels nothing: AllenNLP asks for no more."""

    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return self._dataset_reader.text_to_instance(json_dict["sentence"])


class WordsReader(DatasetReader):
    """Reads words that are split already, with a label that may be there."""

    def text_to_instance(  # type: ignore[override]
        self, words: List[str], label: Optional[str] = None
    ) -> Instance:
        field = TextField([Token(word) for word in words], {"tokens": SingleIdTokenIndexer()})
        fields: Dict[str, Any] = {"tokens": field}
        if label is not None:
            fields["label"] = LabelField(label)
        return Instance(fields)


class WordsPredictor(Predictor):
    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return self._dataset_reader.text_to_instance(json_dict["words"], json_dict.get("label"))

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new = instance.duplicate()
        new.add_field("label", LabelField(outputs["label"]), self._model.vocab)
        return [new]


WHY = r"(?i)predictor|json_to_labeled_instances|label"
SPLIT = ["film", "good film | the plot is not clever", "a dull film | film | the cast is good"]
BYTES = ["a", "film", "good", "bad plot"]

KINDS = [
    Other(
        "splits the input",
        maker(Classifier, SplitsTheInput),
        inputs=[{"sentence": text} for text in [*SPLIT, "the film is the film"]],
        instances=split_instances,
        refused=WHY,
    ),
    Other(
        "takes the label from the input",
        maker(Classifier, TakesTheLabel),
        right=says_mixed,
        noted_as=says_best(),
        noted_as_note=WHY,
        refused=WHY,
        inputs=[{"sentence": text, "label": "mixed"} for text in TEXTS],
    ),
    Other("adds to the output", maker(Classifier, AddsToTheOutput)),
    Other(
        "another rule for the label",
        maker(Classifier, AnotherRule),
        right=says_another,
        noted_as=says_best(),
        noted_as_note=WHY,
        refused=WHY,
    ),
    Other("reads in batches", maker(Classifier, ReadsInBatches)),
    Other(
        "reads in batches only",
        maker(Classifier, ReadsInBatchesOnly),
        instances=batch_instances,
        refused=r"(?i)predictor|ReadsInBatchesOnly",
    ),
    Other("takes items away", maker(Classifier, TakesItemsAway)),
    Other("every class", maker(Classifier, EveryClass), right=says_every_class),
    Other("second best", maker(Classifier, SecondBest), right=says_second),
    Other("labels nothing", maker(Classifier, LabelsNothing), right=lambda predictor, at: []),
    Other("names its layer", maker(Classifier, NamesItsLayer)),
    Other("changes the instance", maker(Classifier, ChangesTheInstance)),
    Other(
        "bytes",
        maker(Bytes, TextPredictor, reader=ByteReader),
        matrices=plain_matrix,
        inputs=[{"sentence": text} for text in BYTES],
    ),
    Other(
        "words in a list",
        maker(Classifier, WordsPredictor, reader=WordsReader),
        inputs=[{"words": text.split()} for text in TEXTS],
    ),
    Other(
        "words in a list with a label",
        maker(Classifier, WordsPredictor, reader=WordsReader),
        inputs=[{"words": text.split(), "label": "mixed"} for text in TEXTS],
    ),
]
