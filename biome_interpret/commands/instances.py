"""What a record keeps of an instance that a dataset reader made: its texts and its own label."""

from typing import Any, Dict, List, Sequence

from allennlp.data import Instance, Token
from allennlp.data.fields import LabelField, MultiLabelField, SequenceLabelField

from biome_interpret.models.alignment.source_text import touch, unmarked
from biome_interpret.models.alignment.text_fields import texts_of

_USUAL_NAMES = ("label", "labels", "tags")


def inputs_of(instance: Instance) -> Dict[str, str]:
    """The text of each field, with the spaces that the offsets of its tokens show."""
    texts = [text for name in instance.fields for text in texts_of(instance, name)]
    return {text.name: _written(text.field.tokens) for text in texts}


def gold_of(instance: Instance) -> Any:
    """The label, the list of labels or the tags of the words; `None` if there are none."""
    names = [name for name in _USUAL_NAMES if name in instance.fields] or [*instance.fields]
    for name in names:
        field = instance.fields[name]
        if isinstance(field, LabelField):
            return field.label
        if isinstance(field, (MultiLabelField, SequenceLabelField)):
            return list(field.labels)
    return None


def _written(tokens: Sequence[Token]) -> str:
    parts: List[str] = []
    for i, token in enumerate(tokens):
        is_joined = i == 0 or touch(tokens[i - 1], token)
        parts.append(("" if is_joined else " ") + unmarked(token))
    return "".join(parts)
