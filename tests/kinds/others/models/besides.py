"""Models that embed more than the words: positions, lengths or labels, whose ids look alike."""

from typing import Any, List

import torch
from allennlp.data import TextFieldTensors, Vocabulary

from tests.kinds.others.records import (
    INPUTS,
    MAY_REFUSE,
    Classifier,
    IdsClassifier,
    Other,
    maker,
    plain_matrix,
    vocabulary,
    words_of,
)


class Positions(IdsClassifier):
    """Positions are counted from 2 on, as RoBERTa counts them."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.positions = torch.nn.Embedding(40, 4)

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        places = torch.arange(2, ids.size(1) + 2).expand_as(ids)
        return self.words(ids) + self.positions(places)


class PositionsFirst(Positions):
    """They are looked up before the words."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        places = torch.arange(2, ids.size(1) + 2).expand_as(ids)
        return self.positions(places) + self.words(ids)


class LearnedPositions(torch.nn.Embedding):
    """Called with the ids, of which it counts the columns, as in fairseq."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        places = torch.arange(input.size(1))
        return super().forward(places).expand(*input.shape, self.embedding_dim)


class PositionsByTheIds(IdsClassifier):
    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.embed_positions = LearnedPositions(40, 4)

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words(ids) + self.embed_positions(ids)


class PlacesByTheIds(PositionsByTheIds):
    """With another name, so that only its vectors tell that it embeds no words."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.places = self.embed_positions
        del self.embed_positions

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words(ids) + self.places(ids)


class PositionsOfTheEmbedder(Classifier):
    """Beside an embedder of AllenNLP's."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.positions = torch.nn.Embedding(40, 4)

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        places = torch.arange(2, mask.size(1) + 2).expand(mask.shape)
        return super().pooled(vectors + self.positions(places), mask)


class Lengths(IdsClassifier):
    """The length of the text is embedded. Shape of the lengths: (rows,)."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.lengths = torch.nn.Embedding(40, 4)

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        lengths = (tokens["tokens"]["tokens"] != 0).sum(dim=1)
        return self.lengths(lengths) + super().vector(tokens)


class LengthsAsColumn(Lengths):
    """Shape of the lengths: (rows, 1)."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        lengths = (tokens["tokens"]["tokens"] != 0).sum(dim=1, keepdim=True)
        return self.lengths(lengths).squeeze(1) + IdsClassifier.vector(self, tokens)


class LabelVectors(IdsClassifier):
    """Each label has a vector, and the logits are products with them."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.label_words = torch.nn.Embedding(vocab.get_vocab_size("labels"), 4)

    def scores(self, vector: torch.Tensor) -> torch.Tensor:
        labels = torch.arange(self.label_words.num_embeddings)
        return vector.tanh() @ self.label_words(labels).t()


class LabelWords(IdsClassifier):
    """The labels are described by words of the text's own matrix: "bad" and "good"."""

    def scores(self, vector: torch.Tensor) -> torch.Tensor:
        names = ["bad", "good", "very"]
        ids = torch.tensor([self.vocab.get_token_index(name) for name in names])
        return super().scores(vector) + 0.5 * vector.tanh() @ self.words(ids).detach().t()


class Query(IdsClassifier):
    """A question that is the same for every text, in the text's own matrix: "the film"."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        query = torch.tensor([[self.vocab.get_token_index(word) for word in ("the", "film")]])
        asked = self.words(query).mean(dim=1)
        return super().vector(tokens) * asked.sigmoid()


class StartMark(IdsClassifier):
    """A mark of the beginning before each text."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        ids = torch.cat([torch.ones_like(ids[:, :1]), ids], dim=1)
        return self.pooled(self.words(ids), ids != 0)


class Bigrams(IdsClassifier):
    """A second matrix for pairs of neighbours, found by hashing."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.pairs = torch.nn.Embedding(11, 4)

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        pairs = (ids * 31 + ids.roll(1, dims=1)) % 11
        return self.words(ids) + 0.3 * self.pairs(pairs)


class HookedEmbedding(IdsClassifier):
    """A hook of the model's own doubles the embeddings."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.words.register_forward_hook(lambda module, given, output: 2 * output)


