"""The benchmark's own pieces: what it measures with has to be right."""

import re
import time
from pathlib import Path
from typing import List

import numpy
import pytest
import torch
from allennlp.interpret.saliency_interpreters import IntegratedGradient as AllenNLPs
from allennlp.predictors import Predictor

from benchmarks import data, minilm
from benchmarks.bare import BareText, label
from benchmarks.bench import Bench
from benchmarks.cache import ROOT, Store
from benchmarks.competitors import (
    AllenNLPSteps,
    CaptumModel,
    captum_gradient_shap,
    captum_integrated_gradients,
)
from benchmarks.errors import relative_error, shares, signed_scores
from benchmarks.estimates import bootstrap, median_ratio
from benchmarks.figures import Figure, Outcome, at_least, at_most, figure
from benchmarks.models import MODELS
from benchmarks.objectives import OBJECTIVES
from benchmarks.parts import PARTS
from benchmarks.parts.floor import floor_pass, output_of_rows, rows_and_points
from benchmarks.parts.shap import root_mean_square_error, sampled, spread
from benchmarks.references import References, gauss_legendre, left, midpoints
from benchmarks.report import markdown
from benchmarks.results import Results
from benchmarks.settings import Settings
from benchmarks.timing import side_by_side
from biome_interpret import GradientShap, IntegratedGradient
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

