"""What a predictor may override, and where it is honoured."""

import inspect
from pathlib import Path
from typing import Any, Dict, List, Type

import pytest
from allennlp.common import JsonDict
from allennlp.data import Instance
from allennlp.data.fields import LabelField
from allennlp.predictors import Predictor, TextClassifierPredictor

from biome_interpret import IntegratedGradient, InterpretationError
from biome_interpret.commands.jobs.text_files import JsonLines
from biome_interpret.predictors import SaliencyPredictor
from tests.kinds.others.models.parts import Recurrent
from tests.kinds.others.records import maker
from tests.tiny_models import build_predictor

TEXT = {"sentence": "a dull film"}

# Of each method of `Predictor` that a subclass may override: who honours it.
INTERPRETERS, SALIENCY, COMMAND, NOBODY = "interpreters", "saliency", "command", "nobody"
HONOURED: Dict[str, List[str]] = {
    "_json_to_instance": [INTERPRETERS],
    "_batch_json_to_instances": [INTERPRETERS],  # If there is no `_json_to_instance`.
    "json_to_labeled_instances": [INTERPRETERS],
    "predictions_to_labeled_instances": [INTERPRETERS],
    "get_interpretable_layer": [INTERPRETERS],
    "predict_json": [SALIENCY],
    "predict_instance": [SALIENCY],
    "load_line": [SALIENCY, COMMAND],
    "dump_line": [SALIENCY],
    # AllenNLP's own interpreters do not use their results for a label either.
    "predict_batch_json": [NOBODY],
    "predict_batch_instance": [NOBODY],
    # These belong to AllenNLP's own hooks and gradients.
    "get_gradients": [NOBODY],
    "get_interpretable_text_field_embedder": [NOBODY],
    "_register_embedding_gradient_hooks": [NOBODY],
    "capture_model_internals": [NOBODY],
}


def test_every_method_is_in_the_table() -> None:
    methods = inspect.getmembers(Predictor, inspect.isfunction)
    own = {name for name, method in methods if method.__qualname__.startswith("Predictor.")}
    assert own - {"__init__"} == {*HONOURED}


def predictor_of(cls: Type[Predictor]) -> Predictor:
    plain = build_predictor("lstm", double=True)
    return cls(plain._model, plain._dataset_reader)


class TakesTheLabel(TextClassifierPredictor):
    """Its input may have a label, and several texts."""

    def json_to_labeled_instances(self, inputs: JsonDict) -> List[Instance]:
        found = []
        for text in inputs.pop("sentences"):
            instance = self._json_to_instance({"sentence": text})
            instance.add_field("label", LabelField(inputs["label"]), self._model.vocab)
            found.append(instance)
        return found


class ReadsLoud(TextClassifierPredictor):
    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        return super()._json_to_instance({"sentence": json_dict["sentence"] + " !"})


class ReadsBatches(TextClassifierPredictor):
    def _json_to_instance(self, json_dict: JsonDict) -> Instance:
        raise NotImplementedError

    def _batch_json_to_instances(self, json_dicts: List[JsonDict]) -> List[Instance]:
        return [self._dataset_reader.text_to_instance(one["sentence"]) for one in json_dicts]


class ReadsNothing(ReadsBatches):
    _batch_json_to_instances = Predictor._batch_json_to_instances


class Both(TextClassifierPredictor):
    """Labels both classes."""

    def predictions_to_labeled_instances(
        self, instance: Instance, outputs: Dict[str, Any]
    ) -> List[Instance]:
        found = []
        for index in (0, 1):
            new = instance.duplicate()
            new.add_field("label", LabelField(index, skip_indexing=True))
            found.append(new)
        return found


def results(cls: Type[Predictor], inputs: JsonDict = TEXT, **options: Any) -> List[Any]:
    return IntegratedGradient(predictor_of(cls), n_steps=5, **options).interpret_json(inputs)


class TestInterpreters:
    def test_json_to_labeled_instances(self) -> None:
        inputs = {"sentences": ["a dull film", "a clever story"], "label": "negative"}
        found = results(TakesTheLabel, inputs)
        assert [one.target.label for one in found] == ["negative", "negative"]
        for text, one in zip(inputs["sentences"], found):
            [expected] = results(TextClassifierPredictor, {"sentence": text}, target="negative")
            assert one.output == pytest.approx(expected.output)
            wanted = pytest.approx(expected.fields["tokens"].scores)
            assert one.fields["tokens"].scores == wanted
        assert inputs["sentences"] == ["a dull film", "a clever story"]

    def test_another_target_replaces_the_label(self) -> None:
        inputs = {"sentences": ["a dull film"], "label": "negative"}
        [found] = results(TakesTheLabel, inputs, target="positive")
        assert found.target.label == "positive"

    def test_json_to_instance(self) -> None:
        [found] = results(ReadsLoud)
        assert found.fields["tokens"].tokens == ["a", "dull", "film", "!"]

    def test_batch_json_to_instances(self) -> None:
        assert results(ReadsBatches) == results(TextClassifierPredictor)
        with pytest.raises(InterpretationError, match="ReadsNothing does not take this input"):
            results(ReadsNothing)

    def test_predictions_to_labeled_instances(self) -> None:
        assert [one.target.index for one in results(Both)] == [0, 1]

    @pytest.mark.parametrize("inputs", [None, 5, "a film", [TEXT], [1]])
    def test_an_input_that_is_no_object_is_refused(self, inputs: Any) -> None:
        interpreter = IntegratedGradient(predictor_of(TextClassifierPredictor))
        with pytest.raises(InterpretationError, match="takes the input of the predictor, a dict"):
            interpreter.interpret_json(inputs)
        first, second = interpreter.interpret_each([inputs, TEXT])
        assert isinstance(first, InterpretationError) and not isinstance(second, Exception)


@Predictor.register("tests_own_lines")
class OwnLines(TextClassifierPredictor):
    """Its lines are plain text, and it changes what the model says."""

    def load_line(self, line: str) -> JsonDict:
        return {"sentence": line.strip()}

    def dump_line(self, outputs: JsonDict) -> str:
        return f"{outputs['label']}!"

    def predict_json(self, inputs: JsonDict) -> JsonDict:
        return {**super().predict_json(inputs), "label": "so and so"}


def test_the_predictor_saliency_reads_predicts_and_writes_as_the_one_inside() -> None:
    plain = build_predictor("lstm")
    predictor = SaliencyPredictor(plain._model, plain._dataset_reader, predictor="tests_own_lines")
    inputs = predictor.load_line("a dull film\n")
    assert inputs == TEXT
    outputs = predictor.predict_json(inputs)
    assert outputs["label"] == "so and so"
    assert predictor.dump_line(outputs) == "so and so!"


def test_the_command_reads_lines_as_the_predictor_does(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_text("a dull film\n", encoding="utf-8")
    source = JsonLines(predictor_of(OwnLines), str(file))
    assert [source.inputs(line) for line in source.lines()] == [TEXT]


def test_an_input_that_is_nested_too_deeply_is_refused() -> None:
    nested: Any = "a film"
    for _ in range(5000):
        nested = [nested]
    with pytest.raises(InterpretationError, match="nested too deeply"):
        results(TextClassifierPredictor, {**TEXT, "other": nested})


def test_a_text_of_padding_is_refused_in_words() -> None:
    interpreter = IntegratedGradient(maker(Recurrent)())
    with pytest.raises(InterpretationError, match="no tokens to interpret but @@PADDING@@"):
        interpreter.interpret_json({"sentence": "@@PADDING@@ @@PADDING@@"})
