"""Other words in the places of a batch's words, to see what a model makes of their ids."""

from dataclasses import dataclass
from typing import Container, Dict, Optional, Sequence, Set

import torch
from allennlp.data import Instance, Vocabulary

from biome_interpret.models.alignment.special_tokens import special_ids
from biome_interpret.models.alignment.text_fields import NO_INDEXER, texts_of
from biome_interpret.models.embedding.call_matching import IdsName, ids_by_name, text_field_names
from biome_interpret.models.tensors import TensorDict

# With fewer words, the same ones would often stand side by side. More are not needed.
_FEWEST_WORDS, _MOST_WORDS = 3, 5000


@dataclass(frozen=True)
class OtherWords:
    """
    Other ids for a tensor of ids. `first` and `second` have the same words, but in `second` each
    stands `shift` places before its place in `first`. Padding and special ids stay.

    # Parameters

    first, second : `torch.Tensor`
        Shapes: that of the ids.
    changed : `torch.BoolTensor`
        Where they differ from the ids. Shape: that of the ids.
    shift : `int`
    """

    first: torch.Tensor
    second: torch.Tensor
    changed: torch.Tensor
    shift: int

    @classmethod
    def of(cls, ids: torch.Tensor, kept: Set[int], size: int, shift: int) -> Optional["OtherWords"]:
        """
        `kept` has the ids of special tokens, `size` is the number of ids. `None` if there are too
        few words.
        """
        words = torch.tensor([i for i in range(1, min(size, _MOST_WORDS)) if i not in kept])
        if ids.is_floating_point() or len(words) < _FEWEST_WORDS:
            return None
        words = words.to(ids)
        special = torch.tensor([0, *kept]).to(ids)
        is_word = ~torch.isin(ids, special)
        places = torch.arange(ids.numel(), device=ids.device).reshape(ids.shape)
        first, second = (
            torch.where(is_word, words[(places + by) % len(words)], ids) for by in (0, shift)
        )
        return cls(first, second, is_word, shift)


def other_words(
    instances: Sequence[Instance],
    tensors: TensorDict,
    vocabulary: Vocabulary,
    kept_fields: Container[str],
) -> Dict[IdsName, OtherWords]:
    """
    For each tensor of ids of a text field, except `kept_fields`. Each is shifted by a number of its
    own.
    """
    found: Dict[IdsName, OtherWords] = {}
    names = [n for n in text_field_names(instances[0], tensors) if n not in kept_fields]
    for name, ids in ids_by_name(tensors, names).items():
        indexer = texts_of(instances[0], name.field)[0].field.token_indexers[name.indexer]
        kept, size = special_ids(indexer, vocabulary)
        size = max(size, int(ids.max()) + 1 if ids.numel() else 0)
        words = OtherWords.of(ids, kept, size, shift=len(found) + 1)
        if words is not None:
            found[name] = words
    return found


def with_ids(arguments: TensorDict, new: Dict[IdsName, torch.Tensor]) -> TensorDict:
    """A copy of a model's arguments with other tensors of ids."""
    result = dict(arguments)
    for name, ids in new.items():
        if name.field in result:
            field = dict(result[name.field])
            if name.indexer == NO_INDEXER:
                field[name.argument] = ids
            elif isinstance(field[name.indexer], torch.Tensor):
                field[name.indexer] = ids
            else:
                field[name.indexer] = {**field[name.indexer], name.argument: ids}
            result[name.field] = field
    return result
