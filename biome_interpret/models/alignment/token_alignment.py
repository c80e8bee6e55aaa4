"""The token that each position of an indexed text belongs to."""

from functools import lru_cache
from typing import Any, List, Sequence, Tuple, Type

import torch
from allennlp.common import Registrable
from allennlp.data import TokenIndexer
from allennlp.data.token_indexers import (
    PretrainedTransformerIndexer,
    PretrainedTransformerMismatchedIndexer,
)

from biome_interpret.models.alignment.text_fields import FieldText
from biome_interpret.models.registry import latest_first

# Owners that are no token: a piece that the indexer added, and a position that only fills up.
UNOWNED = -1
PADDING = -2


class TokenAlignment(Registrable):
    """
    Knows which token each position of an indexer's output belongs to. An indexer of the user's own
    that adds or splits tokens needs one subclass, registered from the user's package.
    """

    aligns: Tuple[Type[TokenIndexer], ...] = ()

    def owners(self, indexer: Any, indexed: Any, num_tokens: int) -> List[int]:
        """One token index, or `UNOWNED`, for each position."""
        raise NotImplementedError

    @classmethod
    def for_indexer(cls, indexer: TokenIndexer) -> "TokenAlignment":
        kind: Any = type(indexer)
        return _alignment(kind, latest_first(cls))


@lru_cache(maxsize=64)
def _alignment(kind: Any, known: Tuple[Any, ...]) -> TokenAlignment:
    return next(
        alignment() for parent in kind.__mro__ for alignment in known if parent in alignment.aligns
    )


@TokenAlignment.register("tokens")
class PlainAlignment(TokenAlignment):
    """A position for each token, after the start tokens that some indexers add."""

    aligns = (TokenIndexer,)

    def owners(self, indexer: Any, indexed: Any, num_tokens: int) -> List[int]:
        num_start = len(getattr(indexer, "_start_tokens", ()))
        num_end = len(getattr(indexer, "_end_tokens", ()))
        return [UNOWNED] * num_start + list(range(num_tokens)) + [UNOWNED] * num_end


@TokenAlignment.register("pretrained_transformer")
class PretrainedTransformerAlignment(TokenAlignment):
    """
    A position for each token; a text that is folded for its length has the special pieces of the
    inner segments besides.
    """

    aligns = (PretrainedTransformerIndexer,)

    def owners(self, indexer: Any, indexed: Any, num_tokens: int) -> List[int]:
        if indexer._max_length is None:
            return list(range(num_tokens))
        start, end = indexer._num_added_start_tokens, indexer._num_added_end_tokens
        size = indexer._effective_max_length
        tokens = list(range(num_tokens))
        content = tokens[start : num_tokens - end]
        segments = [content[i : i + size] for i in range(0, len(content), size)]
        owners: List[int] = []
        for segment in segments:
            owners += [UNOWNED] * start + segment + [UNOWNED] * end
        if owners and end:
            owners[-end:] = tokens[num_tokens - end :]
        owners[:start] = tokens[:start]
        return owners


@TokenAlignment.register("pretrained_transformer_mismatched")
class MismatchedAlignment(TokenAlignment):
    """Several word pieces for each token."""

    aligns = (PretrainedTransformerMismatchedIndexer,)

    def owners(self, indexer: Any, indexed: Any, num_tokens: int) -> List[int]:
        owners = [UNOWNED] * len(indexed["token_ids"])
        for token, span in enumerate(indexed["offsets"]):
            if span is not None and span[0] >= 0:
                owners[span[0] : span[1] + 1] = [token] * (span[1] + 1 - span[0])
        return owners


def leaf_owners(
    texts: Sequence[FieldText], indexer_name: str, argument: str, shape: torch.Size
) -> torch.Tensor:
    """
    The owner of each number in one instance's part of a tensor of ids.

    # Parameters

    texts : `Sequence[FieldText]`
        The texts of the field.
    indexer_name, argument : `str`
        Which of the field's tensors.
    shape : `torch.Size`
        Its shape for one instance: (list dimensions..., positions) or, for characters,
        (list dimensions..., positions, characters).

    # Returns

    `torch.Tensor`
        Of that shape: indices into the tokens of all texts, one after the other; `UNOWNED`;
        `PADDING`.
    """
    if len(shape) == 1:  # A text alone, which goes without being written into anything.
        alone = _owners_of(texts[0], indexer_name)[: shape[0]]
        return torch.tensor([*alone, *[PADDING] * (shape[0] - len(alone))], dtype=torch.long)
    result = torch.full(shape, PADDING, dtype=torch.long)
    first_token = 0
    for text in texts:
        owners = torch.tensor(_owners_of(text, indexer_name), dtype=torch.long)
        owners[owners >= 0] += first_token
        _write(result[text.place], owners, _indexed(text, indexer_name)[argument])
        first_token += len(text.field.tokens)
    return result


def _owners_of(text: FieldText, indexer_name: str) -> List[int]:
    indexer = text.field.token_indexers[indexer_name]
    alignment = TokenAlignment.for_indexer(indexer)
    return alignment.owners(indexer, _indexed(text, indexer_name), len(text.field.tokens))


def _indexed(text: FieldText, indexer_name: str) -> Any:
    return (text.field._indexed_tokens or {})[indexer_name]


def _write(part: torch.Tensor, owners: torch.Tensor, indexed: Sequence[Any]) -> None:
    length = min(len(part), len(owners))
    if part.dim() == 1:
        part[:length] = owners[:length]
    else:
        for position in range(length):
            part[position, : len(indexed[position])] = owners[position]
