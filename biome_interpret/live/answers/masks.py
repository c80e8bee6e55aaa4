"""Finds what stands for a masked word when it is written into a text."""

from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

from allennlp.data import Instance, Vocabulary
from allennlp.data.fields import TextField
from allennlp.predictors import Predictor

from biome_interpret.live.answers.input_fields import TEXT, InputFields
from biome_interpret.models.alignment.special_tokens import (
    MASK_TOKEN,
    UNKNOWN_TOKEN,
    special_token_id,
)
from biome_interpret.models.alignment.text_fields import texts_of
from biome_interpret.models.labelling.texts import InputText

# Which of them is one token depends on the tokenizer, and which is unknown on the vocabulary.
_CANDIDATES = (
    (MASK_TOKEN, ("[MASK]", "<mask>", "@@MASK@@", "@mask@")),
    (UNKNOWN_TOKEN, ("@@UNKNOWN@@", "[UNK]", "<unk>", "xxunk", "qzxjqz")),
)


class Mask(NamedTuple):
    """
    kind : "mask" if the model reads its mask token there, "unknown" for that of unknown words.
    """

    text: str
    kind: str


def mask_of(predictor: Predictor, fields: InputFields) -> Optional[Mask]:
    """`None` if the model reads nothing as a masked word."""
    name = next((one.name for one in fields.fields if one.required and one.kind == TEXT), None)
    if name is None:
        return None
    inputs = fields.sample()
    before = _ids(predictor, {**inputs, name: "a film"})
    for kind, texts in _CANDIDATES:
        for text in texts:
            after = _ids(predictor, {**inputs, name: f"a {text} film"})
            if before and len(before) == len(after) and _is_added(before, after, kind):
                return Mask(text, kind)
    return None


class _Ids(NamedTuple):
    """The ids of one field and indexer, and those of the special tokens by their kinds."""

    ids: Sequence[Optional[int]]
    specials: Dict[str, Optional[int]]


def _is_added(before: Sequence[_Ids], after: Sequence[_Ids], kind: str) -> bool:
    """Whether all ids that changed have the special token once more, and nothing else."""
    changed = [(old, new) for old, new in zip(before, after) if old.ids != new.ids]
    return bool(changed) and all(
        len(new.ids) == len(old.ids) + 1
        and new.ids.count(new.specials[kind]) == old.ids.count(new.specials[kind]) + 1
        for old, new in changed
    )


def _ids(predictor: Predictor, inputs: Dict[str, Any]) -> List[_Ids]:
    """Empty if the predictor refuses the input."""
    try:
        [text] = InputText.read(predictor, inputs)
        return list(_ids_in(text.instance, predictor._model.vocab))
    except Exception:  # It may fail in any way.
        return []


def _ids_in(instance: Instance, vocabulary: Vocabulary) -> Iterator[_Ids]:
    for name in instance.fields:
        for one in texts_of(instance, name):
            yield from _ids_of(one.field, vocabulary)


def _ids_of(field: TextField, vocabulary: Vocabulary) -> Iterator[_Ids]:
    for name, indexer in field.token_indexers.items():
        indexed = (field._indexed_tokens or {}).get(name, {})
        specials = {kind: special_token_id(kind, indexer, vocabulary) for kind, _ in _CANDIDATES}
        for key in ("tokens", "token_ids", "input_ids"):
            ids: Any = indexed.get(key)
            if isinstance(ids, list) and all(isinstance(i, int) for i in ids):
                yield _Ids(ids, specials)
