"""Models with an embedding matrix of another kind, or one that is scaled or cut."""

from typing import Any, List

import torch
from allennlp.data import Vocabulary
from allennlp.modules.token_embedders import Embedding

from tests.kinds.others.records import (
    MAY_REFUSE,
    Classifier,
    IdsClassifier,
    Other,
    maker,
    plain_matrix,
)


class Bag(IdsClassifier):
    """The mean of the embeddings, in one step."""

    def lookup(self, size: int, dim: int) -> Any:
        return torch.nn.EmbeddingBag(size, dim, mode="sum", padding_idx=0)

    def vector(self, tokens: Any) -> torch.Tensor:
        return self.hidden(self.words(tokens["tokens"]["tokens"]).tanh())


class BagWithOffsets(Bag):
    """All tokens in one vector, and where each text begins."""

    def vector(self, tokens: Any) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        lengths = (ids != 0).sum(dim=1)
        offsets = lengths.cumsum(0) - lengths
        return self.hidden(self.words(ids[ids != 0], offsets).tanh())


class BagBesideWords(IdsClassifier):
    """A bag of words beside the ordinary embedding, with the same matrix."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.bag = torch.nn.EmbeddingBag(*self.words.weight.shape, mode="sum", padding_idx=0)
        self.bag.weight = self.words.weight

    def vector(self, tokens: Any) -> torch.Tensor:
        return super().vector(tokens) + self.bag(tokens["tokens"]["tokens"]).tanh()


class Scaled(Classifier):
    """Times the root of the dimension, as in transformers."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return super().pooled(vectors * vectors.size(-1) ** 0.5, mask)


class ScaledInPlace(Classifier):
    """The same, written into the embeddings."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        vectors *= 2.0
        return super().pooled(vectors, mask)


class UnitLength(Classifier):
    """Vectors of length one. Nothing is differentiable at the baseline itself."""

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return super().pooled(torch.nn.functional.normalize(vectors + 0.3, dim=-1), mask)


class MaxNorm(Classifier):
    """The matrix is cut to a norm while it is looked up."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        size = vocab.get_vocab_size("tokens")
        self.embedder.token_embedder_tokens = Embedding(
            num_embeddings=size, embedding_dim=4, max_norm=1.0
        )


class WeightNorm(IdsClassifier):
    """A length and a direction for each word."""

    def lookup(self, size: int, dim: int) -> Any:
        return torch.nn.utils.weight_norm(torch.nn.Embedding(size, dim), dim=0)


class Projected(Classifier):
    """AllenNLP's embedding with a projection."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        size = vocab.get_vocab_size("tokens")
        self.embedder.token_embedder_tokens = Embedding(
            num_embeddings=size, embedding_dim=3, projection_dim=4
        )


class PaddingRow(Classifier):
    """The row of padding is zero."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        size = vocab.get_vocab_size("tokens")
        self.embedder.token_embedder_tokens = Embedding(
            num_embeddings=size, embedding_dim=4, padding_index=0
        )


class Subclass(torch.nn.Embedding):
    """Some words are dropped by their ids."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input) * (input % 5 != 4).unsqueeze(-1)


class OwnSubclass(IdsClassifier):
    """A subclass of PyTorch's embedding."""

    def lookup(self, size: int, dim: int) -> Any:
        return Subclass(size, dim)


def lengths_and_directions(model: Any) -> List[torch.Tensor]:
    """The length of a direction does not count: scaling both scales the vector once."""
    return [model.words.weight_g, model.words.weight_v]


KINDS = [
    Other("embedding bag", maker(Bag), matrices=plain_matrix, refused=MAY_REFUSE),
    Other(
        "embedding bag with offsets",
        maker(BagWithOffsets),
        matrices=plain_matrix,
        refused=MAY_REFUSE,
    ),
    Other(
        "embedding bag beside words",
        maker(BagBesideWords),
        matrices=plain_matrix,
        refused=MAY_REFUSE,
        # The scores are those of the words' own embeddings, and a note says that this is not all.
        noted_only="does not lead through their embeddings",
    ),
    Other("scaled", maker(Scaled)),
    Other("scaled in place", maker(ScaledInPlace)),
    Other("unit length", maker(UnitLength)),
    Other("max norm", maker(MaxNorm)),
    Other("weight norm", maker(WeightNorm), matrices=lengths_and_directions, refused=MAY_REFUSE),
    Other("projected", maker(Projected)),
    Other("padding row", maker(PaddingRow)),
    Other("subclass of the embedding", maker(OwnSubclass), matrices=plain_matrix),
]
