"""Models that change the order or the shape of the ids before they are embedded."""

from typing import Any, Dict, List, Optional

import torch
from allennlp.data import TextFieldTensors, Vocabulary
from allennlp.nn.util import get_lengths_from_binary_sequence_mask, sort_batch_by_length

from tests.kinds.others.records import (
    MAY_REFUSE,
    IdsClassifier,
    Other,
    in_order,
    maker,
    nothing,
    plain_matrix,
)


class SortsByLength(IdsClassifier):
    """Sorts the ids by length, embeds them and restores the order."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        lengths = get_lengths_from_binary_sequence_mask(ids != 0)
        ordered, _, restoration, _ = sort_batch_by_length(ids, lengths)
        return self.pooled(self.words(ordered), ordered != 0)[restoration]


class PacksIds(IdsClassifier):
    """Packs the ids and embeds what is left."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.rnn = torch.nn.GRU(4, 4, batch_first=True)

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        lengths = (ids != 0).sum(dim=1).cpu()
        packed = torch.nn.utils.rnn.pack_padded_sequence(
            ids, lengths, batch_first=True, enforce_sorted=False
        )
        packed = packed._replace(data=self.words(packed.data))
        _, last = self.rnn(packed)
        return last[0]


class Unpads(IdsClassifier):
    """Embeds the tokens of all texts as one row."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        mask = ids != 0
        vectors = self.words(ids[mask])
        padded = vectors.new_zeros(*ids.shape, vectors.size(-1))
        padded[mask] = vectors
        return padded


class UnpadsInOneRow(Unpads):
    """The same with a row dimension of one."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        mask = ids != 0
        vectors = self.words(ids[mask].unsqueeze(0)).squeeze(0)
        padded = vectors.new_zeros(*ids.shape, vectors.size(-1))
        padded[mask] = vectors
        return padded


class LoopsOverRows(IdsClassifier):
    """Each text is embedded by itself, without its padding."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        texts = [row[row != 0] for row in tokens["tokens"]["tokens"]]
        vectors = [self.pooled(self.words(text)[None], torch.ones(1, len(text))) for text in texts]
        return torch.cat(vectors)


class LoopsOverPaddedRows(IdsClassifier):
    """Each text is embedded by itself, with its padding."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        return torch.cat([self.pooled(self.words(row[None]), row[None] != 0) for row in ids])


class LoopsOverTokens(IdsClassifier):
    """One step for each position, as a decoder does."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.stack([self.words(ids[:, step]) for step in range(ids.size(1))], dim=1)


class MicroBatches(IdsClassifier):
    """Two rows at a time."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        parts = tokens["tokens"]["tokens"].split(2)
        return torch.cat([self.pooled(self.words(part), part != 0) for part in parts])


class Chunks(IdsClassifier):
    """Three positions at a time."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.words(chunk) for chunk in ids.split(3, dim=1)], dim=1)


class TimeMajor(IdsClassifier):
    """The positions are the first dimension."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words(ids.t()).transpose(0, 1)


class TimeMajorCopy(IdsClassifier):
    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words(ids.permute(1, 0).contiguous()).permute(1, 0, 2)


class Flips(IdsClassifier):
    """Reads backwards, padding first."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"].flip(1)
        return self.pooled(self.words(ids), ids != 0)


class FlipsWithinLengths(IdsClassifier):
    """Reads each text backwards and leaves padding at the end."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        lengths = (ids != 0).sum(dim=1, keepdim=True)
        steps = torch.arange(ids.size(1)).expand_as(ids)
        places = torch.where(steps < lengths, lengths - 1 - steps, steps)
        ids = ids.gather(1, places)
        return self.pooled(self.words(ids), ids != 0)


class FlipsInPlace(IdsClassifier):
    """The same, written into the tensor of ids that the model is given."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        for row in ids:
            length = int((row != 0).sum())
            row[:length] = row[:length].flip(0)
        return self.pooled(self.words(ids), ids != 0)


class BothDirections(IdsClassifier):
    """Forwards and backwards, with one matrix."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        rows = [row[row != 0] for row in ids]
        back = torch.nn.utils.rnn.pad_sequence([row.flip(0) for row in rows], batch_first=True)
        forwards = self.pooled(self.words(ids), ids != 0)
        return forwards - 0.5 * self.pooled(self.words(back), back != 0)


