"""SmoothGrad against a plain loop of gradients, closed forms, and its own error."""

from typing import Any, List, Tuple

import numpy
import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient, Interpretation, SmoothGradient
from biome_interpret.models.tensors import to_tensors
from tests.interpreters.test_integrated_gradient import linear_attributions
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

REVIEW = EXAMPLE_INPUTS["lstm"]


def scores_of(result: Interpretation) -> List[float]:
    return [score for field in result.fields.values() for score in field.scores]


def embedded_in(predictor: Predictor) -> Tuple[torch.Tensor, int]:
    """The embedding of the review, and its label. Shape: (1, tokens, dim)."""
    [instance] = predictor.json_to_labeled_instances(REVIEW)
    ids = to_tensors([instance], predictor._model)["tokens"]["tokens"]["tokens"]
    embedder = predictor._model._text_field_embedder.token_embedder_tokens
    return embedder(ids).detach(), instance["label"].label


def gradient(predictor: Predictor, points: torch.Tensor, label: int) -> torch.Tensor:
    """By autograd, without hooks. Shape as that of the points."""
    model = predictor._model
    points = points.detach().clone().requires_grad_()
    mask = torch.ones(points.shape[:2], dtype=torch.bool)
    logits = model._classification_layer(model._seq2vec_encoder(points, mask=mask))
    [found] = torch.autograd.grad(logits[:, label].sum(), points)
    return found


def test_loads_by_name() -> None:
    assert SaliencyInterpreter.by_name("biome-smooth-gradient") is SmoothGradient


class TestAgainstAPlainLoop:
    @pytest.mark.parametrize("kind", ["lstm", "cnn"])
    @pytest.mark.parametrize("baseline", [0.0, 0.3])
    def test_without_noise_it_is_the_gradient_times_the_difference(
        self, kind: str, baseline: float
    ) -> None:
        predictor = build_predictor(kind)
        embedded, label = embedded_in(predictor)
        expected = (gradient(predictor, embedded, label) * (embedded - baseline)).sum(-1)[0]
        interpreter = SmoothGradient(predictor, noise_std=0, baseline=baseline)
        [found] = interpreter.interpret_json(REVIEW)
        assert scores_of(found) == pytest.approx(expected.tolist(), abs=1e-5)
        assert found.n_evaluations == 1 and found.standard_error is None

    @pytest.mark.parametrize("kind", ["lstm", "cnn"])
    def test_at_the_same_points_it_is_the_mean_of_their_gradients(self, kind: str) -> None:
        predictor = build_predictor(kind)
        embedded, label = embedded_in(predictor)
        interpreter = SmoothGradient(predictor, n_perturbations=6, noise_std=0.5)
        interpreter.interpret_json(REVIEW)  # What is found out once takes passes of its own.
        seen: List[torch.Tensor] = []
        predictor._model._seq2vec_encoder.register_forward_pre_hook(
            lambda module, arguments: seen.append(arguments[0].detach().clone())
        )
        [found] = interpreter.interpret_json(REVIEW)
        [points] = [one for one in seen if len(one) >= 6]
        noise = points - embedded
        noisy = points[noise.abs().sum(dim=(1, 2)) > 1e-3]
        noisy = noisy[(noisy.abs().sum(dim=(1, 2)) > 1e-3)]
        assert len(noisy) == 6
        # Its size is relative to the spread of the text, in pairs of opposite sign.
        assert (noisy - embedded).std() == pytest.approx(
            0.5 * float(embedded.std(unbiased=False)), rel=0.25
        )
        assert torch.allclose((noisy - embedded).sum(dim=0), torch.zeros(()), atol=1e-4)
        mean = gradient(predictor, noisy, label).mean(dim=0)
        expected = (mean * embedded[0]).sum(-1)
        assert scores_of(found) == pytest.approx(expected.tolist(), abs=1e-5)

    def test_many_samples_converge_to_those_of_other_noise(self) -> None:
        predictor = build_predictor("lstm")
        embedded, label = embedded_in(predictor)
        generator = torch.Generator().manual_seed(5)
        noise = 0.3 * torch.randn(6000, *embedded.shape[1:], generator=generator)
        terms = (gradient(predictor, embedded + noise, label) * embedded).sum(-1)
        interpreter = SmoothGradient(
            predictor, n_perturbations=6000, noise_std=0.3, noise_relative=False
        )
        [found] = interpreter.interpret_json(REVIEW)
        errors = numpy.hypot(terms.std(dim=0).numpy() / 6000**0.5, found.standard_error["tokens"])
        difference = numpy.array(scores_of(found)) - terms.mean(dim=0).numpy()
        assert (numpy.abs(difference) < 4.5 * errors).all()
        # The noise matters.
        plain = (gradient(predictor, embedded, label) * embedded).sum(-1)[0].numpy()
        assert (numpy.abs(terms.mean(dim=0).numpy() - plain) > 6 * errors).any()

    def test_without_the_factor_it_is_the_norm_of_the_mean_gradient(self) -> None:
        predictor = build_predictor("lstm")
        embedded, label = embedded_in(predictor)
        options = {"noise_std": 0, "input_x_gradient": False, "reduction": "l2"}
        [found] = SmoothGradient(predictor, **options).interpret_json(REVIEW)
        expected = gradient(predictor, embedded, label).norm(dim=-1)[0]
        assert scores_of(found) == pytest.approx(expected.tolist(), abs=1e-5)


