"""What records keep of the instances of a dataset reader."""

from typing import Any, Dict

import pytest
from allennlp.data import Instance, Token
from allennlp.data.fields import (
    LabelField,
    ListField,
    MetadataField,
    MultiLabelField,
    SequenceLabelField,
    TextField,
)

from biome_interpret.commands.jobs.sources import gold_of, inputs_of


def text(*tokens: Any) -> TextField:
    return TextField([Token(*one) if isinstance(one, tuple) else Token(one) for one in tokens], {})


WORDS = text("A", "film")


@pytest.mark.parametrize(
    "fields, gold",
    [
        ({"tokens": WORDS, "label": LabelField("good")}, "good"),
        ({"tokens": WORDS, "label": LabelField(1, skip_indexing=True)}, 1),
        ({"tokens": WORDS, "labels": MultiLabelField(["a", "b"])}, ["a", "b"]),
        ({"tokens": WORDS, "tags": SequenceLabelField(["O", "U-x"], WORDS)}, ["O", "U-x"]),
        # The usual name goes first, whatever the order of the fields.
        ({"other": LabelField("a"), "tokens": WORDS, "label": LabelField("b")}, "b"),
        ({"tokens": WORDS, "answer": LabelField("yes")}, "yes"),
        ({"tokens": WORDS}, None),
        ({"tokens": WORDS, "label": MetadataField("good")}, None),
    ],
)
def test_the_gold_label(fields: Dict[str, Any], gold: Any) -> None:
    assert gold_of(Instance(fields)) == gold


def test_texts_are_spaced_by_the_offsets_of_their_tokens() -> None:
    fields = {
        "premise": text(("It", 0), ("isn", 3), ("'", 6), ("t", 7), ("so", 9)),
        "hypothesis": text("It", "is", "so"),
        "alternatives": ListField([text("yes"), text("no")]),
        "label": LabelField("neutral"),
    }
    assert inputs_of(Instance(fields)) == {
        "premise": "It isn't so",
        "hypothesis": "It is so",
        "alternatives[0]": "yes",
        "alternatives[1]": "no",
    }
