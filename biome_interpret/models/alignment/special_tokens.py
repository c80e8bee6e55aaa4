"""The special tokens of a model: their ids, and which tokens of a text are special."""

from typing import Any, Dict, List, Optional, Set, Tuple

from allennlp.data import Vocabulary
from allennlp.data.fields import TextField
from allennlp.data.token_indexers import (
    PretrainedTransformerIndexer,
    PretrainedTransformerMismatchedIndexer,
)

PADDING_TOKEN, UNKNOWN_TOKEN, MASK_TOKEN = "padding", "unknown", "mask"

# The attributes of a Hugging Face tokenizer.
_ID_ATTRIBUTES = {
    PADDING_TOKEN: "pad_token_id",
    UNKNOWN_TOKEN: "unk_token_id",
    MASK_TOKEN: "mask_token_id",
}
_MASK_TEXTS = ("[MASK]", "<mask>", "@@MASK@@", "@mask@")
_ALLENNLP_SPECIALS = {"@start@", "@end@", "<S>", "</S>", "<s>", "</s>", "[CLS]", "[SEP]", "[PAD]"}


def special_token_id(name: str, indexer: Any, vocabulary: Vocabulary) -> Optional[int]:
    """The id of the padding, unknown or mask token; `None` if the model has none."""
    tokenizer = _hugging_face_tokenizer(indexer)
    if tokenizer is not None:
        token_id: Optional[int] = getattr(tokenizer, _ID_ATTRIBUTES[name])
        return token_id
    texts = {
        PADDING_TOKEN: (vocabulary._padding_token,),
        UNKNOWN_TOKEN: (vocabulary._oov_token,),
        MASK_TOKEN: _MASK_TEXTS,
    }
    ids = _ids_of(indexer, vocabulary)
    return next((ids[text] for text in texts[name] if text in ids), None)


def _ids_of(indexer: Any, vocabulary: Vocabulary) -> Dict[str, int]:
    """By the text of the token. Empty if the indexer makes its ids in another way."""
    namespace = getattr(indexer, "namespace", getattr(indexer, "_namespace", None))
    if not isinstance(namespace, str):
        return {}
    found: Dict[str, int] = vocabulary.get_token_to_index_vocabulary(namespace)
    return found


def unknown_text(field: TextField, vocabulary: Vocabulary) -> str:
    """The text of a token that stands for an unknown word."""
    tokenizers = map(_hugging_face_tokenizer, field.token_indexers.values())
    names = (one.unk_token for one in tokenizers if one is not None)
    return next((str(name) for name in names if name), vocabulary._oov_token)


def special_ids(indexer: Any, vocabulary: Vocabulary) -> Tuple[Set[int], int]:
    """The ids of an indexer's special tokens, and how many ids it has; 0 if that is unknown."""
    tokenizer = _hugging_face_tokenizer(indexer)
    if tokenizer is not None:
        return set(tokenizer.all_special_ids), len(tokenizer)
    ids = _ids_of(indexer, vocabulary)
    return {ids[text] for text in _ALLENNLP_SPECIALS if text in ids}, len(ids)


def special_tokens(field: TextField) -> List[bool]:
    """
    For each token, whether it is a beginning, an end or a separator. Unknown and masked words are
    parts of the text.
    """
    specials = set(_ALLENNLP_SPECIALS)
    for tokenizer in map(_hugging_face_tokenizer, field.token_indexers.values()):
        if tokenizer is not None:
            specials |= set(tokenizer.all_special_tokens)
            specials -= {tokenizer.unk_token, tokenizer.mask_token}
    return [token.text in specials for token in field.tokens]


def _hugging_face_tokenizer(indexer: Any) -> Optional[Any]:
    if isinstance(indexer, PretrainedTransformerMismatchedIndexer):
        indexer = indexer._matched_indexer
    return indexer._tokenizer if isinstance(indexer, PretrainedTransformerIndexer) else None