class TestLinearModel:
    @pytest.mark.parametrize("n_perturbations", [1, 3, 8])
    def test_noise_changes_nothing(self, n_perturbations: int) -> None:
        predictor = build_predictor("linear", double=True)
        interpreter = SmoothGradient(predictor, n_perturbations=n_perturbations, noise_std=0.7)
        [found] = interpreter.interpret_json(REVIEW)
        assert scores_of(found) == pytest.approx(linear_attributions(predictor, REVIEW, 0.0))
        assert found.notes == []


def test_the_gradient_at_the_text_is_that_of_finite_differences() -> None:
    predictor = build_predictor("bert", double=True)
    interpreter = SmoothGradient(predictor, noise_std=0)
    [found] = interpreter.interpret_json(REVIEW)
    nodes = {"n_steps": 1, "quadrature": "riemann-right"}
    [gradients] = IntegratedGradient(predictor, **nodes).interpret_json(REVIEW)
    assert scores_of(found) == pytest.approx(scores_of(gradients), abs=1e-12)


def test_scores_need_not_add_up_and_no_note_says_that_they_should() -> None:
    [found] = SmoothGradient(build_predictor("lstm")).interpret_json(REVIEW)
    assert found.convergence_delta is None and found.notes == [] and found.unassigned == 0.0


class TestHeldSpecialTokens:
    def test_get_no_noise_and_exactly_nothing(self) -> None:
        predictor = build_predictor("bert")
        interpreter = SmoothGradient(predictor, hold_special_tokens=True)
        [found] = interpreter.interpret_json(REVIEW)
        assert scores_of(found)[0] == scores_of(found)[-1] == 0.0
        assert all(scores_of(found)[1:-1])
        [free] = SmoothGradient(predictor).interpret_json(REVIEW)
        assert scores_of(free)[1:-1] != pytest.approx(scores_of(found)[1:-1], abs=1e-6)


class TestSeed:
    def test_same_numbers_whatever_the_random_state_the_batch_size_and_the_other_texts(
        self,
    ) -> None:
        predictor = build_predictor("bert")
        [first] = SmoothGradient(predictor, seed=3).interpret_json(REVIEW)
        torch.manual_seed(99)
        other = {"sentence": "a dull film"}
        for found in (
            SmoothGradient(predictor, seed=3, batch_size=1).interpret_json(REVIEW)[0],
            SmoothGradient(predictor, seed=3, batch_size=7).interpret_json(REVIEW)[0],
            SmoothGradient(predictor, seed=3).interpret_batch_json([other, REVIEW])[1][0],
        ):
            assert scores_of(found) == pytest.approx(scores_of(first), abs=1e-5)

    def test_another_seed_gives_other_numbers(self) -> None:
        predictor = build_predictor("lstm")
        one, other = [SmoothGradient(predictor, seed=s).interpret_json(REVIEW)[0] for s in (0, 1)]
        assert scores_of(one) != pytest.approx(scores_of(other), abs=1e-6)


class TestStandardError:
    @pytest.mark.parametrize("n_perturbations", [2, 3, 10])
    def test_is_honest_over_many_seeds(self, n_perturbations: int) -> None:
        predictor = build_predictor("lstm")
        results = [
            SmoothGradient(
                predictor, seed=seed, noise_std=0.5, n_perturbations=n_perturbations
            ).interpret_json({"sentence": "a clever story"})[0]
            for seed in range(120)
        ]
        scores = numpy.array([scores_of(one) for one in results])
        errors = numpy.array([one.standard_error["tokens"] for one in results])
        ratios = numpy.square(errors).mean(axis=0) / scores.var(axis=0)
        assert ((ratios > 0.6) & (ratios < 1.7)).all()

    def test_there_is_none_for_one_sample(self) -> None:
        interpreter = SmoothGradient(build_predictor("lstm"), n_perturbations=1)
        [found] = interpreter.interpret_json(REVIEW)
        assert found.standard_error is None

    def test_backgrounds_are_averaged(self) -> None:
        predictor = build_predictor("lstm")
        texts = ["a dull film", "the story is great"]
        [found] = SmoothGradient(predictor, background=texts).interpret_json(REVIEW)
        each = [SmoothGradient(predictor, background=[t]).interpret_json(REVIEW)[0] for t in texts]
        expected = numpy.mean([scores_of(one) for one in each], axis=0)
        assert scores_of(found) == pytest.approx(expected.tolist(), abs=1e-5)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"n_perturbations": 0}, "n_perturbations is 0"),
        ({"noise_std": -1}, "noise_std is -1"),
        ({"noise_relative": 1}, "noise_relative is 1; it must be true or false"),
        ({"seed": -1}, "seed is -1"),
        ({"tolerance": 0.1}, "no option 'tolerance'; its options are"),
        ({"interactions": True}, "no option 'interactions'"),
    ],
)
def test_wrong_options_are_named(options: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        SmoothGradient(build_predictor("lstm"), **options)
