"""The predictor "saliency", through the command line and from Python."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
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


def predict(folder: Path, lines: List[str], *arguments: str) -> List[Dict[str, Any]]:
    """`allennlp predict` in a process of its own, with the plugin listed as a user lists it."""
    (folder / "input.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / ".allennlp_plugins").write_text("biome_interpret\n")
    command = [sys.executable, "-m", "allennlp", "predict", str(ARCHIVE), "input.jsonl"]
    command += ["--output-file", "output.jsonl", "--silent", "--predictor", "saliency"]
    done = subprocess.run([*command, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in (folder / "output.jsonl").read_text().splitlines()]


class TestCommandLine:
    @pytest.mark.parametrize("batch_size", [1, 2])
    def test_adds_the_interpretation_to_each_output(self, tmp_path: Path, batch_size: int) -> None:
        outputs = predict(
            tmp_path, [json.dumps(r) for r in REVIEWS], "--batch-size", str(batch_size)
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
    def test_the_interpreter_may_be_named_written_out_or_a_file(
        self, tmp_path: Path, interpreter: Any
    ) -> None:
        arguments = json.dumps({"interpreter": interpreter, "interpretations": True})
        outputs = predict(tmp_path, [json.dumps(REVIEWS[2])], "--predictor-args", arguments)
        [result] = [Interpretation.from_json(one) for one in outputs[0]["interpretations"]]
        assert result.standard_error is not None
        assert outputs[0]["interpretation"]["instance_1"] == result.saliency()
        if isinstance(interpreter, dict):
            assert result.fields["tokens"].tokens == ["It was not good.", "It was great!"]

    @pytest.mark.parametrize("batch_size", [1, 2])
    def test_with_the_dataset_reader_and_its_gold_labels(
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
            [json.dumps(row) for row in rows],
            *("--use-dataset-reader", "--predictor-args", arguments),
            *("--batch-size", str(batch_size)),
        )
        labels = [output["interpretations"][0]["target"]["label"] for output in outputs]
        assert labels == ["positive", "negative"]
        assert [output["label"] for output in outputs] == ["negative", "positive"]

    @pytest.mark.parametrize("batch_size", [1, 3])
    def test_a_text_without_tokens_costs_the_others_nothing(
        self, tmp_path: Path, batch_size: int
    ) -> None:
        lines = [json.dumps(one) for one in (REVIEWS[0], {"sentence": ""}, REVIEWS[1])]
        first, empty, last = predict(tmp_path, lines, "--batch-size", str(batch_size))
        assert first["interpretation"] and last["interpretation"]
        # Alone it cannot even be predicted; filled up to the length of the others it can.
        assert not empty.get("interpretation")
        assert "field 'tokens' has no tokens" in empty.get(
            "interpretation_error", empty.get("prediction_error")
        )


@Predictor.register("reviews-with-their-own-lines")
class OwnLines(TextClassifierPredictor):
    """Reads and writes plain text, and says so in its predictions."""

    def __init__(self, model: Any, dataset_reader: Any, mark: str = "plain") -> None:
        super().__init__(model, dataset_reader)
        self._mark = mark

    def load_line(self, line: str) -> JsonDict:
        return {"sentence": line.strip()}

    def dump_line(self, outputs: JsonDict) -> str:
        return f"{outputs['mark']}\t{len(outputs['interpretation'])}\n"

    def predict_json(self, inputs: JsonDict) -> JsonDict:
        return {**super().predict_json(inputs), "mark": self._mark}


def wrap(inner: Predictor, **arguments: Any) -> SaliencyPredictor:
    return SaliencyPredictor(inner._model, inner._dataset_reader, **arguments)


class TestPython:
    def test_the_inner_predictor_s_own_ways_are_kept(self) -> None:
        predictor = wrap(
            build_predictor("lstm"),
            predictor="reviews-with-their-own-lines",
            predictor_args={"mark": "own"},
        )
        inputs = predictor.load_line("a dull film\n")
        assert predictor.dump_line(predictor.predict_json(inputs)) == "own\t1\n"

    @pytest.mark.parametrize("kind", ["lstm", "esim", "crf_tagger"])
    def test_gives_exactly_what_the_interpreter_gives(self, kind: str) -> None:
        inner = build_predictor(kind)
        arguments = {"language": str(spacy_folder())} if kind == "crf_tagger" else {}
        predictor = wrap(inner, interpreter="biome-gradient-shap", predictor_args=arguments)
        output = predictor.predict_json(EXAMPLE_INPUTS[kind])
        expected = GradientShap(inner).saliency_interpret_from_json(EXAMPLE_INPUTS[kind])
        assert output["interpretation"] == expected
        json.dumps(output)

    def test_another_interpreter_of_allennlp_s(self) -> None:
        output = wrap(build_predictor("lstm"), interpreter="simple-gradient").predict_json(
            EXAMPLE_INPUTS["lstm"]
        )
        assert output["interpretation"]["instance_1"]["grad_input_1"]

    def test_a_text_that_cannot_be_interpreted_yields_its_prediction_and_the_reason(self) -> None:
        interpreter = {"type": "biome-integrated-gradient", "target": "gold"}
        predictor = wrap(build_predictor("lstm"), interpreter=interpreter)
        good, bad = predictor.predict_batch_json(
            [{"sentence": "a film", "label": "positive"}, {"sentence": "a film"}]
        )
        assert good["interpretation"]["instance_1"]
        assert bad["label"] and bad["interpretation"] is None
        assert "'gold' needs the text's own 'label'" in bad["interpretation_error"]

    def test_instances_one_by_one_and_in_batches(self) -> None:
        predictor = wrap(build_predictor("lstm"))
        instances: List[Instance] = [
            predictor._dataset_reader.text_to_instance(text) for text in ("a film", "dull")
        ]
        together = predictor.predict_batch_instance(instances)
        for instance, output in zip(instances, together):
            alone = predictor.predict_instance(instance)["interpretation"]
            assert output["interpretation"] == alone

    @pytest.mark.parametrize(
        "arguments, said",
        [
            ({"interpreter": "biome-gradient"}, "neither a file nor .*biome-gradient-shap"),
            ({"interpreter": {"type": "biome-gradient-shap", "n": 3}}, "no option 'n'"),
            ({"predictor": "text_clasifier"}, "text_clasifier"),
            ({"interpreter": "simple-gradient", "interpretations": True}, "no full results"),
            ({"interpretter": "biome-gradient-shap"}, "did you mean 'interpreter'"),
        ],
    )
    def test_wrong_arguments_are_answered(self, arguments: dict, said: str) -> None:
        with pytest.raises(ConfigurationError, match=said):
            wrap(build_predictor("lstm"), **arguments)
