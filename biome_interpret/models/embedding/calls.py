"""The calls of embedding sites with the text of a field."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import List, NamedTuple, Optional, Sequence, Tuple

import torch
from allennlp.data import Instance, Token, TokenIndexer

from biome_interpret.errors import InterpretationError
from biome_interpret.models.alignment.text_fields import FieldText, texts_of
from biome_interpret.models.alignment.token_alignment import PADDING, UNOWNED, owners_of_ids
from biome_interpret.models.embedding.sites import EmbeddingSite


class CallKey(NamedTuple):
    """Which call: of which site, with which tensor of the batch, for the how manieth time."""

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
        What the site put out: x. Shape: (instances, positions, embedding_dim).
    grid : `Tuple[int, ...]`
        How the positions are laid out, as in (tokens, characters).
    owners : `torch.Tensor`
        Whose each position is (see `layout`). Shape: (instances, positions).
    texts : `List[List[FieldText]]`
        For each instance, the texts of the field, whose tokens the owners number.
    """

    key: CallKey
    site: EmbeddingSite
    embedded: torch.Tensor
    grid: Tuple[int, ...]
    owners: torch.Tensor
    texts: List[List[FieldText]]

    def take(self, rows: Sequence[int]) -> "SiteCall":
        """The same call for a batch whose rows are some of these."""
        index = torch.tensor(rows)
        return replace(
            self,
            embedded=self.embedded[index.to(self.embedded.device)],
            owners=self.owners[index],
            texts=[self.texts[row] for row in rows],
        )

    @cached_property
    def token_lists(self) -> List[List[Token]]:
        """For each instance, the tokens that the owners number."""
        return [[token for text in texts for token in text.field.tokens] for texts in self.texts]

    @cached_property
    def has_unowned(self) -> bool:
        """Whether any position belongs to no token and is no padding either."""
        return bool((self.owners == UNOWNED).any())

    @cached_property
    def is_in_order(self) -> List[bool]:
        """For each instance, whether its tokens have one position each, and in front of padding."""
        positions = torch.arange(self.owners.size(1))
        counts = torch.tensor([[len(tokens)] for tokens in self.token_lists])
        in_order = self.owners == positions.masked_fill(positions >= counts, PADDING)
        return [*(in_order.all(dim=1) & (counts.squeeze(1) <= len(positions))).tolist()]

    @property
    def indexer(self) -> TokenIndexer:
        return self.texts[0][0].field.token_indexers[self.key.indexer]


class _Match(NamedTuple):
    key: CallKey
    leaf: torch.Tensor
    # Where in the leaf each id stands (see `matching`); `None` where it is the leaf itself. Shape:
    # the ids'.
    positions: Optional[torch.Tensor]
    # One number for each text, and equal to the leaf's without being the leaf's own.
    may_be_chance: bool

    def of_first(self, count: int, num_rows: int) -> "_Match":
        """The same for the first rows of the batch alone."""
        leaf, positions = self.leaf[:count], self.positions
        if positions is not None:
            positions = positions[: positions.size(0) // num_rows * count]
        return self._replace(leaf=leaf, positions=positions)


def as_rows(output: torch.Tensor, num_rows: int) -> Optional[torch.Tensor]:
    """
    A site's output by rows, whatever dimensions were folded into one another; `None` where it
    cannot be told into so many rows. Shape: (rows, positions, embedding_dim).
    """
    if output.dim() < 2 or output.size(0) % num_rows:
        return None
    return output.reshape(num_rows, -1, output.size(-1))


def site_call(
    match: _Match, site: EmbeddingSite, output: torch.Tensor, instances: Sequence[Instance]
) -> SiteCall:
    """
    # Raises

    `InterpretationError`
        If the site's output has no position for each token.
    """
    texts = [texts_of(instance, match.key.field) for instance in instances]
    embedded = as_rows(output, len(instances))
    owners = _owners(match, texts)
    grid = tuple(match.leaf.shape[1:])
    reads_characters = len(grid) - len(texts[0][0].place) == 2
    if embedded is not None and embedded.size(1) != owners.size(1) and reads_characters:
        # The characters are put together inside the site: a position for each token.
        owners = owners.reshape(len(instances), -1, grid[-1])[..., 0]
        grid = grid[:-1]
    if site.boundaries:
        shape = (match.leaf if match.positions is None else match.positions).shape
        length = shape[-2 if reads_characters else -1]
        owners = _with_boundaries(owners, length, site.boundaries)
    if embedded is None or embedded.size(1) != owners.size(1):
        raise InterpretationError(
            f"the output of {site.name}, of shape {tuple(output.shape)}, has no position for each "
            f"token of field '{match.key.field}', whose ids have shape {tuple(match.leaf.shape)}"
        )
    return SiteCall(
        key=match.key,
        site=site,
        # A copy, since some models write into what their embedding put out.
        embedded=embedded.detach().clone(),
        grid=grid if torch.Size(grid).numel() == embedded.size(1) else (embedded.size(1),),
        owners=owners,
        texts=texts,
    )


def _owners(match: _Match, texts: Sequence[Sequence[FieldText]]) -> torch.Tensor:
    """Shape: (instances, positions)."""
    key, shape = match.key, match.leaf.shape[1:]
    owners = torch.stack([owners_of_ids(t, key.indexer, key.argument, shape) for t in texts])
    if match.positions is None:
        return owners.reshape(len(texts), -1)
    # Positions that stand nowhere in the field are negative: they pick from the end.
    owners = torch.cat([owners.flatten(), owners.new_tensor([UNOWNED, PADDING])])
    return owners[match.positions].reshape(len(texts), -1)


def _with_boundaries(owners: torch.Tensor, length: int, size: int) -> torch.Tensor:
    """
    The owners where the site itself sets so many pieces before each text and behind it.
    (instances, texts * length) -> (instances, texts * (length + 2 * size))
    """
    lines = owners.reshape(-1, length)
    result = torch.full((lines.size(0), length + 2 * size), PADDING)
    result[:, size : size + length] = lines
    ends = (lines != PADDING).sum(dim=1)
    texts = torch.arange(lines.size(0))[ends > 0]  # The others only fill up a list.
    for step in range(size):
        result[texts, step] = UNOWNED
        result[texts, size + ends[texts] + step] = UNOWNED
    return result.reshape(owners.size(0), -1)
