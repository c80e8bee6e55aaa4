"""Models with several logits, of which the label goes with one."""

from typing import Any, Dict, List, Optional

import torch
from allennlp.common import JsonDict
from allennlp.data import DatasetReader, Instance, TextFieldTensors, Vocabulary
from allennlp.data.fields import LabelField
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.data.tokenizers import WhitespaceTokenizer
from allennlp.nn.util import get_text_field_mask
from allennlp.predictors import Predictor, SentenceTaggerPredictor, TextClassifierPredictor

from tests.kinds.others.records import (
    MAY_REFUSE,
    Classifier,
    Other,
    Outputs,
    Said,
    maker,
    says_best,
)

TOPICS = ["sports", "arts"]
TONES = ["warm", "cold"]


class TopicAndTone(Classifier):
    """Two heads. The topic comes first in the output."""

    topic_name = "topic_logits"
    tone_name = "tone_logits"

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.topic = torch.nn.Linear(4, vocab.get_vocab_size("topic_labels"))
        self.tone = torch.nn.Linear(4, vocab.get_vocab_size("tone_labels"))

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        topic: Optional[torch.Tensor] = None,
        tone: Optional[torch.Tensor] = None,
    ) -> Outputs:
        vector = self.vector(tokens).tanh()
        output: Outputs = {self.topic_name: self.topic(vector), self.tone_name: self.tone(vector)}
        output["tone_probs"] = output[self.tone_name].softmax(dim=-1)
        losses = []
        if topic is not None:
            losses.append(torch.nn.functional.cross_entropy(output[self.topic_name], topic))
        if tone is not None:
            losses.append(torch.nn.functional.cross_entropy(output[self.tone_name], tone))
        if losses:
            output["loss"] = sum(losses)
        return output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        best = output_dict["tone_probs"].argmax(dim=-1).tolist()
        output_dict["tone"] = [self.vocab.get_token_from_index(i, "tone_labels") for i in best]
        return output_dict


class TopicIsPlain(TopicAndTone):
    """The logits of the topic are called `logits`."""

    topic_name = "logits"


class TonePredictor(TextClassifierPredictor):
    """Labels the tone by its name."""

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new = instance.duplicate()
        new.add_field("tone", LabelField(outputs["tone"], "tone_labels"), self._model.vocab)
        return [new]


class ToneByIndexPredictor(TextClassifierPredictor):
    """Labels the tone by its index, as AllenNLP's own predictors do, without its namespace."""

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new = instance.duplicate()
        best = int(outputs["tone_probs"].argmax())
        new.add_field("tone", LabelField(best, skip_indexing=True))
        return [new]


class ToneAsLabel(TopicAndTone):
    """The argument for the tone is called `label`."""

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        label: Optional[torch.Tensor] = None,
        topic: Optional[torch.Tensor] = None,
        metadata: Any = None,
    ) -> Outputs:
        return super().forward(tokens, topic, label)


class ToneAsLabelPredictor(TextClassifierPredictor):
    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new = instance.duplicate()
        new.add_field("label", LabelField(outputs["tone"], "tone_labels"), self._model.vocab)
        return [new]


