"""The model's own special words: their ids, whatever kind of indexer gave them."""

from typing import Any, Dict, List, Optional

from allennlp.data import Vocabulary
from allennlp.data.fields import TextField
from allennlp.data.token_indexers import (
    PretrainedTransformerIndexer,
    PretrainedTransformerMismatchedIndexer,
)

PADDING, UNKNOWN, MASK = "padding", "unknown", "mask"

# The attribute of a Hugging Face tokenizer, for each.
_ATTRIBUTES = {PADDING: "pad_token_id", UNKNOWN: "unk_token_id", MASK: "mask_token_id"}
_MASK_WORDS = ("[MASK]", "<mask>", "@@MASK@@", "@mask@")
_ALLENNLP_SPECIALS = {"@start@", "@end@", "<S>", "</S>", "<s>", "</s>", "[CLS]", "[SEP]", "[PAD]"}


def hugging_face_tokenizer(indexer: Any) -> Optional[Any]:
    """The tokenizer behind a pretrained transformer's indexer."""
    if isinstance(indexer, PretrainedTransformerMismatchedIndexer):
        indexer = indexer._matched_indexer
    return indexer._tokenizer if isinstance(indexer, PretrainedTransformerIndexer) else None


def special_id(word: str, indexer: Any, vocabulary: Vocabulary) -> Optional[int]:
    """The id of the padding, unknown or mask token; `None` where the model has none."""
    tokenizer = hugging_face_tokenizer(indexer)
    if tokenizer is not None:
        return getattr(tokenizer, _ATTRIBUTES[word])
    names = {PADDING: [vocabulary._padding_token], UNKNOWN: [vocabulary._oov_token]}
    namespace = str(getattr(indexer, "namespace", getattr(indexer, "_namespace", "tokens")))
    ids: Dict[str, int] = vocabulary.get_token_to_index_vocabulary(namespace)
    return next((ids[name] for name in names.get(word, _MASK_WORDS) if name in ids), None)


def special_tokens(field: TextField) -> List[bool]:
    """
    Which tokens of a text stand for no part of it: beginnings, ends and separators. Unknown and
    masked words do stand for one.
    """
    specials = set(_ALLENNLP_SPECIALS)
    for tokenizer in map(hugging_face_tokenizer, field.token_indexers.values()):
        if tokenizer is not None:
            specials |= set(tokenizer.all_special_tokens)
            specials -= {tokenizer.unk_token, tokenizer.mask_token}
    return [token.text in specials for token in field.tokens]
