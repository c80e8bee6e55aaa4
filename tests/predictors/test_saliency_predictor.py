"""The predictor "saliency", through the command line and from Python."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, Sequence

import pytest
from allennlp.commands.predict import Predict
from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.predictors import Predictor, TextClassifierPredictor

from biome_interpret import GradientShap, IntegratedGradient, Interpretation, SaliencyPredictor
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor, spacy_folder

ROOT = Path(__file__).parent.parent.parent
ARCHIVE = ROOT / "fixtures" / "sst2_bilstm" / "model.tar.gz"
REVIEWS = [
    {"sentence": "A dull film."},
    {"sentence": "Warm, clever and moving."},
    {"sentence": "It was not good. It was great!"},
]


def predict(
    folder: Path, lines: Sequence[JsonDict], *arguments: str, own_process: bool = False
) -> List[Dict[str, Any]]:
    """`allennlp predict --predictor saliency`. A process of its own finds it as a plugin."""
    source, output = folder / "input.jsonl", folder / "output.jsonl"
    source.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    command = ["predict", str(ARCHIVE), str(source), "--output-file", str(output), "--silent"]
    command += ["--predictor", "saliency", *arguments]
    if own_process:
        (folder / ".allennlp_plugins").write_text("biome_interpret\n")
        whole = [sys.executable, "-m", "allennlp", *command]
        done = subprocess.run(whole, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    else:
        # Without AllenNLP's search for plugins, which takes a second.
        parser = argparse.ArgumentParser()
        Predict().add_subparser(parser.add_subparsers())
        parsed = parser.parse_args(command)
        parsed.func(parsed)
    return [json.loads(line) for line in output.read_text().splitlines()]


class TestCommandLine:
    @pytest.mark.parametrize("batch_size, own_process", [(1, False), (2, True)])
    def test_adds_the_interpretation_to_each_output(
        self, tmp_path: Path, batch_size: int, own_process: bool
    ) -> None:
        outputs = predict(
            tmp_path, REVIEWS, "--batch-size", str(batch_size), own_process=own_process
        )
        predictor = Predictor.from_path(ARCHIVE, import_plugins=False)
        interpreter = IntegratedGradient(predictor)
        assert len(outputs) == len(REVIEWS)
        for review, output in zip(REVIEWS, outputs):
            assert output["label"] == predictor.predict_json(review)["label"]
            expected = interpreter.saliency_interpret_from_json(review)
            found = output["interpretation"]["instance_1"]["grad_input_1"]
            assert found == pytest.approx(expected["instance_1"]["grad_input_1"], abs=1e-5)
            assert "interpretations" not in output

    @pytest.mark.parametrize(
        "interpreter",
        [
            "biome-gradient-shap",
            {"type": "biome-gradient-shap", "granularity": "sentence"},
            str(ROOT / "configs" / "gradient_shap.jsonnet"),
        ],
        ids=["name", "inline", "jsonnet"],
    )
    def test_the_interpreter_is_a_name_json_or_a_file(
        self, tmp_path: Path, interpreter: Any
    ) -> None:
        arguments = json.dumps({"interpreter": interpreter, "interpretations": True})
        outputs = predict(tmp_path, [REVIEWS[2]], "--predictor-args", arguments)
        [result] = [Interpretation.from_json(one) for one in outputs[0]["interpretations"]]
        assert result.standard_error is not None
        assert outputs[0]["interpretation"]["instance_1"] == result.saliency()
        if isinstance(interpreter, dict):
            assert result.fields["tokens"].tokens == ["It was not good.", "It was great!"]

    @pytest.mark.parametrize("batch_size", [1, 2])
    def test_explains_gold_labels_with_the_dataset_reader(
        self, tmp_path: Path, batch_size: int
    ) -> None:
        rows = [
            {"text": "A dull film.", "label": "positive"},
            {"text": "A warm film.", "label": "negative"},
        ]
        interpreter = {"type": "biome-integrated-gradient", "target": "gold"}
        arguments = json.dumps({"interpreter": interpreter, "interpretations": True})
        outputs = predict(
            tmp_path,
            rows,
            *("--use-dataset-reader", "--predictor-args", arguments),
            *("--batch-size", str(batch_size)),
        )
        labels = [output["interpretations"][0]["target"]["label"] for output in outputs]
        assert labels == ["positive", "negative"]
        assert [output["label"] for output in outputs] == ["negative", "positive"]

    @pytest.mark.parametrize("batch_size", [1, 3])
    def test_a_text_without_tokens_does_not_affect_the_others(
        self, tmp_path: Path, batch_size: int
    ) -> None:
        lines = [REVIEWS[0], {"sentence": ""}, REVIEWS[1]]
        first, empty, last = predict(tmp_path, lines, "--batch-size", str(batch_size))
        assert first["interpretation"] and last["interpretation"]
        # It cannot be predicted alone, but it can with padding beside longer texts.
        assert not empty.get("interpretation")
        assert "field 'tokens' has no tokens" in empty.get(
            "interpretation_error", empty.get("prediction_error")
        )


@Predictor.register("reviews-with-their-own-lines")
class OwnLines(TextClassifierPredictor):
    """Reads and writes plain text, and marks its predictions."""

    def __init__(self, model: Any, dataset_reader: Any, mark: str = "plain") -> None:
        super().__init__(model, dataset_reader)
        self._mark = mark

    def load_line(self, line: str) -> JsonDict:
        return {"sentence": line.strip()}

    def dump_line(self, outputs: JsonDict) -> str:
        return f"{outputs['mark']}\t{len(outputs['interpretation'])}\n"

    def predict_json(self, inputs: JsonDict) -> JsonDict:
        return {**super().predict_json(inputs), "mark": self._mark}


@Predictor.register("reviews-as-names")
class NamesOnly(TextClassifierPredictor):
    """Predicts the name of the label, and nothing else."""

    def predict_json(self, inputs: JsonDict) -> Any:
        return super().predict_json(inputs)["label"]

    def dump_line(self, outputs: Any) -> str:
        return outputs + "\n"


@Predictor.register("reviews-that-must-be-short")
class Short(TextClassifierPredictor):
    """Its own method fails on a text that it can read."""

    def predict_json(self, inputs: JsonDict) -> JsonDict:
        if len(inputs["sentence"]) > 20:
            raise KeyError("too long")
        return super().predict_json(inputs)


def wrap(inner: Predictor, **arguments: Any) -> SaliencyPredictor:
    return SaliencyPredictor(inner._model, inner._dataset_reader, **arguments)


class TestPython:
    def test_the_inner_predictor_keeps_its_own_methods(self) -> None:
        predictor = wrap(
            build_predictor("lstm"),
            predictor="reviews-with-their-own-lines",
            predictor_args={"mark": "own"},
        )
        inputs = predictor.load_line("a dull film\n")
        assert predictor.dump_line(predictor.predict_json(inputs)) == "own\t1\n"

    def test_a_prediction_that_is_no_dict_has_a_name(self) -> None:
        inner = build_predictor("linear")
        predictor = wrap(inner, predictor="reviews-as-names")
        found = predictor.predict_json(REVIEWS[0])
        assert found["prediction"] == inner.predict_json(REVIEWS[0])["label"]
        assert list(found["interpretation"]) == ["instance_1"]
        assert json.loads(predictor.dump_line(found)) == found

    def test_a_text_on_which_its_own_method_fails_does_not_affect_the_others(self) -> None:
        predictor = wrap(build_predictor("lstm"), predictor="reviews-that-must-be-short")
        texts = ["a dull film", "a dull film that does not end", "a film"]
        first, wrong, last = predictor.predict_batch_json([{"sentence": text} for text in texts])
        assert first["interpretation"] and last["interpretation"]
        assert wrong == {"prediction_error": "KeyError: too long"}

    def test_a_model_that_replaced_its_own_predicts_and_is_explained(self) -> None:
        predictor, other = wrap(build_predictor("lstm")), wrap(build_predictor("lstm", seed=1))
        predictor._model = other._model
        inputs = EXAMPLE_INPUTS["lstm"]
        assert predictor.predict_json(inputs) == other.predict_json(inputs)

    @pytest.mark.parametrize("name", ["lstm", "esim", "crf_tagger"])
    def test_gives_the_same_as_the_interpreter(self, name: str) -> None:
        inner = build_predictor(name)
        arguments = {"language": str(spacy_folder())} if name == "crf_tagger" else {}
        predictor = wrap(inner, interpreter="biome-gradient-shap", predictor_args=arguments)
        output = predictor.predict_json(EXAMPLE_INPUTS[name])
        expected = GradientShap(inner).saliency_interpret_from_json(EXAMPLE_INPUTS[name])
        assert output["interpretation"] == expected
        json.dumps(output)

    def test_an_interpreter_of_allennlp(self) -> None:
        output = wrap(build_predictor("lstm"), interpreter="simple-gradient").predict_json(
            EXAMPLE_INPUTS["lstm"]
        )
        assert output["interpretation"]["instance_1"]["grad_input_1"]

    def test_a_text_that_cannot_be_interpreted_gets_its_prediction_and_the_reason(self) -> None:
        interpreter = {"type": "biome-integrated-gradient", "target": "gold"}
        predictor = wrap(build_predictor("lstm"), interpreter=interpreter)
        good, bad = predictor.predict_batch_json(
            [{"sentence": "a film", "label": "positive"}, {"sentence": "a film"}]
        )
        assert good["interpretation"]["instance_1"]
        assert bad["label"] and bad["interpretation"] is None
        assert "'gold' needs the text's own 'label'" in bad["interpretation_error"]

    @pytest.mark.parametrize("interpreter", ["biome-integrated-gradient", "simple-gradient"])
    def test_an_input_that_is_no_dict_does_not_affect_the_others(self, interpreter: str) -> None:
        predictor = wrap(build_predictor("lstm"), interpreter=interpreter)
        inputs: List[Any] = [{"sentence": "a film"}, ["a film"], 3, None, {"sentence": "dull"}]
        first, *wrong, last = predictor.predict_batch_json(inputs)
        assert first["interpretation"] and last["interpretation"]
        for output in wrong:
            assert [*output] == ["prediction_error"]
            if interpreter == "simple-gradient":
                assert "it must be a dict" in output["prediction_error"]

    def test_instances_alone_and_in_batches(self) -> None:
        predictor = wrap(build_predictor("lstm"))
        instances: List[Instance] = [
            predictor._dataset_reader.text_to_instance(text) for text in ("a film", "dull")
        ]
        together = predictor.predict_batch_instance(instances)
        for instance, output in zip(instances, together):
            alone = predictor.predict_instance(instance)["interpretation"]
            assert output["interpretation"] == alone

    @pytest.mark.parametrize(
        "arguments, message",
        [
            ({"interpreter": "biome-gradient"}, "neither a file nor .*biome-gradient-shap"),
            ({"interpreter": {"type": "biome-gradient-shap", "n": 3}}, "no option 'n'"),
            ({"interpreter": {"type": "biome-gradient-shap", "seed": "1"}}, "seed is '1'"),
            ({"interpreter": {"type": "os.abort"}}, "'os.abort' is not a subclass of Saliency"),
            ({"interpreter": {"type": "simple-gradient", "predictor": "x"}}, "option 'predictor'"),
            ({"interpreter": {"type": "simple-gradient", "a": {"type": "os.abort"}}}, "'os.abort'"),
            ({"interpreter": 5}, "interpreter is 5"),
            ({"interpreter": "a" * 300}, "neither a file nor"),
            ({"predictor": "text_clasifier"}, "text_clasifier"),
            ({"predictor": "os.abort"}, "'os.abort' is not a subclass of Predictor"),
            ({"interpreter": "simple-gradient", "interpretations": True}, "no full results"),
            ({"interpretter": "biome-gradient-shap"}, "did you mean 'interpreter'"),
        ],
    )
    def test_wrong_arguments_are_refused(self, arguments: dict, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            wrap(build_predictor("lstm"), **arguments)
