"""Integrated Gradients are as exact as the tolerance says."""

import json
from collections import Counter
from typing import Any, List

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from biome_interpret import GradientShap, IntegratedGradient, Interpretation
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

KINDS = list(EXAMPLE_INPUTS)
REVIEW = EXAMPLE_INPUTS["bert"]


def scores_of(interpretation: Interpretation) -> List[float]:
    return [s for field in interpretation.fields.values() for s in field.scores]


def error(found: Interpretation, exact: Interpretation) -> float:
    pairs = list(zip(scores_of(found), scores_of(exact)))
    return sum(abs(a - b) for a, b in pairs) / sum(abs(b) for _, b in pairs)


def exact_results(predictor: Predictor, kind: str, mode: str = "logits") -> List[Interpretation]:
    return IntegratedGradient(
        predictor, n_steps=1000, quadrature="riemann-middle", inference_mode=mode
    ).interpret_json(EXAMPLE_INPUTS[kind])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["logits", "loss"])
def test_errors_are_within_the_tolerance(kind: str, mode: str) -> None:
    predictor = build_predictor(kind, double=True)
    exact = exact_results(predictor, kind, mode)
    for tolerance in (0.05, 0.01, 0.002):
        found = IntegratedGradient(
            predictor, tolerance=tolerance, max_evaluations=2000, inference_mode=mode
        ).interpret_json(EXAMPLE_INPUTS[kind])
        for one, other in zip(found, exact):
            assert one.notes == []
            assert one.estimated_error <= tolerance
            # An estimate, no bound: a kink may fall between nodes.
            assert error(one, other) < 3 * tolerance
            assert abs(one.convergence_delta) <= tolerance * sum(map(abs, scores_of(one)))


def test_the_default_is_one_per_cent() -> None:
    predictor = build_predictor("bert")
    by_default, spelled_out = [
        IntegratedGradient(predictor, **options).interpret_json(REVIEW)
        for options in ({}, {"tolerance": 0.01, "max_evaluations": 257})
    ]
    assert by_default == spelled_out


@pytest.mark.parametrize(
    "kind, fewest", [("lstm", 9), ("cnn", 9), ("esim", 9), ("bert", 17), ("bert_mismatched", 17)]
)
def test_pretrained_transformers_begin_with_more_evaluations(kind: str, fewest: int) -> None:
    found = IntegratedGradient(build_predictor(kind), tolerance=0.9).interpret_json(
        EXAMPLE_INPUTS[kind]
    )
    assert [one.n_evaluations for one in found] == [fewest]


def test_a_smaller_tolerance_takes_more_evaluations() -> None:
    predictor = build_predictor("bert", double=True)
    counts = [
        IntegratedGradient(predictor, tolerance=tolerance).interpret_json(REVIEW)[0].n_evaluations
        for tolerance in (0.3, 1e-3, 1e-8)
    ]
    assert counts == sorted(counts) and counts[0] < counts[-1]


def test_each_point_is_evaluated_once_and_the_finest_rule_uses_them_all() -> None:
    predictor = build_predictor("lstm", double=True)
    inputs = EXAMPLE_INPUTS["lstm"]
    interpreter = IntegratedGradient(predictor, tolerance=1e-9, max_evaluations=65)
    interpreter.interpret_json(inputs)  # Measures how the model's rows relate.
    passes: List[torch.Tensor] = []
    # The baseline is 0: a point's norm tells where on the path it is.
    handle = predictor._model._seq2vec_encoder.register_forward_pre_hook(
        lambda module, arguments: passes.append(arguments[0].flatten(1).norm(dim=1))
    )
    [refined] = interpreter.interpret_json(inputs)
    handle.remove()
    assert len(passes) > 3  # Several levels, each with a rule of its own.
    norms = torch.cat(passes)
    positions = Counter(round(position, 12) for position in (norms / norms.max()).tolist())
    # The text itself may also be in the pass of the prediction.
    assert {position for position, times in positions.items() if times > 1} <= {1.0}
    assert len(positions) == refined.n_evaluations == 65
    [exact] = IntegratedGradient(predictor, n_steps=300).interpret_json(inputs)
    [coarse] = IntegratedGradient(predictor, tolerance=0.9).interpret_json(inputs)
    assert error(refined, exact) < 1e-6 < 1e-4 < error(coarse, exact)


