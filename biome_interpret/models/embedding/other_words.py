"""Other words in the places of a batch's words, to see what a model makes of their ids."""

from dataclasses import dataclass
from typing import Container, Dict, List, Optional, Sequence, Set, Tuple

import torch
from allennlp.data import Instance, Vocabulary

from biome_interpret.models.alignment.special_tokens import special_ids
from biome_interpret.models.alignment.text_fields import NO_INDEXER, texts_of
from biome_interpret.models.embedding.call_matching import IdsName, ids_by_name, text_field_names
from biome_interpret.models.tensors import TensorDict

# With fewer words, the same ones would often stand side by side. More are not needed.
_FEWEST_WORDS, _MOST_WORDS = 4, 5000

# How many sequences of words are tried.
_ATTEMPTS = 8


@dataclass(frozen=True)
class OtherWords:
    """
    Other ids for a tensor of ids. `first` and `second` have the same words, but in `second` each
    stands `shift` places before its place in `first`. `third` is `first` with another word in one
    place. Padding and special ids stay.

    # Parameters

    first, second, third : `torch.Tensor`
        Shapes: that of the ids.
    changed : `torch.BoolTensor`
        Where `first` differs from the ids. Shape: that of the ids.
    shift : `int`
    """

    first: torch.Tensor
    second: torch.Tensor
    third: torch.Tensor
    changed: torch.Tensor
    shift: int

    @classmethod
    def of(
        cls, ids: torch.Tensor, kept: Set[int], size: int, shift: int, offset: int
    ) -> Optional["OtherWords"]:
        """
        `kept` has the ids of special tokens. `size` is the number of ids. Another `offset` gives
        other words. `None` if there are too few words.
        """
        known = [i for i in range(1, min(size, _MOST_WORDS)) if i not in kept]
        if ids.is_floating_point() or len(known) < _FEWEST_WORDS:
            return None
        words = _zigzag(known).to(ids)
        is_word = ~torch.isin(ids, torch.tensor([0, *kept]).to(ids))
        places = torch.arange(ids.numel(), device=ids.device).reshape(ids.shape) + offset

        def at(places: torch.Tensor) -> torch.Tensor:
            return torch.where(is_word, words[places % len(words)], ids)

        # Where few words are known, some of the new ones may be the old ones.
        places = min(
            (places + by for by in range(_ATTEMPTS)),
            key=lambda moved: int(((at(moved) == ids) & is_word).sum()),
        )
        first, second = at(places), at(places + shift)
        third = _with_one_changed(first, is_word, words)
        return cls(first, second, third, is_word & (first != ids), shift)

    @property
    def variants(self) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        return self.first, self.second, self.third


def _with_one_changed(
    ids: torch.Tensor, is_word: torch.Tensor, words: torch.Tensor
) -> torch.Tensor:
    """The first word becomes the largest id, or the smallest one if it is large itself."""
    places = is_word.reshape(-1).nonzero()[:1]
    changed = ids.reshape(-1).clone()
    is_small = changed[places] < words.float().mean()
    changed[places] = torch.where(is_small, words.max(), words.min()).to(changed)
    return changed.reshape(ids.shape)


def _zigzag(known: List[int]) -> torch.Tensor:
    """
    Small and large ids in turn. Both get smaller from pair to pair. So a model that sorts ids, up
    or down, changes the order of any three neighbours.
    """
    half = len(known) // 2
    pairs = zip(known[:half][::-1], known[half : 2 * half][::-1])
    return torch.tensor([i for pair in pairs for i in pair])


def other_words(
    instances: Sequence[Instance],
    tensors: TensorDict,
    vocabulary: Vocabulary,
    kept_fields: Container[str],
    offset: int = 0,
) -> Dict[IdsName, OtherWords]:
    """
    For each tensor of ids of a text field, except `kept_fields`. Each is shifted by a number of its
    own. Another `offset` gives other words.
    """
    found: Dict[IdsName, OtherWords] = {}
    names = [n for n in text_field_names(instances[0], tensors) if n not in kept_fields]
    all_ids = ids_by_name(tensors, names)
    for name, ids in all_ids.items():
        indexer = texts_of(instances[0], name.field)[0].field.token_indexers[name.indexer]
        # Two indexers may give a field the same ids. Which of the two is embedded does not matter.
        same = [n for n in found if n.field == name.field and torch.equal(all_ids[n], ids)]
        if same:
            found[name] = found[same[0]]
            continue
        kept, size = special_ids(indexer, vocabulary)
        size = max(size, int(ids.max()) + 1 if ids.numel() else 0)
        words = OtherWords.of(ids, kept, size, shift=len(found) + 1, offset=offset)
        offset += ids.numel() + 1
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
