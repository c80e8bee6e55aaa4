"""Models that change the ids before they are looked up, or look them up without a module."""

from typing import Any, List

import torch
from allennlp.data import TextFieldTensors, Vocabulary

from tests.kinds.others.records import MAY_REFUSE, IdsClassifier, Other, maker, plain_matrix

BUCKETS = 7
LAST = 10


class Ints(IdsClassifier):
    """32-bit ids."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words(ids.int())


class Longs(IdsClassifier):
    """A copy of the ids, as after a move to another device."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words(ids.int().long())


class Offset(IdsClassifier):
    """Row 0 is for a mark of the beginning, so that every id moves up by one."""

    def lookup(self, size: int, dim: int) -> Any:
        return torch.nn.Embedding(size + 1, dim)

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words(ids + 1)


class OffsetInPlace(Offset):
    """Adds the one to the tensor of ids that the model is given."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        mask = ids != 0
        ids += 1
        return self.pooled(self.words(ids), mask)


class OffsetDown(IdsClassifier):
    """There is no row for padding: every id moves down by one."""

    def lookup(self, size: int, dim: int) -> Any:
        return torch.nn.Embedding(size - 1, dim)

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words((ids - 1).clamp(min=0))


class Clamped(IdsClassifier):
    """Rare words share the last row."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words(ids.clamp(max=LAST))


class Hashed(IdsClassifier):
    """Words share buckets. Bucket 0 is that of padding too."""

    def lookup(self, size: int, dim: int) -> Any:
        return torch.nn.Embedding(BUCKETS, dim)

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words(ids % BUCKETS)


class RareWordsAreUnknown(IdsClassifier):
    """Ids above a limit become that of the unknown word."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words(torch.where(ids > LAST, torch.ones_like(ids), ids))


class Flattened(IdsClassifier):
    """One long vector of ids."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words(ids.reshape(-1)).reshape(*ids.shape, -1)


class IdsInAList(IdsClassifier):
    """Ids in Python lists, and a row for each."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        rows = [torch.stack([self.words.weight[i] for i in row]) for row in ids.tolist()]
        return torch.stack(rows)


class ModuleForEachId(IdsClassifier):
    """Ids in Python lists, and a call for each."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        rows = [torch.cat([self.words(torch.tensor([i])) for i in row]) for row in ids.tolist()]
        return torch.stack(rows)


class FunctionalOverModule(IdsClassifier):
    """There is a module, but only its matrix is used."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.embedding(ids, self.words.weight)


class Functional(IdsClassifier):
    """There is a matrix and no module."""

    def lookup(self, size: int, dim: int) -> Any:
        return torch.nn.Parameter(torch.zeros(size, dim))

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.embedding(ids, self.words)


class FunctionalWithLabels(Functional):
    """The same, with an embedding of labels that is never called."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.label_embedding = torch.nn.Embedding(vocab.get_vocab_size("labels"), 4)


class OneHot(IdsClassifier):
    """A product with one-hot vectors."""

    def lookup(self, size: int, dim: int) -> Any:
        return torch.nn.Linear(size, dim, bias=False)

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        weight = self.words.weight
        return self.words(torch.nn.functional.one_hot(ids, weight.size(1)).to(weight))


def parameter(model: Any) -> List[torch.Tensor]:
    return [model.words]


def columns(model: Any) -> List[torch.Tensor]:
    return [model.words.weight.t()]


def kind(name: str, model: Any, refused: Any = MAY_REFUSE, **others: Any) -> Other:
    return Other(name, maker(model), **{"matrices": plain_matrix, "refused": refused, **others})


KINDS = [
    kind("32-bit ids", Ints),
    kind("copied ids", Longs, refused=None),
    kind("ids plus one", Offset, row_of=lambda i: i + 1),
    kind("ids plus one in place", OffsetInPlace, refused=None, row_of=lambda i: i + 1),
    kind("ids minus one", OffsetDown, row_of=lambda i: max(0, i - 1)),
    kind("clamped ids", Clamped, row_of=lambda i: min(i, LAST), shared_rows=True),
    kind("hashed ids", Hashed, row_of=lambda i: i % BUCKETS, shared_rows=True),
    kind(
        "rare words are unknown",
        RareWordsAreUnknown,
        row_of=lambda i: 1 if i > LAST else i,
        shared_rows=True,
    ),
    kind("flattened ids", Flattened, refused=None),
    kind("ids in a list", IdsInAList),
    kind("a call for each id", ModuleForEachId),
    kind("functional over a module", FunctionalOverModule),
    kind("functional", Functional, matrices=parameter),
    kind("functional beside another matrix", FunctionalWithLabels, matrices=parameter),
    kind("one-hot", OneHot, matrices=columns),
]
