"""GradientSHAP against closed forms, Integrated Gradients, Captum, and its own error."""

from functools import lru_cache
from typing import Any, Dict, List, NamedTuple

import numpy
import pytest
import torch
from allennlp.common import JsonDict
from allennlp.common.checks import ConfigurationError
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor
from captum.attr import GradientShap as CaptumsGradientShap

from biome_interpret import GradientShap, IntegratedGradient, Interpretation
from biome_interpret.models.tensors import to_tensors
from tests.interpreters.test_integrated_gradient import linear_attributions
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

REVIEW = EXAMPLE_INPUTS["lstm"]
SHORT = {"sentence": "a clever story"}


def scores_of(interpretation: Interpretation) -> List[float]:
    return [s for field in interpretation.fields.values() for s in field.scores]


def test_loads_by_name() -> None:
    assert SaliencyInterpreter.by_name("biome-gradient-shap") is GradientShap


@pytest.mark.parametrize("sampling", ["stratified", "independent"])
@pytest.mark.parametrize("n_perturbations", [1, 5])
def test_linear_model_without_noise(sampling: str, n_perturbations: int) -> None:
    predictor = build_predictor("linear", double=True)
    [result] = GradientShap(
        predictor, n_perturbations=n_perturbations, noise_std=0, sampling=sampling
    ).interpret_json(REVIEW)
    expected = linear_attributions(predictor, REVIEW, 0.0)
    assert scores_of(result) == pytest.approx(expected, abs=1e-12)
    assert result.convergence_delta == pytest.approx(0, abs=1e-12)


def test_linear_model_with_noise_adds_up_exactly_over_the_same_draws() -> None:
    predictor = build_predictor("linear", double=True)
    [result] = GradientShap(predictor, noise_std=0.5).interpret_json(REVIEW)
    assert result.baseline_output != 0
    assert result.convergence_delta == pytest.approx(0, abs=1e-10)


def test_mirrored_noise_cancels_for_a_linear_model() -> None:
    predictor = build_predictor("linear", double=True)
    [result] = GradientShap(predictor, n_perturbations=8, noise_std=0.5).interpret_json(REVIEW)
    expected = linear_attributions(predictor, REVIEW, 0.0)
    assert scores_of(result) == pytest.approx(expected, abs=1e-12)


def test_each_independent_path_has_its_own_noise() -> None:
    predictor = build_predictor("linear", double=True)
    interpreter = GradientShap(predictor, noise_std=0.5, sampling="independent")
    [result] = interpreter.interpret_json(REVIEW)
    assert result.standard_error is not None
    assert all(error > 1e-3 for errors in result.standard_error.values() for error in errors)


def test_each_field_has_its_own_noise() -> None:
    predictor = build_predictor("esim")
    text = "two dogs are running ."
    pair = {"premise": text, "hypothesis": text}
    interpreter = GradientShap(predictor, noise_std=0.5)
    interpreter.interpret_json(pair)  # What is found out once takes passes of its own.
    embedded: List[torch.Tensor] = []
    predictor._model._encoder.register_forward_pre_hook(
        lambda module, arguments: embedded.append(arguments[0])
    )
    interpreter.interpret_json(pair)
    # The encoder is called with premise and hypothesis in turn.
    pairs = list(zip(embedded[::2], embedded[1::2]))
    assert torch.equal(*pairs[0])
    assert not all(torch.equal(*pair) for pair in pairs)


def test_relative_noise_is_in_units_of_the_text_s_spread() -> None:
    predictor = build_predictor("lstm")
    [instance] = predictor.json_to_labeled_instances(REVIEW)
    ids = to_tensors([instance], predictor._model)["tokens"]["tokens"]["tokens"]
    spread = float(
        predictor._model._text_field_embedder.token_embedder_tokens(ids).std(unbiased=False)
    )
    relative, absolute = [
        GradientShap(predictor, **options).interpret_json(REVIEW)[0]
        for options in ({"noise_std": 0.5, "noise_relative": True}, {"noise_std": 0.5 * spread})
    ]
    assert scores_of(relative) == pytest.approx(scores_of(absolute), abs=1e-5)


@pytest.mark.parametrize("kind", ["lstm", "esim", "simple_tagger", "bert", "bert_mismatched"])
def test_without_noise_it_converges_to_integrated_gradients(kind: str) -> None:
    predictor = build_predictor(kind)
    exact = IntegratedGradient(predictor, n_steps=50).interpret_json(EXAMPLE_INPUTS[kind])
    sampled = GradientShap(predictor, n_perturbations=400, noise_std=0).interpret_json(
        EXAMPLE_INPUTS[kind]
    )
    for one, other in zip(exact, sampled):
        size = sum(map(abs, scores_of(one)))
        assert scores_of(other) == pytest.approx(scores_of(one), abs=0.005 * size)