class HookedIds(IdsClassifier):
    """A hook of the model's own changes the ids: "bad" is read as "good"."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        bad, good = (vocab.get_token_index(word) for word in ("bad", "good"))

        def hook(module: Any, given: Any) -> Any:
            return (torch.where(given[0] == bad, torch.full_like(given[0], good), given[0]),)

        self.words.register_forward_pre_hook(hook)


def read_as_good(index: int) -> int:
    """The row of an id: that of "good" for "bad"."""
    bad, good = (vocabulary().get_token_index(word) for word in ("bad", "good"))
    return good if index == bad else index


class Sequence(IdsClassifier):
    """The embedding is the first of a sequence of layers."""

    def lookup(self, size: int, dim: int) -> Any:
        return torch.nn.Sequential(
            torch.nn.Embedding(size, dim), torch.nn.LayerNorm(dim, eps=0.5), torch.nn.Dropout(0.3)
        )


class Factorised(IdsClassifier):
    """A small matrix and a layer that widens it, as in ALBERT."""

    def lookup(self, size: int, dim: int) -> Any:
        return torch.nn.Sequential(torch.nn.Embedding(size, 2), torch.nn.Linear(2, dim))


class Adaptive(IdsClassifier):
    """Frequent words have a matrix, and rare ones another."""

    LIMIT = 9

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.rare = torch.nn.Embedding(*self.words.weight.shape)

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        is_rare = ids > self.LIMIT
        vectors = self.words.weight.new_zeros(*ids.shape, 4)
        vectors[~is_rare] = self.words(ids[~is_rare])
        vectors[is_rare] = self.rare(ids[is_rare])
        return vectors


class Mixed(IdsClassifier):
    """Two matrices, and a gate between them that is made of a third."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.others = torch.nn.Embedding(*self.words.weight.shape)
        self.gate = torch.nn.Embedding(self.words.num_embeddings, 1)

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        gate = self.gate(ids).sigmoid()
        return gate * self.words(ids) + (1 - gate) * self.others(ids)


def first_of_sequence(model: Any) -> List[torch.Tensor]:
    return [model.words[0].weight]


def both(model: Any) -> List[torch.Tensor]:
    return [model.words.weight, model.rare.weight]


def all_three(model: Any) -> List[torch.Tensor]:
    return [model.words.weight, model.others.weight, model.gate.weight]


# The ids of the first are 2, 3, 4 and 5; that of the second is 1, and so is its length.
ALIKE = [{"sentence": text} for text in ("a bad cast clever", "unheard", "a bad", "a")]


def kind(name: str, model: Any, matrices: Any = plain_matrix, **others: Any) -> Other:
    inputs = [*ALIKE, *INPUTS]
    settings = {"matrices": matrices, "refused": MAY_REFUSE, "inputs": inputs, **others}
    return Other(name, maker(model), **settings)


KINDS = [
    kind("positions", Positions),
    kind("positions first", PositionsFirst),
    kind("positions by the ids", PositionsByTheIds, refused=None),
    kind("places by the ids", PlacesByTheIds, refused="places .*the same for other words"),
    kind("positions beside an embedder", PositionsOfTheEmbedder, words_of),
    kind("length", Lengths),
    kind("length as a column", LengthsAsColumn),
    kind("vectors of labels", LabelVectors),
    # The rows of the words that describe the labels are scaled in the reference, if the text has
    # them.
    kind("words for labels", LabelWords, inputs=INPUTS[2:4]),
    kind("a query", Query, inputs=[{"sentence": "a dull plot"}, {"sentence": "good"}]),
    kind("a mark of the beginning", StartMark, inputs=INPUTS, rows_besides=[1]),
    # With one token there is no bigram: each id is changed by itself.
    kind("hashed bigrams", Bigrams, inputs=INPUTS[1:4]),
    kind("hook on the embedding", HookedEmbedding),
    kind(
        "hook on the ids",
        HookedIds,
        inputs=[{"sentence": "a bad film"}, {"sentence": "plot"}],
        row_of=read_as_good,
    ),
    kind("sequence of layers", Sequence, first_of_sequence),
    kind("factorised", Factorised, first_of_sequence),
    # A spare id would be one of a rare word: no repeated words here.
    kind("adaptive", Adaptive, both, inputs=[*ALIKE, *INPUTS[:3]]),
    kind("mixed", Mixed, all_three),
]
