"""Models, readers and predictors that AllenNLP does not have, or none that a config can name."""

from typing import Any, Dict, List, Optional

import torch
from allennlp.common import JsonDict
from allennlp.data import DatasetReader, Instance, TextFieldTensors, Vocabulary
from allennlp.data.fields import Field, MultiLabelField, TextField
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.data.tokenizers import WhitespaceTokenizer
from allennlp.models import Model
from allennlp.models.heads import ClassifierHead, Head
from allennlp.modules import Seq2VecEncoder, TextFieldEmbedder
from allennlp.modules.vision import RegionDetector
from allennlp.modules.vision.region_detector import RegionDetectorOutput
from allennlp.nn.util import get_text_field_mask
from allennlp.predictors import Predictor
from allennlp_models.structured_prediction.dataset_readers import (
    PennTreeBankConstituencySpanDatasetReader,
)
from nltk import Tree


@DatasetReader.register("several_labels")
class SeveralLabelsReader(DatasetReader):
    _tokenizer = WhitespaceTokenizer()

    def text_to_instance(self, sentence: str, labels: Optional[List[str]] = None) -> Instance:  # type: ignore
        tokens = self._tokenizer.tokenize(sentence)
        fields: Dict[str, Field] = {"tokens": TextField(tokens, {"tokens": SingleIdTokenIndexer()})}
        if labels is not None:
            fields["labels"] = MultiLabelField(list(labels), "topic_labels")
        return Instance(fields)


@Model.register("several_labels")
class SeveralLabelsModel(Model):
    label_namespace = "topic_labels"

    def __init__(
        self,
        vocab: Vocabulary,
        text_field_embedder: TextFieldEmbedder,
        seq2vec_encoder: Seq2VecEncoder,
    ) -> None:
        super().__init__(vocab)
        self._text_field_embedder = text_field_embedder
        self._encoder = seq2vec_encoder
        self._projection = torch.nn.Linear(
            seq2vec_encoder.get_output_dim(), vocab.get_vocab_size(self.label_namespace)
        )

    def forward(  # type: ignore[override]
        self, tokens: TextFieldTensors, labels: Optional[torch.Tensor] = None
    ) -> Dict[str, Any]:
        encoded = self._encoder(self._text_field_embedder(tokens), get_text_field_mask(tokens))
        logits = self._projection(encoded)
        outputs = {"logits": logits, "probs": logits.sigmoid()}
        if labels is not None:
            outputs["loss"] = torch.nn.functional.binary_cross_entropy_with_logits(
                logits, labels.to(logits.dtype)
            )
        return outputs


@DatasetReader.register("bracketed_trees")
class BracketedTreesReader(PennTreeBankConstituencySpanDatasetReader):
    """Takes a gold tree as a string, which a config can hold."""

    def text_to_instance(  # type: ignore[override]
        self, tokens: List[str], pos_tags: Optional[List[str]] = None, gold_tree: Any = None
    ) -> Instance:
        tree = Tree.fromstring(gold_tree) if isinstance(gold_tree, str) else gold_tree
        return super().text_to_instance(list(tokens), pos_tags and list(pos_tags), tree)


@Predictor.register("sentence")
class SentencePredictor(Predictor):
    """Labels nothing."""

    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return self._dataset_reader.text_to_instance(json_dict["sentence"])


@Head.register("text_classifier")
class TextClassifierHead(ClassifierHead):
    default_predictor = "text_classifier"


@RegionDetector.register("two_regions")
class TwoRegions(RegionDetector):
    """In place of a detector: an image's two regions are the whole of it, with fixed features."""

    def forward(self, images: Any, sizes: Any, image_features: Any) -> RegionDetectorOutput:
        numbers = torch.arange(20, dtype=torch.float64, device=images.device).reshape(2, 10)
        features, boxes = [], []
        for image, size in zip(images, sizes):
            features.append((numbers * (1 + float(image.double().mean()))).sin())
            whole = torch.tensor([0.0, 0.0, float(size[0]), float(size[1])], dtype=torch.float64)
            boxes.append(whole.repeat(2, 1))
        return RegionDetectorOutput(features, boxes)
