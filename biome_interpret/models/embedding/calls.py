"""The calls of embedding sites with the text of a field."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import List, NamedTuple, Sequence, Tuple

import torch
from allennlp.data import Token, TokenIndexer

from biome_interpret.models.alignment.text_fields import FieldText
from biome_interpret.models.embedding.sites import EmbeddingSite


class CallKey(NamedTuple):
    """
    Names a call of a forward pass: the index of the site, the names of the tensor of ids in the
    batch, and how many calls of the site with this tensor came before.
    """

    site: int
    field: str
    indexer: str
    argument: str
    occurrence: int


@dataclass(frozen=True)
class SiteCall:
    """
    # Parameters

    key : `CallKey`
    site : `EmbeddingSite`
    embedded : `torch.Tensor`
        The embedding x of the text. Shape: (instances, positions, embedding_dim).
    grid : `Tuple[int, ...]`
        The dimensions that were flattened to positions, as in (tokens, characters).
    positions : `torch.LongTensor`
        Where each given id stands in its row of the field's tensor (see `id_positions`).
        Shape: (instances, given ids).
    ids : `torch.LongTensor`
        The ids of each row of the field's tensor. Shape: (instances, ids).
    given : `torch.LongTensor`
        What the site was given. Shape: (instances, given ids).
    owners : `torch.Tensor`
        For each position the index of its token, `UNOWNED` or `PADDING` (see `alignment`).
        Shape: (instances, positions).
    texts : `List[List[FieldText]]`
        For each instance, the texts of the field. The owners number the tokens of all of them.
    """

    key: CallKey
    site: EmbeddingSite
    embedded: torch.Tensor
    grid: Tuple[int, ...]
    positions: torch.Tensor
    ids: torch.Tensor
    given: torch.Tensor
    owners: torch.Tensor
    texts: List[List[FieldText]]

    def take(self, rows: Sequence[int]) -> "SiteCall":
        """The same call for a batch of some of these rows."""
        index = torch.tensor(rows)
        return replace(
            self,
            embedded=self.embedded[index.to(self.embedded.device)],
            positions=self.positions[index],
            ids=self.ids[index.to(self.ids.device)],
            given=self.given[index.to(self.given.device)],
            owners=self.owners[index],
            texts=[self.texts[row] for row in rows],
        )

    @cached_property
    def token_lists(self) -> List[List[Token]]:
        """For each instance, the tokens that the owners number."""
        return [[token for text in texts for token in text.field.tokens] for texts in self.texts]

    @property
    def indexer(self) -> TokenIndexer:
        return self.texts[0][0].field.token_indexers[self.key.indexer]
