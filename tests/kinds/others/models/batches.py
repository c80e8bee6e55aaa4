"""Models that make other rows or other texts of a batch before they embed it."""

from typing import Any, Dict, List

import torch
from allennlp.data import TextFieldTensors, Vocabulary
from torch.nn.utils.rnn import pad_sequence

from tests.kinds.others.records import (
    INPUTS,
    MAY_REFUSE,
    Classifier,
    IdsClassifier,
    Other,
    Outputs,
    maker,
    plain_matrix,
)


class OnRows(IdsClassifier):
    """A vector for each row of ids."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        return self.of_rows(tokens["tokens"]["tokens"])

    def of_rows(self, ids: torch.Tensor) -> torch.Tensor:
        return self.pooled(self.words(ids), ids != 0)


class Unique(IdsClassifier):
    """Each word of the batch is embedded once."""

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        words, places = ids.unique(return_inverse=True)
        return self.words(words)[places]


class UniqueInRows(OnRows):
    """The words of a text count once, in the order of their ids."""

    def of_rows(self, ids: torch.Tensor) -> torch.Tensor:
        return super().of_rows(pad_sequence([row[row != 0].unique() for row in ids], True))


class RepeatsTheBatch(OnRows):
    """Twice the batch, as for two passes with dropout."""

    def of_rows(self, ids: torch.Tensor) -> torch.Tensor:
        first, second = super().of_rows(ids.repeat(2, 1)).chunk(2)
        return first + 0.5 * second**2


class RepeatsRows(OnRows):
    """Each row three times, as for beams."""

    def of_rows(self, ids: torch.Tensor) -> torch.Tensor:
        beams = super().of_rows(ids.repeat_interleave(3, dim=0)).reshape(len(ids), 3, -1)
        return (beams * torch.tensor([0.5, 1.0, -0.2]).to(beams)[:, None]).sum(dim=1)


class ExpandsRows(OnRows):
    """The same as a view. Shape: (rows, 3, tokens)."""

    def of_rows(self, ids: torch.Tensor) -> torch.Tensor:
        beams = self.words(ids.unsqueeze(1).expand(-1, 3, -1))
        weighted = beams * torch.tensor([0.5, 1.0, -0.2]).to(beams)[:, None, None]
        return self.pooled(weighted.sum(dim=1), ids != 0)


class GroupsByLength(OnRows):
    """Rows of one length are embedded together, without padding."""

    def of_rows(self, ids: torch.Tensor) -> torch.Tensor:
        lengths = (ids != 0).sum(dim=1)
        found = self.words.weight.new_zeros(len(ids), 4)
        for length in lengths.unique():
            rows = lengths == length
            found[rows] = super().of_rows(ids[rows, :length])
        return found


class ShufflesRows(OnRows):
    """The rows in the order of their first ids."""

    def of_rows(self, ids: torch.Tensor) -> torch.Tensor:
        order = ids[:, 0].argsort()
        return super().of_rows(ids[order])[order.argsort()]


class SortsTokens(OnRows):
    """The tokens in the order of their ids, padding first."""

    def of_rows(self, ids: torch.Tensor) -> torch.Tensor:
        return super().of_rows(pad_sequence([row[row != 0].sort()[0] for row in ids], True))


class Overlaps(OnRows):
    """A long text in parts of three tokens that overlap."""

    def of_rows(self, ids: torch.Tensor) -> torch.Tensor:
        odd = (ids.size(1) + 1) % 2
        padded = torch.nn.functional.pad(ids, (0, max(odd, 3 - ids.size(1))))
        # Shape: (rows, parts, 3)
        parts = padded.unfold(1, 3, 2)
        vectors = super().of_rows(parts.reshape(-1, 3)).reshape(*parts.shape[:2], -1)
        return vectors.tanh().sum(dim=1)


class DropsWords(OnRows):
    """Without "the" and "a"; a text of nothing else keeps its first word."""

    def of_rows(self, ids: torch.Tensor) -> torch.Tensor:
        stop = [self.vocab.get_token_index(word) for word in ("the", "a")]
        rows = []
        for row in ids:
            kept = [index for index in row.tolist() if index and index not in stop]
            rows.append(row.new_tensor(kept or row[:1].tolist()))
        return super().of_rows(pad_sequence(rows, True))


class FirstAndLast(OnRows):
    """The first and the last token only."""

    def of_rows(self, ids: torch.Tensor) -> torch.Tensor:
        last = (ids != 0).sum(dim=1, keepdim=True) - 1
        return super().of_rows(torch.cat([ids[:, :1], ids.gather(1, last)], dim=1))


class Masks(OnRows):
    """One pass for each token that is masked by the unknown word: occlusion inside the model."""

    def of_rows(self, ids: torch.Tensor) -> torch.Tensor:
        found = super().of_rows(ids)
        for place in range(ids.size(1)):
            masked = ids.clone()
            masked[:, place] = masked[:, place].clamp(max=1)
            found = found + 0.1 * super().of_rows(masked)
        return found


class EarlyExit(OnRows):
    """Rows that are sure after one layer do without the second. Each row decides alone."""

    def of_rows(self, ids: torch.Tensor) -> torch.Tensor:
        found = super().of_rows(ids)
        is_sure = (found.abs().max(dim=1).values > 2.0).unsqueeze(1)
        return torch.where(is_sure, found, found + self.hidden(found).tanh())


class EarlyExitOfTheBatch(OnRows):
    """The batch decides."""

    def of_rows(self, ids: torch.Tensor) -> torch.Tensor:
        found = super().of_rows(ids)
        is_sure = bool((found.abs().max(dim=1).values > 0.8).all())
        return found if is_sure else found + self.hidden(found).tanh()


class Ensemble(Classifier):
    """The mean of three models, each with an embedder of its own."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.members = torch.nn.ModuleList(Classifier(vocab) for _ in range(3))
        del self.embedder, self.hidden, self.linear

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Outputs:  # type: ignore
        found: List[Outputs] = [member(tokens) for member in self.members]
        output = self.outputs(torch.stack([one["logits"] for one in found]).mean(dim=0))
        if label is not None:
            output["loss"] = self.loss(output["logits"], label)
        return output


def members(model: Any) -> List[torch.Tensor]:
    return [one.embedder.token_embedder_tokens.weight for one in model.members]


# Where the model compares ids, a spare id for a repeated word would be another word.
DISTINCT = [*INPUTS[:3], INPUTS[5]]

MODELS: Dict[str, Any] = {
    "unique words of the batch": Unique,
    "unique words of a text": UniqueInRows,
    "repeats the batch": RepeatsTheBatch,
    "repeats rows": RepeatsRows,
    "expands rows": ExpandsRows,
    "groups by length": GroupsByLength,
    "shuffles rows": ShufflesRows,
    "sorts tokens": SortsTokens,
    "overlapping parts": Overlaps,
    "drops words": DropsWords,
    "first and last token": FirstAndLast,
    "early exit": EarlyExit,
    "early exit of the batch": EarlyExitOfTheBatch,
}
COMPARE = (UniqueInRows, SortsTokens, DropsWords)

KINDS = [
    Other(
        name,
        maker(model),
        matrices=plain_matrix,
        refused=MAY_REFUSE,
        inputs=DISTINCT if model in COMPARE else INPUTS,
    )
    for name, model in MODELS.items()
]
KINDS += [
    Other("ensemble", maker(Ensemble), matrices=members),
    # A text of one token is masked as a whole.
    Other(
        "masks each token",
        maker(Masks),
        matrices=plain_matrix,
        refused=MAY_REFUSE,
        inputs=INPUTS[1:],
        rows_besides=[1],
    ),
]
