"""What is found out of an archive: its fields, labels, baselines, and what masks a word."""

from typing import Any, List, Tuple

import pytest
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient
from biome_interpret.live.answers.archives import archive_names
from biome_interpret.live.answers.input_fields import JSON, TEXT, TEXTS, InputFields
from tests.kinds import predictors
from tests.live.servers import GRADIENT, served, shipped_predictor
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor


def kind(name: str) -> Tuple[Predictor, Any]:
    found = predictors.KINDS.kinds[name]
    if found.missing:
        pytest.skip(f"needs {', '.join(found.missing)}")
    return found.build(), found.inputs


class TestFields:
    @pytest.mark.parametrize(
        "name, kinds",
        [
            ("entailment, ESIM", [TEXT, TEXT]),
            ("tagger, BIOUL", [TEXT]),
            ("multiple choice", [TEXT, TEXTS]),
            ("semantic roles", [TEXT]),
            ("open information extraction", [TEXT]),
            ("span of a passage, BiDAF", [TEXT, TEXT]),
            ("sequence, attention", [TEXT]),
            ("coreference", [TEXT]),
        ],
    )
    def test_they_are_the_keys_that_the_predictor_reads(self, name: str, kinds: List[str]) -> None:
        predictor, inputs = kind(name)
        fields, complete = InputFields.of(predictor)
        assert complete
        assert [one.name for one in fields if one.required] == [*inputs]
        assert [one.kind for one in fields if one.required] == kinds

    def test_optional_ones(self) -> None:
        predictor, _ = kind("span of a context, TransformerQA")
        fields, complete = InputFields.of(predictor)
        assert complete
        required = {one.name: one.required for one in fields}
        assert required == {"passage": False, "context": True, "question": True}

    def test_an_example_adds_what_could_not_be_found(self) -> None:
        predictor, inputs = kind("head of several")
        found = InputFields.of(predictor)
        assert not found.complete
        assert {one.name for one in found.with_example(inputs).fields} == {*inputs}
        assert served(predictor).labels is None
        archive = served(predictor)
        archive.add_example(inputs)
        [result, *_] = IntegratedGradient(predictor).interpret_json(inputs)
        assert archive.labels == sorted(result.probabilities or {})

    def test_an_example_adds_nothing_to_what_is_complete(self) -> None:
        found = InputFields.of(shipped_predictor())
        assert found.with_example({"sentence": "A film.", "stars": 3}) == found

    def test_a_value_that_is_no_text_is_json(self) -> None:
        found = InputFields([], False).with_example({"text": "A film.", "options": [1]})
        assert [one.kind for one in found.fields] == [TEXT, JSON]


class TestMask:
    @pytest.mark.parametrize(
        "name, text, what",
        [
            ("bert", "[MASK]", "mask"),
            ("bert_mismatched", "[MASK]", "mask"),
            ("roberta", "<mask>", "mask"),
            ("lstm", "@@UNKNOWN@@", "unknown"),
            ("esim", "@@UNKNOWN@@", "unknown"),
            ("simple_tagger", "@@UNKNOWN@@", "unknown"),
        ],
    )
    def test_the_model_reads_it_as_one_token(self, name: str, text: str, what: str) -> None:
        predictor = build_predictor(name)
        mask = served(predictor).mask
        assert mask is not None
        assert (mask.text, mask.kind) == (text, what)
        inputs = {key: f"the {text} is" for key in EXAMPLE_INPUTS[name]}
        instance = predictor._json_to_instance(inputs)
        [field, *_] = [one for one in instance.fields.values() if hasattr(one, "tokens")]
        tokens = [str(token) for token in field.tokens]
        assert len([token for token in tokens if token.strip("Ġ") == text]) == 1

    def test_the_shipped_model_divides_marks(self) -> None:
        mask = served().mask
        assert mask is not None and mask.text == "xxunk"

    def test_a_model_of_characters_has_none(self) -> None:
        predictor, _ = kind("semantic roles")
        assert served(predictor).mask is None


class TestBaselines:
    def test_those_that_the_model_has(self) -> None:
        assert served().baselines == ["zero", "padding", "unknown", "mean"]
        assert "mask" in served(build_predictor("bert")).baselines


class TestInterpreters:
    def test_they_are_kept_but_not_all(self) -> None:
        archive = served()
        first = archive.interpreter({"type": GRADIENT})
        for seed in range(40):
            archive.interpreter({"type": "biome-gradient-shap", "seed": seed})
            assert archive.interpreter({"type": GRADIENT}) is first
        assert len(archive._interpreters) == 32


def test_names_tell_archives_apart() -> None:
    assert archive_names(["a/b/model.tar.gz"]) == ["b/model.tar.gz"]
    assert archive_names(["model.tar.gz"]) == ["model.tar.gz"]
    assert archive_names(["a/b/model.tar.gz", "a/c/model.tar.gz"]) == [
        "b/model.tar.gz",
        "c/model.tar.gz",
    ]
    assert archive_names(["x/b/model.tar.gz", "y/b/model.tar.gz"]) == [
        "x/b/model.tar.gz",
        "y/b/model.tar.gz",
    ]
