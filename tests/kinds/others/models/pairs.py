"""Models of two texts."""

from typing import Any, Dict, List, Optional, Tuple

import torch
from allennlp.common import JsonDict
from allennlp.data import DatasetReader, Instance, TextFieldTensors, Vocabulary
from allennlp.data.fields import LabelField, TextField
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.data.tokenizers import WhitespaceTokenizer
from allennlp.predictors import Predictor

from tests.kinds.others.records import (
    MAY_REFUSE,
    IdsClassifier,
    Other,
    Outputs,
    maker,
    plain_matrix,
)


class PairReader(DatasetReader):
    def text_to_instance(  # type: ignore[override]
        self, premise: str, hypothesis: str, label: Optional[str] = None
    ) -> Instance:
        texts = {"premise": premise, "hypothesis": hypothesis}
        fields: Dict[str, Any] = {
            name: TextField(
                WhitespaceTokenizer().tokenize(text), {"tokens": SingleIdTokenIndexer()}
            )
            for name, text in texts.items()
        }
        if label is not None:
            fields["label"] = LabelField(label)
        return Instance(fields)


class PairPredictor(Predictor):
    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return self._dataset_reader.text_to_instance(json_dict["premise"], json_dict["hypothesis"])

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        new = instance.duplicate()
        new.add_field("label", LabelField(outputs["label"]), self._model.vocab)
        return [new]


class PairClassifier(IdsClassifier):
    """The difference of two vectors, and their product."""

    def forward(  # type: ignore[override]
        self,
        premise: TextFieldTensors,
        hypothesis: TextFieldTensors,
        label: Optional[torch.Tensor] = None,
    ) -> Outputs:
        ids = premise["tokens"]["tokens"], hypothesis["tokens"]["tokens"]
        first, second = self.both(*ids)
        output = self.outputs(self.scores(first - 0.5 * second + first * second))
        if label is not None:
            output["loss"] = self.loss(output["logits"], label)
        return output

    def both(self, first: torch.Tensor, second: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """Shapes: (rows, dim)."""
        return self.one(first), self.one(second)

    def one(self, ids: torch.Tensor) -> torch.Tensor:
        return self.pooled(self.words(ids), ids != 0)


Pair = Tuple[torch.Tensor, torch.Tensor]


def padded(first: torch.Tensor, second: torch.Tensor) -> Pair:
    """To one length."""
    length = max(first.size(1), second.size(1))
    pad = torch.nn.functional.pad
    return pad(first, (0, length - first.size(1))), pad(second, (0, length - second.size(1)))


class SecondFirst(PairClassifier):
    """Reads the hypothesis before the premise."""

    def both(self, first: torch.Tensor, second: torch.Tensor) -> Pair:
        vector = self.one(second)
        return self.one(first), vector


class OneBatch(PairClassifier):
    """Both texts in one batch, one below the other."""

    def both(self, first: torch.Tensor, second: torch.Tensor) -> Pair:
        vectors = self.one(torch.cat(padded(first, second)))
        return vectors[: len(first)], vectors[len(first) :]


class Stacked(PairClassifier):
    """Both texts side by side. Shape: (rows, 2, tokens)."""

    def both(self, first: torch.Tensor, second: torch.Tensor) -> Pair:
        ids = torch.stack(padded(first, second), dim=1)
        vectors = self.words(ids)
        both = [self.pooled(vectors[:, k], ids[:, k] != 0) for k in (0, 1)]
        return both[0], both[1]


class Joined(PairClassifier):
    """One text after the other, embedded together."""

    def both(self, first: torch.Tensor, second: torch.Tensor) -> Pair:
        ids = torch.cat([first, second], dim=1)
        vectors = self.words(ids)
        length = first.size(1)
        return (
            self.pooled(vectors[:, :length], first != 0),
            self.pooled(vectors[:, length:], second != 0),
        )


class JoinedBySeparator(PairClassifier):
    """The same with a separator between the texts, which is the unknown word."""

    def both(self, first: torch.Tensor, second: torch.Tensor) -> Pair:
        separator = torch.ones_like(first[:, :1])
        vectors = self.words(torch.cat([first, separator, second], dim=1))
        length = first.size(1)
        return (
            self.pooled(vectors[:, :length], first != 0),
            self.pooled(vectors[:, length + 1 :], second != 0),
        )


class TwoMatrices(PairClassifier):
    """A matrix for each text."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.others = torch.nn.Embedding(*self.words.weight.shape)

    def both(self, first: torch.Tensor, second: torch.Tensor) -> Pair:
        return self.one(first), self.pooled(self.others(second), second != 0)


class Attends(PairClassifier):
    """Each token of the premise looks at the hypothesis."""

    def both(self, first: torch.Tensor, second: torch.Tensor) -> Pair:
        own, other = self.words(first), self.words(second)
        # Shape: (rows, tokens of the premise, tokens of the hypothesis)
        scores = (own @ other.transpose(1, 2)).masked_fill((second == 0).unsqueeze(1), -1e9)
        seen = scores.softmax(dim=-1) @ other
        return self.pooled(own * seen, first != 0), self.pooled(other, second != 0)


class SharedWords(PairClassifier):
    """Words of the hypothesis that stand in the premise do not count."""

    def both(self, first: torch.Tensor, second: torch.Tensor) -> Pair:
        is_new = (second.unsqueeze(2) != first.unsqueeze(1)).all(dim=2) & (second != 0)
        return self.one(first), self.pooled(self.words(second), is_new)


def pair_ids(tensors: Dict[str, Any]) -> Dict[str, torch.Tensor]:
    return {name: tensors[name]["tokens"]["tokens"] for name in ("premise", "hypothesis")}


def two_matrices(model: Any) -> List[torch.Tensor]:
    return [model.words.weight, model.others.weight]


# Two pairs are twice the same text. In others, one text begins or holds the other.
PAIRS = [
    ("film", "story"),
    ("film", "film"),
    ("good film", "good film"),
    ("the plot is clever", "the cast is not bad"),
    ("the film", "the film is good"),
    ("a very long story with a dull plot", "slow"),
    ("film good film", "good film film"),
]
INPUTS = [{"premise": premise, "hypothesis": hypothesis} for premise, hypothesis in PAIRS]
# Ids that depend on whether words are the same: no repeated words here, for the reference.
DISTINCT = [{"premise": "the plot is clever", "hypothesis": "a dull story"}]

MODELS: Dict[str, Any] = {
    "pair": PairClassifier,
    "pair, second first": SecondFirst,
    "pair in one batch": OneBatch,
    "pair stacked": Stacked,
    "pair joined": Joined,
    "pair joined by a separator": JoinedBySeparator,
    "pair with two matrices": TwoMatrices,
    "pair with attention": Attends,
    "pair with shared words": SharedWords,
}

KINDS = [
    Other(
        name,
        maker(model, PairPredictor, reader=PairReader),
        matrices=two_matrices if model is TwoMatrices else plain_matrix,
        refused=MAY_REFUSE,
        inputs=DISTINCT if model is SharedWords else INPUTS,
        ids=pair_ids,
        rows_besides=[1] if model is JoinedBySeparator else [],
    )
    for name, model in MODELS.items()
]
