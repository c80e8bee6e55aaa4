"""Finds the field of a call: the tensor of the batch that a site was called with."""

from collections import defaultdict
from typing import (
    Any,
    Callable,
    DefaultDict,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import torch
from allennlp.data import Instance

from biome_interpret.errors import InterpretationError
from biome_interpret.models.alignment.text_fields import NO_INDEXER, texts_of
from biome_interpret.models.embedding.calls import CallKey
from biome_interpret.models.embedding.id_positions import (
    ADDED,
    is_view,
    positions_by_value,
    positions_in_view,
)
from biome_interpret.models.tensors import TensorDict

# What an indexer returns besides the ids of a text.
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


class IdsName(NamedTuple):
    """Names a tensor of ids in a batch."""

    field: str
    indexer: str
    argument: str


# How the ids that a site was given were recognised: by their storage, by their values, or by the
# shape only.
VIEW, COPY, SHAPE = "view", "copy", "shape"


class Match(NamedTuple):
    """A call, the field's tensor of ids, and where in it the given ids stand."""

    key: CallKey
    ids: torch.Tensor
    # See `id_positions`. Shape: that of the given ids.
    positions: torch.Tensor
    # `VIEW`, `COPY` or `SHAPE`. Only a view is certain.
    how: str
    # Which of the given tensors holds the ids.
    given_index: int


# The name of a tensor of ids, and the positions in it.
_Found = Tuple[IdsName, torch.Tensor]


class CallMatcher:
    """
    Matches the calls of one forward pass. A site may be called with a field's ids, with a view of
    them, or with a tensor that the model made from them.

    # Parameters

    instance : `Instance`
        Any one of the batch.
    tensors : `TensorDict`
        The batch.
    arguments : `TensorDict`
        A copy of its tensors, which the model is called with and may write into.
    num_rows : `int`
    """

    def __init__(
        self, instance: Instance, tensors: TensorDict, arguments: TensorDict, num_rows: int
    ) -> None:
        self._num_rows = num_rows
        fields = text_field_names(instance, arguments)
        self._ids = ids_by_name(tensors, fields)
        self._given = ids_by_name(arguments, fields)
        self._versions = {name: ids._version for name, ids in self._given.items()}
        self._num_calls: DefaultDict[Tuple[int, IdsName], int] = defaultdict(int)

    def match(self, site: int, given: Sequence[torch.Tensor]) -> Optional[Match]:
        """`None` if the tensors are not ids of a field, but of a label, say."""
        matchers: Dict[str, Callable[[int, torch.Tensor], Optional[_Found]]] = {
            VIEW: self._by_storage,
            COPY: self._by_value,
            SHAPE: self._by_shape,
        }
        for how, matcher in matchers.items():
            for index, tensor in enumerate(given):
                found = matcher(site, tensor)
                if found is not None:
                    name, positions = found
                    key = CallKey(site, *name, occurrence=self._num_calls[site, name])
                    self._num_calls[site, name] += 1
                    return Match(key, self._ids[name], positions, how, index)
        return None

    def _by_storage(self, site: int, given: torch.Tensor) -> Optional[_Found]:
        for name, ids in self._given.items():
            # The model may have moved the ids in their own tensor.
            if is_view(ids, given) and ids._version == self._versions[name]:
                return name, positions_in_view(ids, given)
        return None

    def _by_shape(self, site: int, given: torch.Tensor) -> Optional[_Found]:
        """For ids that the model changed one by one, as by another type or an offset."""
        if given.is_floating_point() or given.dtype == torch.bool:
            return None
        names = [name for name, ids in self._ids.items() if _is_made_from(ids, given)]
        if not names:
            return None
        name = min(names, key=lambda name: self._num_calls[site, name])
        return name, torch.arange(given.numel()).reshape(given.shape)

    def _by_value(self, site: int, given: torch.Tensor) -> Optional[_Found]:
        candidates = {
            name: positions
            for name, ids in self._ids.items()
            for positions in [positions_by_value(ids, given, self._num_rows)]
            if positions is not None
        }
        if not candidates:
            return None

        def rank(name: IdsName) -> Tuple[bool, int]:
            is_partial = candidates[name].numel() != self._ids[name].numel()
            return is_partial, self._num_calls[site, name]

        best = min(candidates, key=rank)
        self._check_alone(best, given, candidates[best])
        return best, candidates[best]

    def _check_alone(self, name: IdsName, given: torch.Tensor, positions: torch.Tensor) -> None:
        """
        # Raises

        `InterpretationError`
            If the given ids also contain those of another field.
        """
        added = given.reshape(-1)[positions.reshape(-1).to(given.device) == ADDED].tolist()
        for other, tensor in self._ids.items():
            ids = tensor[tensor != 0].tolist() if other[0] != name[0] and added else []
            starts = range(len(added) - len(ids) + 1) if len(ids) > 1 else ()
            if any(added[start : start + len(ids)] == ids for start in starts):
                raise InterpretationError(
                    f"the model joins fields '{name[0]}' and '{other[0]}' before it embeds them, "
                    f"so that their scores cannot be told apart: embed each field by itself, or "
                    f"make them one field"
                )


def _is_made_from(ids: torch.Tensor, given: torch.Tensor) -> bool:
    """Whether each of the given ids may be made from the id in its place: equal ids stay equal."""
    if ids.shape != given.shape:
        return False
    pairs = torch.stack([ids.reshape(-1), given.reshape(-1).to(ids)])
    return bool(pairs.unique(dim=1).size(1) == ids.unique().numel())


def ids_by_name(tensors: TensorDict, field_names: Sequence[str]) -> Dict[IdsName, torch.Tensor]:
    """The tensors of ids of some fields."""
    return {
        IdsName(field, indexer, argument): ids.contiguous()
        for field in field_names
        for indexer, argument, ids in _id_tensors(tensors[field])
    }


def text_field_names(instance: Instance, tensors: TensorDict) -> List[str]:
    return [name for name in instance.fields if name in tensors and texts_of(instance, name)]


def _id_tensors(field_tensors: Dict[str, Any]) -> Iterator[Tuple[str, str, torch.Tensor]]:
    """A field's tensors of ids, by indexer and argument."""
    for indexer, arguments in field_tensors.items():
        if isinstance(arguments, torch.Tensor):
            arguments, indexer = {indexer: arguments}, NO_INDEXER
        for argument, tensor in arguments.items():
            if argument not in _NOT_IDS and isinstance(tensor, torch.Tensor):
                yield indexer, argument, tensor