@pytest.mark.parametrize("max_evaluations", [3, 5, 9, 20])
def test_a_bound_that_is_reached_has_a_note(max_evaluations: int) -> None:
    predictor = build_predictor("esim")
    [result] = IntegratedGradient(
        predictor, tolerance=1e-9, max_evaluations=max_evaluations
    ).interpret_json(EXAMPLE_INPUTS["esim"])
    assert result.n_evaluations <= max_evaluations
    assert result.notes[0].startswith(f"stopped at max_evaluations = {max_evaluations}")
    assert result.estimated_error > 1e-9


@pytest.mark.parametrize("kind", ["lstm", "esim", "crf_tagger", "bert"])
def test_the_batch_size_changes_no_number(kind: str) -> None:
    predictor = build_predictor(kind)
    inputs = EXAMPLE_INPUTS[kind]
    first, *others = [
        IntegratedGradient(predictor, batch_size=size).interpret_json(inputs)
        for size in (None, 1, 5)
    ]
    for other in others:
        for one, two in zip(first, other):
            assert one.n_evaluations == two.n_evaluations
            size = sum(map(abs, scores_of(one)))
            assert scores_of(one) == pytest.approx(scores_of(two), abs=1e-5 * size)


def test_each_target_stops_on_its_own() -> None:
    predictor = build_predictor("bert_mismatched")
    inputs = EXAMPLE_INPUTS["bert_mismatched"]
    interpreter = IntegratedGradient(predictor, tolerance=1e-4)
    together = interpreter.interpret_json(inputs, target=[0, 1])
    alone = [interpreter.interpret_json(inputs, target=target)[0] for target in (0, 1)]
    for one, other in zip(together, alone):
        assert one.n_evaluations == other.n_evaluations
        assert scores_of(one) == pytest.approx(scores_of(other), abs=1e-5)


def test_background_texts_share_the_bound() -> None:
    predictor = build_predictor("bert")
    [result] = IntegratedGradient(
        predictor, background=["a film", "bad"], tolerance=1e-9, max_evaluations=40
    ).interpret_json(REVIEW)
    assert result.n_evaluations == 38


def test_an_output_that_does_not_depend_on_the_text_needs_no_refining() -> None:
    predictor = build_predictor("lstm")
    predictor._model._classification_layer.weight.data.zero_()
    [result] = IntegratedGradient(predictor).interpret_json(EXAMPLE_INPUTS["lstm"])
    assert set(scores_of(result)) == {0.0}
    assert (result.n_evaluations, result.estimated_error, result.notes) == (9, 0.0, [])


@pytest.mark.parametrize("method", [IntegratedGradient, GradientShap])
def test_scores_of_0_beside_an_output_that_changes_have_no_estimate(method: Any) -> None:
    predictor = build_predictor("bert")
    # The softmax rounds to 0 or 1 nearly everywhere.
    predictor._model._classification_layer.weight.data *= 1e6
    [result] = method(predictor, inference_mode="softmax", tolerance=0.01).interpret_json(REVIEW)
    assert result.convergence_delta > 0.9
    assert result.estimated_error is None
    assert "without an estimate of the error" in result.notes[0]
    json.dumps(result.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    "options", [{"input_x_gradient": False, "reduction": "mean_abs"}, {"reduction": "l2"}]
)
def test_scores_that_do_not_add_up_are_refined_too(options: dict) -> None:
    predictor = build_predictor("bert", double=True)
    found, exact = [
        IntegratedGradient(predictor, **options, **nodes).interpret_json(REVIEW)[0]
        for nodes in ({"tolerance": 0.001}, {"n_steps": 300})
    ]
    assert error(found, exact) < 0.002


@pytest.mark.parametrize(
    "options, said",
    [
        ({"tolerance": 0.1, "n_steps": 3}, "tolerance and n_steps exclude each other"),
        ({"max_evaluations": 9, "quadrature": "trapezoid"}, "exclude each other"),
        ({"tolerance": 0}, "tolerance is 0.*between 0 and 1"),
        ({"tolerance": 1.5}, "tolerance is 1.5"),
        ({"tolerance": "1%"}, "tolerance is '1%'"),
        ({"max_evaluations": 2}, "max_evaluations is 2.*from 3 to 2000"),
    ],
)
def test_wrong_options_raise_an_error_that_names_them(options: dict, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        IntegratedGradient(build_predictor("lstm"), **options)