# The benchmark's models and the tiny ones that are built alike.
KINDS = {"lstm": "lstm", "cnn": "cnn", "esim": "esim", "tagger": "crf_tagger", "minilm": "bert"}
CLASSIFIERS = ["lstm", "cnn", "minilm"]


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is kept, and no trained model is needed."""
    monkeypatch.setattr("benchmarks.cache.CACHE", tmp_path)
    monkeypatch.setattr("benchmarks.models.BenchModel.fingerprint", "tiny")


def tiny(name: str) -> Predictor:
    return build_predictor(KINDS[name])


def example(name: str) -> dict:
    return EXAMPLE_INPUTS[KINDS[name]]


def bench(name: str) -> Bench:
    return Bench(MODELS[name], Settings(quick=True))


class TestReferences:
    @pytest.mark.parametrize("objective", OBJECTIVES)
    @pytest.mark.parametrize("name", KINDS)
    def test_they_are_the_integral_that_the_interpreter_approaches(
        self, name: str, objective: str
    ) -> None:
        predictor = tiny(name)
        rule = {"n_steps": 100, "quadrature": "riemann-middle"}
        found = IntegratedGradient(predictor, inference_mode=objective, **rule).interpret_json(
            example(name)
        )
        references = References(MODELS[name], predictor, objective, nodes=50)
        instances = label(predictor, example(name))
        assert len(found) == len(instances)
        for interpretation, instance in zip(found, instances):
            same = references.integral(instance, midpoints, 100)
            assert relative_error(signed_scores(interpretation), same) < 1e-4

    @pytest.mark.parametrize("name", ["lstm", "minilm", "tagger"])
    def test_they_converge(self, name: str) -> None:
        predictor = tiny(name)
        references = References(MODELS[name], predictor, "logits", nodes=64)
        coarse, fine = references.of(example(name)), references.again(example(name), 128)
        assert max(relative_error(a, b) for a, b in zip(coarse, fine)) < 1e-4

    def test_they_are_kept(self) -> None:
        predictor = tiny("lstm")
        first = References(MODELS["lstm"], predictor, "logits", nodes=8).of(example("lstm"))
        again = References(MODELS["lstm"], None, "logits", nodes=8).of(example("lstm"))
        assert again == first

    @pytest.mark.parametrize("rule", [gauss_legendre, midpoints, left])
    def test_weights_sum_to_one(self, rule) -> None:
        nodes, weights = rule(17)
        assert len(nodes) == 17 and weights.sum() == pytest.approx(1)

    @pytest.mark.parametrize("name", ["lstm", "cnn"])
    def test_the_steps_that_a_rule_needs_are_enough_and_few_less_are_not(self, name: str) -> None:
        predictor = tiny(name)
        references = References(MODELS[name], predictor, "loss", nodes=256)
        steps = references.steps_needed(example(name), 0.02)
        [instance], [truth] = label(predictor, example(name)), references.of(example(name))

        def error(n: int) -> float:
            return relative_error(references.integral(instance, left, n), truth)

        assert error(steps) <= 0.02 < error(int(0.9 * steps))


class TestFloor:
    @pytest.mark.parametrize("name", KINDS)
    def test_its_gradients_are_those_of_the_rows_one_by_one(self, name: str) -> None:
        predictor = tiny(name)
        instances = label(predictor, example(name))
        counts = [2 + i for i in range(len(instances))]
        together = floor_pass(bench(name), predictor, example(name), counts)()
        start = 0
        for instance, count in zip(instances, counts):
            text = BareText(predictor, [instance])
            output = OBJECTIVES["logits"](MODELS[name], predictor, instance)
            for row, alpha in enumerate(torch.linspace(0, 1, count)):
                alone = text.gradients([alpha * x for x in text.embedded], output)
                for a, b in zip(alone, together):
                    assert torch.allclose(a[0], b[start + row], atol=1e-5)
            start += count

    def test_texts_of_different_lengths_keep_their_own_gradients(self) -> None:
        predictor = tiny("lstm")
        texts = [{"sentence": "a clever film"}, {"sentence": "the film is boring and not funny !"}]
        instances = [label(predictor, one)[0] for one in texts]
        together = BareText(predictor, instances)
        counts = [2, 3]
        output = output_of_rows(bench("lstm"), predictor, instances, counts)
        rows, points = rows_and_points(together, counts)
        assert rows == [0, 0, 1, 1, 1]
        [found] = together.gradients(points, output, rows)
        alone = BareText(predictor, instances[:1])
        logit = OBJECTIVES["logits"](MODELS["lstm"], predictor, instances[0])
        [expected] = alone.gradients(alone.embedded, logit)
        length = expected.size(1)
        assert torch.allclose(found[1, :length], expected[0], atol=1e-5)


class TestCompetitors:
    @pytest.mark.parametrize("name", KINDS)
    def test_ten_steps_are_allennlps_own(self, name: str) -> None:
        theirs = AllenNLPs(tiny(name)).saliency_interpret_from_json(example(name))
        again = AllenNLPSteps(tiny(name), 10).saliency_interpret_from_json(example(name))
        assert theirs.keys() == again.keys()
        for i in range(1, len(theirs) + 1):
            assert shares(again, i) == pytest.approx(shares(theirs, i), abs=1e-6)

    @pytest.mark.parametrize("name", CLASSIFIERS + ["esim"])
    def test_allennlps_signed_scores_are_the_left_sum(self, name: str) -> None:
        predictor = tiny(name)
        [instance] = label(predictor, example(name))
        scores = AllenNLPSteps(predictor, 7).signed_scores(instance)
        references = References(MODELS[name], predictor, "loss")
        assert relative_error(scores, references.integral(instance, left, 7)) < 1e-4

    @pytest.mark.parametrize("log_probabilities", [False, True])
    @pytest.mark.parametrize("name", CLASSIFIERS)
    def test_captums_path_and_output_are_ours(self, name: str, log_probabilities: bool) -> None:
        captum = captum_integrated_gradients(CaptumModel(tiny(name), log_probabilities))
        mode = "log_softmax" if log_probabilities else "logits"
        ours = IntegratedGradient(
            tiny(name), n_steps=12, quadrature="gauss-legendre", inference_mode=mode
        )
        [found] = ours.interpret_json(example(name))
        assert relative_error(captum(example(name), 12), signed_scores(found)) < 1e-4

    def test_captums_gradient_shap_has_the_mean_of_ours(self) -> None:
        torch.manual_seed(0)
        numpy.random.seed(0)
        scores = captum_gradient_shap(CaptumModel(tiny("lstm")))(example("lstm"), 1000, 0.1)
        predictor = tiny("lstm")
        [instance] = label(predictor, example("lstm"))
        text = BareText(predictor, [instance])
        output = OBJECTIVES["logits"](MODELS["lstm"], predictor, instance)
        truth = sampled(text, output, 1000)
        ours = GradientShap(predictor, 1000, noise_std=0.1, noise_relative=True)
        assert relative_error(scores, truth) < 0.1
        found = signed_scores(ours.interpret_json(example("lstm"))[0])
        assert relative_error(found, truth) < 0.1


class TestStatistics:
    def test_relative_error(self) -> None:
        assert relative_error([1.0, -2.0], [2.0, -2.0]) == pytest.approx(0.25)

    def test_ratios_are_taken_text_by_text(self) -> None:
        found = median_ratio([10.0, 2.0, 300.0], [1.0, 1.0, 100.0])
        assert found.value == pytest.approx(3)
        assert found.low <= found.value <= found.high

    def test_the_interval_covers_the_truth_as_often_as_it_says(self) -> None:
        generator = numpy.random.default_rng(1)
        draws = [bootstrap(generator.normal(5, 2, 60), draws=500, seed=i) for i in range(200)]
        covered = numpy.mean([one.low <= 5 <= one.high for one in draws])
        assert 0.88 <= covered <= 0.99

    def test_errors_over_seeds(self) -> None:
        generator = numpy.random.default_rng(0)
        scores = numpy.array([3.0, -1.0]) + generator.normal(0, 0.5, (4000, 2))
        assert root_mean_square_error(scores, [3.0, -1.0]) == pytest.approx(0.5, rel=0.05)
        assert spread(scores) == pytest.approx(0.25, rel=0.05)

    def test_competitors_run_alternately(self) -> None:
        order: List[str] = []
        competitors = {
            "slow": lambda item: (order.append(f"slow{item}"), time.sleep(0.01), item)[-1],
            "fast": lambda item: (order.append(f"fast{item}"), -item)[-1],
        }
        seconds, results = side_by_side(competitors, [1, 2], repeats=2, warm_up=0)
        assert order == ["slow1", "fast1", "fast1", "slow1", "fast2", "slow2", "slow2", "fast2"]
        # On a busy machine a call may have to wait.
        assert (seconds["slow"] > 0.009).all() and seconds["fast"].min() < 0.009
        assert results == {"slow": [1, 2], "fast": [-1, -2]}


class TestResults:
    def test_a_bar_is_reached_or_not(self) -> None:
        assert figure("a", 6.0, "x", bar=at_least(6)).to_json()["reached"] is True
        assert figure("a", 0.02, "%", bar=at_most(1)).to_json()["reached"] is False
        assert figure("a", None, "x", bar=at_most(1)).to_json()["reached"] is None

    def test_figures_survive_json(self) -> None:
        one = figure("a", bootstrap([1.0, 2.0, 3.0]), "x", 3, at_least(6), "note")
        assert Figure.from_json(one.to_json()) == one

    def test_parts_run_one_by_one_make_one_report(self, tmp_path: Path) -> None:
        path = tmp_path / "results.json"
        environment = dict.fromkeys(
            ["cores", "threads", "python", "torch", "allennlp", "captum", "transformers", "numpy"],
            "1",
        )
        metrics = {"best_validation_accuracy": 0.8}
        fast = Outcome([figure("times faster", 7.25, "x", 60, at_least(6))])
        slow = Outcome([figure("times faster", 5.0, "x", 60, at_least(6))])
        Results(path).add("allennlp", "lstm", slow, environment, 1.0, metrics)
        Results(path).add("allennlp", "lstm", fast, environment, 1.0, metrics)
        Results(path).add("allennlp", "cnn", slow, environment, 1.0, metrics)
        text = markdown(Results(path), PARTS, None)
        assert "| biLSTM | times faster | 7.25× |  | 60 | ≥ 6× | yes |" in text
        assert "| CNN | times faster | 5× |  | 60 | ≥ 6× | **no** |" in text

    def test_a_store_outlives_a_run_that_was_killed(self, tmp_path: Path) -> None:
        Store("some")["a"] = [1.5]
        with (tmp_path / "results" / "some.jsonl").open("a") as file:
            file.write('["b", [1')
        again = Store("some")
        assert again["a"] == [1.5] and "b" not in again


class TestData:
    def test_without_data_it_says_what_is_missing(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for value in (None, str(tmp_path)):
            monkeypatch.delenv(data.VARIABLE, raising=False)
            if value is not None:
                monkeypatch.setenv(data.VARIABLE, value)
            with pytest.raises(data.NoData, match="does not name a folder"):
                data.folder()

    def test_a_sample_keeps_the_order_and_is_the_same_again(self) -> None:
        some = data.sample(range(100), 10)
        assert some == sorted(some) == data.sample(range(100), 10) and len(set(some)) == 10
        assert data.sample(range(5), 10) == [0, 1, 2, 3, 4]

    def test_safetensors(self, tmp_path: Path) -> None:
        numbers = numpy.arange(6, dtype=numpy.float32)
        header = b'{"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}'
        path = tmp_path / "model.safetensors"
        path.write_bytes(len(header).to_bytes(8, "little") + header + numbers.tobytes())
        assert torch.equal(minilm.read_safetensors(path)["a"], torch.arange(6.0).reshape(2, 3))


@pytest.mark.parametrize("name", ["results.json", "evaluation.json"])
def test_committed_results_name_no_folder_of_a_machine(name: str) -> None:
    text = (ROOT / "benchmarks" / name).read_text(encoding="utf-8")
    assert re.findall(r"(?<![\w.])/(?:tmp|home|root|work|opt|Users)/", text) == []
