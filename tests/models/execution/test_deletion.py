"""Texts with words left out: what stays, what is refused, and who shares a pass."""

from copy import deepcopy
from typing import Any, Dict, List

import numpy
import pytest
import torch
from allennlp.data import Instance, Token, Vocabulary
from allennlp.data.fields import (
    AdjacencyField,
    Field,
    IndexField,
    LabelField,
    ListField,
    MetadataField,
    NamespaceSwappingField,
    SequenceLabelField,
    SpanField,
    TextField,
)
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.models import BasicClassifier

from biome_interpret import InterpretationError, Occlusion
from biome_interpret.models.execution.deletion import without_tokens
from tests.kinds import embedders
from tests.models.execution.test_probing import as_kind
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

REVIEW = EXAMPLE_INPUTS["lstm"]
INDEXERS = {"tokens": SingleIdTokenIndexer()}


def text_field(text: str) -> TextField:
    return TextField([Token(word) for word in text.split()], INDEXERS)


def instance_of(**fields: Field) -> Instance:
    return Instance(fields)


def vocabulary() -> Vocabulary:
    found = Vocabulary()
    found.add_tokens_to_namespace("a good film not the".split())
    return found


def words(field: Any) -> List[str]:
    return [token.text for token in field.tokens]


class TestWhatStays:
    def test_the_instance_itself_and_its_other_fields(self) -> None:
        text, label = text_field("not a good film"), LabelField(1, skip_indexing=True)
        instance = instance_of(tokens=text, label=label, metadata=MetadataField({"id": 3}))
        found = without_tokens(instance, {"tokens": {0, 2}}, vocabulary())
        assert words(found["tokens"]) == ["a", "film"]
        assert words(instance["tokens"]) == "not a good film".split()
        assert found["label"] is label and found["metadata"].metadata == {"id": 3}
        assert found.indexed and not instance.indexed

    def test_a_text_from_which_nothing_is_removed(self) -> None:
        one, other = text_field("a film"), text_field("not good")
        instance = instance_of(premise=one, hypothesis=other)
        found = without_tokens(instance, {"hypothesis": {1}, "premise": set()}, vocabulary())
        assert found["premise"] is one and words(found["hypothesis"]) == ["not"]

    def test_one_text_of_a_list_and_of_a_list_of_lists(self) -> None:
        inner = ListField([text_field("a good film"), text_field("not the film")])
        nested = ListField([inner, ListField([text_field("a film")])])
        removed = {"texts[1]": {0}, "nested[0][1]": {2}, "nested[1][0]": {0, 1}}
        found = without_tokens(instance_of(texts=inner, nested=nested), removed, vocabulary())
        assert [words(one) for one in found["texts"]] == [["a", "good", "film"], ["the", "film"]]
        assert words(found["nested"][0][1]) == ["not", "the"]
        assert words(found["nested"][1][0]) == ["@@UNKNOWN@@"]

    def test_labels_of_the_texts_of_a_list(self) -> None:
        texts = ListField([text_field("a good film"), text_field("not the film")])
        instance = instance_of(texts=texts, labels=SequenceLabelField([0, 1], texts))
        found = without_tokens(instance, {"texts[0]": {0}}, vocabulary())
        assert words(found["texts"][0]) == ["good", "film"]

    def test_a_text_without_words_is_one_unknown_word(self) -> None:
        known = vocabulary()
        found = without_tokens(instance_of(tokens=text_field("a film")), {"tokens": {0, 1}}, known)
        found.index_fields(known)
        ids = found.as_tensor_dict()["tokens"]["tokens"]["tokens"].tolist()
        assert ids == [known.get_token_index(known._oov_token)]