@pytest.mark.parametrize("kind", ["lstm", "esim", "bert"])
def test_with_noise_it_adds_up_within_its_error(kind: str) -> None:
    predictor = build_predictor(kind)
    [result] = GradientShap(predictor, n_perturbations=1000).interpret_json(EXAMPLE_INPUTS[kind])
    errors = [error for field in result.standard_error.values() for error in field]
    assert abs(result.convergence_delta) < 6 * numpy.linalg.norm(errors)


def test_parity_with_captum_in_the_limit() -> None:
    """Captum, on the same embeddings of the same model, as its samples grow in number."""
    predictor = build_predictor("lstm")
    model = predictor._model
    [instance] = predictor.json_to_labeled_instances(REVIEW)
    ids = to_tensors([instance], model)["tokens"]["tokens"]["tokens"]
    embedded = model._text_field_embedder.token_embedder_tokens(ids).detach()

    def forward(embedded: torch.Tensor) -> torch.Tensor:
        mask = torch.ones(embedded.shape[:2], dtype=torch.bool)
        return model._classification_layer(model._seq2vec_encoder(embedded, mask=mask))

    torch.manual_seed(0)
    theirs = CaptumsGradientShap(forward).attribute(
        embedded,
        torch.zeros_like(embedded),
        n_samples=4000,
        stdevs=0.0,
        target=instance["label"].label,
    )
    [ours] = GradientShap(predictor, n_perturbations=4000, noise_std=0).interpret_json(REVIEW)
    size = sum(map(abs, scores_of(ours)))
    assert scores_of(ours) == pytest.approx(theirs.sum(-1)[0].tolist(), abs=0.01 * size)


class TestSeed:
    def test_same_numbers_whatever_the_random_state_the_batch_size_and_the_other_texts(
        self,
    ) -> None:
        predictor = build_predictor("bert")
        inputs = EXAMPLE_INPUTS["bert"]
        first = GradientShap(predictor, seed=3).interpret_json(inputs)[0]
        torch.manual_seed(99)
        for other in (
            GradientShap(predictor, seed=3, batch_size=1).interpret_json(inputs)[0],
            GradientShap(predictor, seed=3, batch_size=7).interpret_json(inputs)[0],
            GradientShap(predictor, seed=3).interpret_batch_json(
                [{"sentence": "a dull film"}, inputs]
            )[1][0],
            GradientShap(predictor, seed=3).interpret_json(inputs, target=["negative", 0])[0],
        ):
            assert scores_of(other) == pytest.approx(scores_of(first), abs=1e-5)

    def test_another_seed_gives_other_numbers(self) -> None:
        predictor = build_predictor("lstm")
        one, other = [GradientShap(predictor, seed=s).interpret_json(REVIEW)[0] for s in (0, 1)]
        assert scores_of(one) != pytest.approx(scores_of(other), abs=1e-6)


class Estimates(NamedTuple):
    """Of many seeds. Shape of both: (seeds, scores)."""

    scores: numpy.ndarray
    errors: numpy.ndarray


def over_seeds(predictor: Predictor, inputs: JsonDict, n: int, **options: Any) -> Estimates:
    results = [
        GradientShap(predictor, seed=seed, **options).interpret_json(inputs)[0] for seed in range(n)
    ]
    errors = [[e for field in one.standard_error.values() for e in field] for one in results]
    return Estimates(numpy.array([scores_of(one) for one in results]), numpy.array(errors))


BACKGROUND = ["a dull film", "the story is great", "the acting is not bad at all"]
# `tests/attribution/test_sampling.py` checks the estimate itself over many more seeds. These check
# that a draw and its mirror image share noise and background text, and that other draws do not.
SAMPLED: Dict[str, Dict[str, Any]] = {
    "stratified": {},
    "stratified, background": {
        "background": BACKGROUND,
        "noise_relative": True,
        "noise_std": 0.3,
    },
    "independent, background": {
        "background": BACKGROUND,
        "noise_relative": True,
        "noise_std": 0.3,
        "sampling": "independent",
    },
    # The tokens' errors depend on each other: they do not add up to that of their sum.
    "sentence": {"granularity": "sentence", "granularity_aggregation_strategy": "sum"},
}


@lru_cache(maxsize=None)
def sampled(name: str) -> Estimates:
    return over_seeds(build_predictor("lstm"), SHORT, 100, **SAMPLED[name])