class Attention(Classifier):
    """`attention_logits`, one for each token, come before `class_logits`."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.attention = torch.nn.Linear(4, 1)

    def forward(  # type: ignore[override]
        self, tokens: TextFieldTensors, label: Optional[torch.Tensor] = None, metadata: Any = None
    ) -> Outputs:
        mask = get_text_field_mask(tokens)
        vectors = self.embedder(tokens)
        # Shape: (rows, tokens)
        attention = self.attention(vectors.tanh()).squeeze(-1).masked_fill(~mask, -1e9)
        pooled = (attention.softmax(dim=-1).unsqueeze(-1) * self.hidden(vectors)).sum(dim=1)
        logits = self.scores(pooled)
        output = {"attention_logits": attention, "class_logits": logits}
        output["class_probs"] = logits.softmax(dim=-1)
        if label is not None:
            output["loss"] = torch.nn.functional.cross_entropy(logits, label)
        return output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        best = output_dict["class_probs"].argmax(dim=-1).tolist()
        output_dict["label"] = [self.vocab.get_token_from_index(i, "labels") for i in best]
        return output_dict


class AttentionPredictor(TextClassifierPredictor):
    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new = instance.duplicate()
        best = int(outputs["class_probs"].argmax())
        new.add_field("label", LabelField(best, skip_indexing=True))
        return [new]


class SlotTagger(Classifier):
    """Tags with `slot_logits`. The `chunk_logits` before them are as many."""

    label_namespace = "slot_labels"

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.chunk = torch.nn.Linear(4, vocab.get_vocab_size("chunk_labels"))
        self.slot = torch.nn.Linear(4, vocab.get_vocab_size("slot_labels"))

    def forward(  # type: ignore[override]
        self,
        tokens: TextFieldTensors,
        tags: Optional[torch.Tensor] = None,
        metadata: Optional[List[Any]] = None,
        ignore_loss_on_o_tags: Optional[bool] = None,
    ) -> Outputs:
        mask = get_text_field_mask(tokens)
        vectors = self.hidden(self.embedder(tokens)).tanh()
        # Each token sees the text before it.
        vectors = vectors + 0.5 * (vectors * mask.unsqueeze(-1)).cumsum(dim=1).tanh()
        chunk, slot = self.chunk(vectors), self.slot(vectors)
        output = {"mask": mask, "chunk_logits": chunk, "slot_logits": slot}
        output["class_probabilities"] = slot.softmax(dim=-1)
        if tags is not None:
            losses = torch.nn.functional.cross_entropy(slot.transpose(1, 2), tags, reduction="none")
            counted = mask & (tags != 0) if ignore_loss_on_o_tags else mask
            output["loss"] = (losses * counted).sum() / counted.sum()
        if metadata is not None:
            output["words"] = [one["words"] for one in metadata]
        return output

    def make_output_human_readable(self, output_dict: Outputs) -> Outputs:
        rows = output_dict["slot_logits"].argmax(dim=-1).tolist()
        output_dict["tags"] = [
            [self.vocab.get_token_from_index(tag, "slot_labels") for tag in row] for row in rows
        ]
        return output_dict


class SlotPredictor(SentenceTaggerPredictor):
    """Splits at spaces."""

    def __init__(self, model: Any, dataset_reader: Any) -> None:
        Predictor.__init__(self, model, dataset_reader)
        self._tokenizer = WhitespaceTokenizer()

    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        tokens = self._tokenizer.tokenize(json_dict["sentence"])
        return self._dataset_reader.text_to_instance(tokens)


def tagging_reader() -> DatasetReader:
    return DatasetReader.by_name("sequence_tagging")(
        token_indexers={"tokens": SingleIdTokenIndexer()}
    )


def says_slots(predictor: Predictor, at: Outputs) -> List[Said]:
    """One for each slot of one token."""
    found = []
    for position, tag in enumerate(at["tags"][0]):
        if tag != "O":
            index = predictor._model.vocab.get_token_index(tag, "slot_labels")
            found.append(
                Said(
                    tag,
                    float(at["class_probabilities"][0, position, index]),
                    lambda out, p=position, i=index: out["slot_logits"][0, p, i],
                )
            )
    return found


TWO = {"topic_labels": TOPICS, "tone_labels": TONES}
THREE = {**TWO, "topic_labels": [*TOPICS, "science"]}
SLOTS = {"slot_labels": ["O", "U-who", "U-what"], "chunk_labels": ["O", "U-NP", "U-VP"]}
TONE = says_best("tone_logits", "tone_probs", "tone")

KINDS = [
    Other(
        f"{name}, {predictor.__name__}, {size} topics",
        maker(model, predictor, vocab=vocab),
        right=TONE,
        refused=MAY_REFUSE,
    )
    for size, vocab in (("two", TWO), ("three", THREE))
    for name, model, predictor in (
        ("topic and tone", TopicAndTone, TonePredictor),
        ("topic and tone", TopicAndTone, ToneByIndexPredictor),
        ("topic called logits", TopicIsPlain, TonePredictor),
        ("tone called label", ToneAsLabel, ToneAsLabelPredictor),
        ("tone called label", ToneAsLabel, TextClassifierPredictor),
    )
]
KINDS += [
    Other(
        "attention logits",
        maker(Attention, AttentionPredictor),
        right=says_best("class_logits", "class_probs"),
    ),
    Other(
        "attention logits, stock predictor",
        maker(Attention),
        right=says_best("class_logits", "class_probs"),
    ),
    Other(
        "chunks before slots",
        maker(SlotTagger, SlotPredictor, vocab=SLOTS, reader=tagging_reader),
        right=says_slots,
    ),
]