def referring(text: TextField) -> Dict[str, Field]:
    words = text.tokens
    return {
        "tags": SequenceLabelField([0] * len(words), text),
        "a copy's tags": SequenceLabelField([0] * len(words), deepcopy(text)),
        "span": SpanField(0, 1, text),
        "spans": ListField([SpanField(0, 1, text), SpanField(1, 2, text)]),
        "index": IndexField(1, text),
        "indices": ListField([ListField([IndexField(1, text)])]),
        "arcs": AdjacencyField([(0, 1)], text),
        "copied ids": NamespaceSwappingField(words[1:-1], "tokens"),
    }


@pytest.mark.parametrize("kind", [*referring(text_field("a good film"))])
def test_fields_that_refer_to_the_text_are_refused(kind: str) -> None:
    text, other = text_field("a good film"), text_field("not the film")
    instance = instance_of(tokens=text, other=other, extra=referring(text)[kind])
    message = "no token can be left out of the text, since the field 'extra' refers to its tokens"
    with pytest.raises(InterpretationError, match=message):
        without_tokens(instance, {"tokens": {0}}, vocabulary())
    if kind != "copied ids":  # They may be of any text.
        found = without_tokens(instance, {"other": {0}}, vocabulary())
        assert words(found["other"]) == ["the", "film"]


def test_sentences_of_a_list_field() -> None:
    """Each word's score is the change of the output by the plain predictor."""
    kind = embedders.KINDS.kinds["`embedding` of the sentences of a `ListField`"]
    predictor = kind.build()
    [found] = Occlusion(predictor, removal="delete").interpret_json(kind.inputs)
    instance = predictor._json_to_instance(kind.inputs)
    whole = predictor.predict_instance(instance)["logits"]
    label = int(numpy.argmax(whole))
    for name, field in found.fields.items():
        place = int(name.split("[")[1][:-1])
        for i, score in enumerate(field.scores):
            changed = predictor._json_to_instance(kind.inputs)
            del changed["sentences"][place].tokens[i]
            if not changed["sentences"][place].tokens:
                changed["sentences"][place].tokens.append(Token("@@UNKNOWN@@"))
            changed.indexed = False
            changed.index_fields(predictor._model.vocab)
            other = predictor.predict_instance(changed)["logits"]
            assert score == pytest.approx(whole[label] - other[label], abs=1e-6)


class FailsOnShortTexts(BasicClassifier):
    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:  # type: ignore
        if tokens["tokens"]["tokens"].size(1) < 4:
            raise ValueError("too short")
        return super().forward(tokens, label, metadata)


def test_a_model_that_fails_on_the_shorter_text_says_what_to_do() -> None:
    interpreter = Occlusion(as_kind(FailsOnShortTexts), removal="delete")
    message = "fails on the text with words left out .*too short.*by a baseline instead"
    with pytest.raises(InterpretationError, match=message):
        interpreter.interpret_json({"sentence": "a very dull film"})
    assert interpreter.interpret_json({"sentence": "a very dull film ."})


class RunsOutOfMemory(BasicClassifier):
    """Runs out of memory with more than three rows."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:  # type: ignore
        if len(tokens["tokens"]["tokens"]) > 3:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(tokens, label, metadata)


@pytest.mark.parametrize("removal", ["delete", "baseline"])
def test_passes_shrink_if_memory_runs_out(removal: str) -> None:
    [expected] = Occlusion(build_predictor("lstm"), removal=removal).interpret_json(REVIEW)
    [found] = Occlusion(as_kind(RunsOutOfMemory), removal=removal).interpret_json(REVIEW)
    assert found.scores == pytest.approx(expected.scores, abs=1e-5)
    assert found.notes == []


class NotFinite(BasicClassifier):
    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:  # type: ignore
        outputs = super().forward(tokens, label, metadata)
        if tokens["tokens"]["tokens"].size(1) < 4:
            outputs["logits"] = torch.full_like(outputs["logits"], float("inf"))
        return outputs


def test_an_output_that_is_not_finite_is_refused() -> None:
    interpreter = Occlusion(as_kind(NotFinite), removal="delete")
    with pytest.raises(InterpretationError, match="finite"):
        interpreter.interpret_json({"sentence": "a very dull film"})
