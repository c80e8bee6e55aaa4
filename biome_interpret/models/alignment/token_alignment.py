"""The token that owns each position of an indexed text."""

from typing import Any, List, Sequence, Tuple, Type

import torch
from allennlp.common import Registrable
from allennlp.data import TokenIndexer
from allennlp.data.token_indexers import (
    PretrainedTransformerIndexer,
    PretrainedTransformerMismatchedIndexer,
)

from biome_interpret.errors import InterpretationError
from biome_interpret.models.alignment.text_fields import FieldText
from biome_interpret.models.registry import latest_first

# The owner of a piece that the indexer added, and of padding. Other owners are indices of tokens.
UNOWNED = -1
PADDING = -2


class TokenAlignment(Registrable):
    """
    Says which token owns each position of an indexer's output. A custom indexer that adds or splits
    tokens needs one subclass, registered from the user's package. `aligns` holds the classes of
    its indexers; the nearest base class counts.
    """

    aligns: Tuple[Type[TokenIndexer], ...] = ()

    def owners(self, indexer: Any, indexed: Any, num_tokens: int) -> List[int]:
        """
        For each position the index of its token, or `UNOWNED`. `indexed` is the indexer's output
        for a text of `num_tokens` tokens.
        """
        raise NotImplementedError

    @classmethod
    def for_indexer(cls, indexer: TokenIndexer) -> "TokenAlignment":
        alignments = latest_first(cls)
        return next(
            alignment()
            for parent in type(indexer).__mro__
            for alignment in alignments
            if parent in alignment.aligns
        )


@TokenAlignment.register("tokens")
class PlainAlignment(TokenAlignment):
    """One position for each token, between the start and end tokens that some indexers add."""

    aligns = (TokenIndexer,)

    def owners(self, indexer: Any, indexed: Any, num_tokens: int) -> List[int]:
        num_start = len(getattr(indexer, "_start_tokens", ()))
        num_end = len(getattr(indexer, "_end_tokens", ()))
        return [UNOWNED] * num_start + list(range(num_tokens)) + [UNOWNED] * num_end


@TokenAlignment.register("pretrained_transformer")
class PretrainedTransformerAlignment(TokenAlignment):
    """
    One position for each token. A text longer than `max_length` is folded into segments, and the
    inner segments have special pieces of their own.
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


def owners_of_ids(
    texts: Sequence[FieldText], indexer_name: str, argument: str, shape: torch.Size
) -> torch.Tensor:
    """
    The owner of each id of one instance: the index of its token in all texts of the field,
    `UNOWNED` or `PADDING`. `shape` is that of the instance's ids: (list dimensions..., positions)
    or, for characters, (list dimensions..., positions, characters).

    # Raises

    `InterpretationError`
        If the indexer has another number of positions than its `TokenAlignment`.
    """
    result = torch.full(shape, PADDING, dtype=torch.long)
    first_token = 0
    for text in texts:
        num_tokens = len(text.field.tokens)
        indexer = text.field.token_indexers[indexer_name]
        indexed = (text.field._indexed_tokens or {})[indexer_name]
        alignment = TokenAlignment.for_indexer(indexer)
        owners = torch.tensor(alignment.owners(indexer, indexed, num_tokens), dtype=torch.long)
        if len(owners) != len(indexed[argument]):
            raise InterpretationError(
                f"the indexer '{indexer_name}' ({type(indexer).__name__}) makes "
                f"{len(indexed[argument])} positions of {num_tokens} tokens, and it is not known "
                f"which token each one belongs to: register a `TokenAlignment` for it"
            )
        owners[owners >= 0] += first_token
        # Shape: (positions,) or (positions, characters)
        part = result[text.place]
        length = min(len(part), len(owners))
        if part.dim() == 1:
            part[:length] = owners[:length]
        else:
            for position, characters in enumerate(indexed[argument][:length]):
                part[position, : len(characters)] = owners[position]
        first_token += num_tokens
    return result