class TestStandardError:
    @pytest.mark.parametrize("name", SAMPLED)
    def test_it_is_calibrated_over_100_seeds(self, name: str) -> None:
        estimates = sampled(name)
        ratios = numpy.square(estimates.errors).mean(axis=0) / estimates.scores.var(axis=0)
        assert ((ratios > 0.7) & (ratios < 1.4)).all()

    def test_it_is_none_for_one_sample(self) -> None:
        predictor = build_predictor("lstm")
        [result] = GradientShap(predictor, n_perturbations=1).interpret_json(REVIEW)
        assert result.standard_error is None

    def test_integrated_gradients_have_none(self) -> None:
        [result] = IntegratedGradient(build_predictor("lstm")).interpret_json(REVIEW)
        assert result.standard_error is None


def test_stratified_sampling_errs_less() -> None:
    independent = over_seeds(build_predictor("lstm"), SHORT, 50, sampling="independent").scores
    stratified = sampled("stratified").scores
    assert stratified.var(axis=0).sum() < independent.var(axis=0).sum() / 3


@pytest.mark.parametrize("name", ["stratified", "stratified, background"])
def test_stratified_sampling_agrees_in_the_mean_with_independent_draws(name: str) -> None:
    options = {**SAMPLED[name], "sampling": "independent", "n_perturbations": 3000}
    found, expected = sampled(name), over_seeds(build_predictor("lstm"), SHORT, 1, **options)
    deviation = numpy.hypot(found.scores.std(axis=0) / 10, expected.errors[0])
    difference = numpy.abs(found.scores.mean(axis=0) - expected.scores[0])
    assert (difference < 4 * deviation).all()


class TestTolerance:
    @pytest.mark.parametrize("kind", ["lstm", "cnn", "esim", "bert"])
    def test_samples_are_added_until_the_standard_error_is_small_enough(self, kind: str) -> None:
        predictor = build_predictor(kind)
        counts = []
        for tolerance in (0.3, 0.06):
            [result] = GradientShap(
                predictor, tolerance=tolerance, max_evaluations=20000
            ).interpret_json(EXAMPLE_INPUTS[kind])
            assert result.estimated_error <= tolerance
            assert result.notes == []
            fields = result.fields.values()
            errors = sum(e for field in result.standard_error.values() for e in field)
            size = sum(abs(score) for field in fields for score in field.scores)
            # Position by position or, as here, token by token.
            assert errors / size <= 1.5 * tolerance
            counts.append(result.n_evaluations)
        assert counts[0] < counts[1]

    def test_the_true_error_is_within_the_tolerance(self) -> None:
        predictor = build_predictor("cnn")
        [exact] = GradientShap(predictor, n_perturbations=6000, seed=99).interpret_json(REVIEW)
        truth = numpy.array(exact.fields["tokens"].scores)
        found = over_seeds(predictor, REVIEW, 20, tolerance=0.1).scores
        shares = numpy.abs(found - truth).sum(axis=1) / numpy.abs(truth).sum()
        assert shares.mean() < 0.1
        assert shares.max() < 0.2

    def test_a_bound_that_is_reached_has_a_note(self) -> None:
        [result] = GradientShap(
            build_predictor("bert"), tolerance=0.001, n_perturbations=4, max_evaluations=20
        ).interpret_json(EXAMPLE_INPUTS["bert"])
        assert result.n_evaluations == 16
        assert result.notes[0].startswith("stopped at max_evaluations = 20")

    def test_the_mean_over_seeds_is_that_of_independent_draws(self) -> None:
        predictor, inputs = build_predictor("bert"), EXAMPLE_INPUTS["bert"]
        found = over_seeds(
            predictor, inputs, 40, noise_std=0.05, tolerance=0.1, n_perturbations=8
        ).scores
        expected = over_seeds(
            predictor, inputs, 1, noise_std=0.05, sampling="independent", n_perturbations=1280
        )
        deviation = numpy.hypot(found.std(axis=0, ddof=1) / numpy.sqrt(40), expected.errors[0])
        assert (numpy.abs(found.mean(axis=0) - expected.scores[0]) < 4 * deviation).all()

    @pytest.mark.parametrize(
        "options, said",
        [
            ({"max_evaluations": 50}, "give tolerance too"),
            ({"tolerance": 0}, "tolerance is 0"),
            ({"tolerance": 0.1, "max_evaluations": 1}, "max_evaluations is 1"),
        ],
    )
    def test_wrong_values_are_named(self, options: Dict[str, Any], said: str) -> None:
        with pytest.raises(ConfigurationError, match=said):
            GradientShap(build_predictor("lstm"), **options)