class DropsTheFirst(IdsClassifier):
    """Takes the first token for a mark of the beginning. A text of one token keeps it."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        ids = ids[:, 1:] if ids.size(1) > 1 else ids
        return self.pooled(self.words(ids), ids != 0)


class DropsTheLast(IdsClassifier):
    """Drops the last token of each text, as a language model does with its inputs."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"].clone()
        lengths = (ids != 0).sum(dim=1)
        ids[torch.arange(len(ids)), lengths - 1] = 0
        return self.pooled(self.words(ids), ids != 0)


class DropsPadding(IdsClassifier):
    """Cuts the columns that hold padding only, and looks at six tokens at most."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        ids = ids[:, : min(6, int((ids != 0).sum(dim=1).max()))]
        return self.pooled(self.words(ids), ids != 0)


class Twice(IdsClassifier):
    """Embeds the text twice with one matrix."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words(ids) + 0.5 * self.words(ids).tanh().flip(-1)


class TwiceTied(IdsClassifier):
    """Two modules share one matrix."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.other = torch.nn.Embedding(*self.words.weight.shape)
        self.other.weight = self.words.weight

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        return self.words(ids) + 0.5 * self.other(ids).tanh().flip(-1)


class TwoMatrices(TwiceTied):
    """Two modules with a matrix each."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.other = torch.nn.Embedding(*self.words.weight.shape)


class Padded(IdsClassifier):
    """Pads each text to eight tokens, for a layer that wants this length."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["tokens"]
        ids = torch.nn.functional.pad(ids, (0, max(0, 8 - ids.size(1))))
        return self.pooled(self.words(ids), ids != 0)


class Windows(IdsClassifier):
    """Embeds each token with its neighbours: windows of three."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        # Shape: (rows, tokens, 3)
        windows = torch.nn.functional.pad(ids, (1, 1)).unfold(1, 3, 1)
        weights = torch.tensor([0.3, 1.0, -0.7]).to(self.words.weight)
        mask = (windows != 0).unsqueeze(-1)
        return (self.words(windows) * mask * weights[:, None]).sum(dim=2)


class CachesTheLastBatch(IdsClassifier):
    """Keeps the embeddings of the last batch."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.last: Optional[Any] = None

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        if self.last is None or not torch.equal(self.last[0], ids):
            self.last = (ids.clone(), self.words(ids))
        return self.last[1]


class CachesTexts(IdsClassifier):
    """Keeps the embeddings of every text."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.cache: Dict[Any, torch.Tensor] = {}

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        texts = [row[row != 0] for row in tokens["tokens"]["tokens"]]
        vectors = []
        for text in texts:
            key = tuple(text.tolist())
            if key not in self.cache:
                self.cache[key] = self.words(text)
            vectors.append(in_order(self.hidden(self.cache[key])[None], text[None] != 0))
        return torch.cat(vectors)


def forget(model: Any) -> None:
    model.last = None
    model.cache = {}


MODELS = {
    "sorts by length": SortsByLength,
    "packs ids": PacksIds,
    "unpads": Unpads,
    "unpads into one row": UnpadsInOneRow,
    "loops over rows": LoopsOverRows,
    "loops over padded rows": LoopsOverPaddedRows,
    "loops over tokens": LoopsOverTokens,
    "micro-batches": MicroBatches,
    "chunks of the sequence": Chunks,
    "time-major view": TimeMajor,
    "time-major copy": TimeMajorCopy,
    "flips": Flips,
    "flips within lengths": FlipsWithinLengths,
    "flips in place": FlipsInPlace,
    "both directions": BothDirections,
    "drops the first token": DropsTheFirst,
    "drops the last token": DropsTheLast,
    "drops padding and the end": DropsPadding,
    "embeds twice": Twice,
    "embeds twice, tied": TwiceTied,
    "two matrices": TwoMatrices,
    "pads to a length": Padded,
    "windows": Windows,
    "caches the last batch": CachesTheLastBatch,
    "caches by text": CachesTexts,
}
NOTED = {"flips": "padding"}
MATRICES = {"two matrices": lambda model: [model.words.weight, model.other.weight]}

# Where the order of rows or tokens is lost, a refusal is right too.
KINDS: List[Other] = [
    Other(
        name,
        maker(model),
        matrices=MATRICES.get(name, plain_matrix),
        noted=NOTED.get(name),
        refused=MAY_REFUSE,
        reset=forget if "caches" in name else nothing,
    )
    for name, model in MODELS.items()
]
