"""The calls of a model's embedding sites in one forward pass, each matched to its text field."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

import torch
from allennlp.data import Instance, Token, TokenIndexer

from biome_interpret.errors import InterpretationError
from biome_interpret.models.batches import TensorDict
from biome_interpret.models.hooks import observed
from biome_interpret.models.layout import (
    NO_INDEXER,
    PADDING,
    UNOWNED,
    FieldText,
    leaf_owners,
    texts_of,
)
from biome_interpret.models.matching import (
    ADDED,
    is_view,
    positions_by_value,
    positions_in_view,
    same_layout,
)
from biome_interpret.models.sites import EmbeddingSite

# What an indexer hands over beside the ids of a text.
_NOT_IDS = {
    "mask",
    "wordpiece_mask",
    "segment_concat_mask",
    "type_ids",
    "offsets",
    "attention_mask",
    "special_tokens_mask",
    "token_type_ids",
    "offsets_mapping",
}


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


class CallMatcher:
    """
    Recognises, pass by pass, which tensor of the batch a site was called with: the very object or
    a view of it, else one made of it.
    """

    def __init__(self, tensors: TensorDict, field_names: Sequence[str], num_rows: int) -> None:
        self._num_rows = num_rows
        self._leaves = {
            (field, indexer, argument): leaf.contiguous()
            for field in field_names
            for indexer, argument, leaf in _id_tensors(tensors[field])
        }
        self._occurrences: Dict[Tuple[Any, ...], int] = {}

    def match(self, site: int, given: Sequence[torch.Tensor]) -> Optional[_Match]:
        """The call, or `None` where no tensor is a field's (but a label's embedding, say)."""
        for tensor in given:
            for name, leaf in self._leaves.items():
                if is_view(leaf, tensor):
                    positions = (
                        None if same_layout(leaf, tensor) else positions_in_view(leaf, tensor)
                    )
                    return self._count(site, name, positions, False)
        for tensor in given:
            match = self._match_by_value(site, tensor)
            if match is not None:
                return match
        return None

    def _match_by_value(self, site: int, given: torch.Tensor) -> Optional[_Match]:
        candidates = {
            name: positions
            for name, leaf in self._leaves.items()
            for positions in [positions_by_value(leaf, given, self._num_rows)]
            if positions is not None
        }
        if not candidates:
            return None

        def rank(name: Tuple[str, str, str]) -> Tuple[bool, int]:
            partial = candidates[name].numel() != self._leaves[name].numel()
            return partial, self._occurrences.get((site, *name), 0)

        best = min(candidates, key=rank)
        self._check_alone(best, given, candidates[best])
        return self._count(site, best, candidates[best], given.numel() == self._num_rows)

    def _check_alone(
        self, name: Tuple[str, str, str], given: torch.Tensor, positions: torch.Tensor
    ) -> None:
        """
        # Raises

        `InterpretationError`
            If among the numbers that are not the field's stand those of another field.
        """
        added = given.reshape(-1)[positions.reshape(-1).to(given.device) == ADDED].tolist()
        for other, leaf in self._leaves.items():
            ids = leaf[leaf != 0].tolist() if other[0] != name[0] and added else []
            starts = range(len(added) - len(ids) + 1) if len(ids) > 1 else ()
            if any(added[start : start + len(ids)] == ids for start in starts):
                raise InterpretationError(
                    f"the model puts fields '{name[0]}' and '{other[0]}' together before it embeds "
                    f"them, and which score is whose cannot be told: embed each of them apart, or "
                    f"make them one field"
                )

    def _count(
        self,
        site: int,
        name: Tuple[str, str, str],
        positions: Optional[torch.Tensor],
        may_be_chance: bool,
    ) -> _Match:
        occurrence = self._occurrences.get((site, *name), 0)
        self._occurrences[(site, *name)] = occurrence + 1
        key = CallKey(site, *name, occurrence)
        return _Match(key, self._leaves[name], positions, may_be_chance)


def _id_tensors(field_tensors: Dict[str, Any]) -> Iterator[Tuple[str, str, torch.Tensor]]:
    """
    The tensors of a field that stand for its tokens, by indexer and argument. A
    `TransformerTextField` has no indexers.
    """
    for indexer, arguments in field_tensors.items():
        if isinstance(arguments, torch.Tensor):
            arguments, indexer = {indexer: arguments}, NO_INDEXER
        for argument, leaf in arguments.items():
            if argument not in _NOT_IDS and isinstance(leaf, torch.Tensor):
                yield indexer, argument, leaf


def as_rows(output: torch.Tensor, num_rows: int) -> Optional[torch.Tensor]:
    """
    A site's output by rows, whatever dimensions were folded into one another; `None` where it
    cannot be told into so many rows. Shape: (rows, positions, embedding_dim).
    """
    if output.dim() < 2 or output.size(0) % num_rows:
        return None
    return output.reshape(num_rows, -1, output.size(-1))


def text_field_names(instance: Instance, tensors: TensorDict) -> List[str]:
    return [name for name in instance.fields if name in tensors and texts_of(instance, name)]


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
    owners = torch.stack([leaf_owners(t, key.indexer, key.argument, shape) for t in texts])
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


class CallRecorder:
    """
    Observes one forward pass and keeps the calls of the sites with the text of a field.

    # Parameters

    sites : `Sequence[EmbeddingSite]`
    instances : `Sequence[Instance]`
        The texts that are the first rows of the batch; mostly all of them.
    tensors : `TensorDict`
        The batch.
    num_rows : `int`
        Its size.
    """

    def __init__(
        self,
        sites: Sequence[EmbeddingSite],
        instances: Sequence[Instance],
        tensors: TensorDict,
        num_rows: int,
    ) -> None:
        self._sites = sites
        self._instances = instances
        self._num_rows = num_rows
        fields = text_field_names(instances[0], tensors)
        self._matcher = CallMatcher(tensors, fields, num_rows)
        self._calls: List[Tuple[SiteCall, bool]] = []

    @property
    def calls(self) -> List[SiteCall]:
        """
        Without those that equal a text of one token by chance, such as a label's: where the site
        is also called with that text itself.
        """
        sure = {call.key[:-1] for call, may_be_chance in self._calls if not may_be_chance}
        return [
            call
            for call, may_be_chance in self._calls
            if not (may_be_chance and call.key[:-1] in sure)
        ]

    def record(
        self, site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[SiteCall]:
        """The call, where it is one with the text of a field."""
        match = self._matcher.match(site, given)
        if match is None:
            return None
        count = len(self._instances)
        if count < self._num_rows:
            match = match.of_first(count, self._num_rows)
            output = output[: output.size(0) // self._num_rows * count]
        call = site_call(match, self._sites[site], output, self._instances)
        self._calls.append((call, match.may_be_chance))
        return call


def trace(
    run: Callable[[TensorDict], Dict[str, Any]],
    sites: Sequence[EmbeddingSite],
    instances: Sequence[Instance],
    tensors: TensorDict,
    arguments: TensorDict,
) -> Tuple[List[SiteCall], Dict[str, Any]]:
    """
    Runs the model on texts as they are.

    # Parameters

    run : `Callable[[TensorDict], Dict[str, Any]]`
        The model's forward pass.
    tensors : `TensorDict`
        The instances' batch.
    arguments : `TensorDict`
        What of it the model is called with.

    # Returns

    `Tuple[List[SiteCall], Dict[str, Any]]`
        The calls of the sites with the text of a field, in their order, and the model's output.

    # Raises

    `InterpretationError`
        If there is no such call.
    """
    recorder = CallRecorder(sites, instances, tensors, len(instances))

    def observe(
        site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[torch.Tensor]:
        return None if recorder.record(site, given, output) is None else output

    with torch.no_grad(), observed(sites, observe):
        outputs = run(arguments)
    if not recorder.calls:
        names = ", ".join(site.name for site in sites)
        raise InterpretationError(f"the model never calls {names} with the text of a field")
    return recorder.calls, outputs
