"""Integrated Gradients against closed forms, finite differences, AllenNLP and Captum."""

import json
from typing import List

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary
from allennlp.interpret.saliency_interpreters import IntegratedGradient as AllenNLPs
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.nn.util import get_text_field_mask
from captum.attr import LayerIntegratedGradients

from biome_interpret import Baseline, IntegratedGradient, Interpretation
from biome_interpret.attribution.quadrature import RULES
from biome_interpret.models.embedding import SiteCall
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.models.tensors import to_tensors
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

KINDS = list(EXAMPLE_INPUTS)
# Kinds on which AllenNLP's own interpreter is right: one embedding, hooked where it is looked up.
ORDINARY = [
    "linear",
    "linear_averaged",
    "lstm",
    "cnn",
    "esim",
    "decomposable_attention",
    "simple_tagger",
    "crf_tagger",
    "bert",
    "roberta",
]
SMOOTH = {"n_steps": 60}
# Across the kinks of max pooling and ReLU every rule converges like the plainest one, slowly.
KINKED = {"n_steps": 4000, "quadrature": "riemann-middle"}
KINKED_KINDS = ["cnn", "embedding_and_characters", "esim", "decomposable_attention"]
# All modes, where that does not take many nodes.
KINDS_AND_MODES = [
    (kind, mode)
    for kind in KINDS
    for mode in ("logits", "loss", "softmax", "log_softmax")
    if mode in ("logits", "loss") or kind not in KINKED_KINDS
]


class Nearby(Baseline):
    """A hair's breadth from the text's own embedding, in no special direction."""

    def vectors(self, call: SiteCall, vocabulary: Vocabulary) -> torch.Tensor:
        direction = torch.linspace(-1, 1, call.embedded.numel()).reshape(call.embedded.shape)
        return call.embedded + 1e-5 * direction.sin()


def total(interpretation: Interpretation) -> float:
    return sum(abs(s) for field in interpretation.fields.values() for s in field.scores)


class TestClosedForms:
    @pytest.mark.parametrize("quadrature", RULES)
    @pytest.mark.parametrize("n_steps", [1, 7])
    @pytest.mark.parametrize("baseline", [None, 0.3])
    def test_linear_model(self, quadrature: str, n_steps: int, baseline: float) -> None:
        predictor = build_predictor("linear", double=True)
        interpreter = IntegratedGradient(
            predictor, n_steps=n_steps, quadrature=quadrature, baseline=baseline
        )
        [interpretation] = interpreter.interpret_json(EXAMPLE_INPUTS["linear"])
        expected = linear_attributions(predictor, EXAMPLE_INPUTS["linear"], baseline or 0.0)
        assert interpretation.fields["tokens"].scores == pytest.approx(expected, abs=1e-12)
        assert interpretation.convergence_delta == pytest.approx(0, abs=1e-12)

    def test_shares_are_absolute_and_add_up(self) -> None:
        predictor = build_predictor("linear")
        saliency = IntegratedGradient(predictor).saliency_interpret_from_json(
            EXAMPLE_INPUTS["linear"]
        )
        expected = linear_attributions(predictor, EXAMPLE_INPUTS["linear"], 0.0)
        size = sum(abs(score) for score in expected)
        shares = saliency["instance_1"]["grad_input_1"]
        assert shares == pytest.approx([abs(score) / size for score in expected], abs=1e-5)
        assert sum(shares) == pytest.approx(1)
        json.dumps(saliency)

    def test_words_that_do_not_matter_get_zero(self) -> None:
        predictor = build_predictor("linear")
        predictor._model._classification_layer.weight.data.zero_()
        saliency = IntegratedGradient(predictor).saliency_interpret_from_json(
            EXAMPLE_INPUTS["linear"]
        )
        assert saliency == {"instance_1": {"grad_input_1": [0.0] * 13}}


def linear_attributions(predictor, inputs, baseline: float) -> List[float]:
    """w · (x_i − x') for each token of a sum of embeddings."""
    [instance] = predictor.json_to_labeled_instances(inputs)
    model = predictor._model
    ids = to_tensors([instance], model)["tokens"]["tokens"]["tokens"][0]
    embedding = model._text_field_embedder.token_embedder_tokens.weight
    weight = model._classification_layer.weight[instance["label"].label]
    return ((embedding[ids] - baseline) @ weight).tolist()


class TestCompleteness:
    @pytest.mark.parametrize("kind, mode", KINDS_AND_MODES)
    def test_scores_add_up_to_the_difference_of_outputs(self, kind: str, mode: str) -> None:
        predictor = build_predictor(kind, double=True)
        settings = KINKED if kind in KINKED_KINDS else SMOOTH
        interpreter = IntegratedGradient(predictor, inference_mode=mode, **settings)
        for interpretation in interpreter.interpret_json(EXAMPLE_INPUTS[kind]):
            assert interpretation.notes == []
            assert abs(interpretation.convergence_delta) < 1e-4 * total(interpretation)
            tokens = sum(s for field in interpretation.fields.values() for s in field.scores)
            difference = interpretation.output - interpretation.baseline_output
            sum_of_all = tokens + interpretation.unassigned
            assert sum_of_all == pytest.approx(difference, abs=1e-4 * total(interpretation))

    @pytest.mark.parametrize("kind", KINDS)
    def test_the_same_numbers_whatever_the_batch_size(self, kind: str) -> None:
        predictor = build_predictor(kind)
        everything = [
            IntegratedGradient(predictor, n_steps=9, batch_size=size).interpret_json(
                EXAMPLE_INPUTS[kind]
            )
            for size in (None, 1, 4)
        ]
        for others in everything[1:]:
            for one, other in zip(everything[0], others):
                for name, field in one.fields.items():
                    scores = other.fields[name].scores
                    assert scores == pytest.approx(field.scores, abs=1e-5 * total(one))


@pytest.mark.parametrize("kind", ORDINARY)
def test_parity_with_allennlp(kind: str) -> None:
    predictor = build_predictor(kind)
    theirs = AllenNLPs(predictor).saliency_interpret_from_json(EXAMPLE_INPUTS[kind])
    ours = IntegratedGradient(
        predictor, n_steps=10, quadrature="riemann-left", inference_mode="loss"
    ).saliency_interpret_from_json(EXAMPLE_INPUTS[kind])
    assert ours.keys() == theirs.keys()
    for instance in theirs:
        assert ours[instance].keys() == theirs[instance].keys()
        for key, shares in theirs[instance].items():
            assert ours[instance][key] == pytest.approx(shares, abs=1e-5)


@pytest.mark.parametrize("kind", ["linear_averaged", "lstm", "cnn", "bert", "roberta"])
@pytest.mark.parametrize("mode", ["logits", "softmax"])
def test_parity_with_captum(kind: str, mode: str) -> None:
    predictor = build_predictor(kind)
    model = predictor._model
    [instance] = predictor.json_to_labeled_instances(EXAMPLE_INPUTS[kind])
    tensors = to_tensors([instance], model)
    [(indexer, arguments)] = tensors["tokens"].items()
    name = "token_ids" if "token_ids" in arguments else "tokens"
    ids = arguments[name]
    unknown = torch.ones_like(ids)
    embedder = getattr(model._text_field_embedder, f"token_embedder_{indexer}")
    layer = embedder.transformer_model.get_input_embeddings() if name == "token_ids" else embedder
    label = instance["label"].label

    def forward(ids: torch.Tensor) -> torch.Tensor:
        others = {key: value.expand(len(ids), -1) for key, value in arguments.items()}
        outputs = model({indexer: {**others, name: ids}})
        return outputs["logits"] if mode == "logits" else outputs["probs"]

    theirs = LayerIntegratedGradients(forward, layer).attribute(
        ids, unknown, target=label, n_steps=20, method="gausslegendre"
    )
    [ours] = IntegratedGradient(
        predictor,
        n_steps=20,
        quadrature="gauss-legendre",
        inference_mode=mode,
        baseline=layer.weight[1].tolist(),
    ).interpret_json(EXAMPLE_INPUTS[kind])
    assert get_text_field_mask(tensors["tokens"]).all()
    expected = theirs.sum(dim=-1)[0].tolist()
    assert ours.fields["tokens"].scores == pytest.approx(expected, abs=1e-5 * total(ours))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["logits", "log_softmax"])
def test_gradients_agree_with_finite_differences(kind: str, mode: str) -> None:
    """
    Near the input the path is a derivative: with a baseline that is a hair's breadth away, Σ scores
    is the difference of two outputs, taken in any direction.
    """
    predictor = build_predictor(kind, double=True)
    for interpretation in IntegratedGradient(
        predictor, n_steps=1, quadrature="riemann-middle", inference_mode=mode, baseline=Nearby()
    ).interpret_json(EXAMPLE_INPUTS[kind]):
        difference = interpretation.output - interpretation.baseline_output
        total_score = difference - interpretation.convergence_delta
        assert total_score == pytest.approx(difference, rel=1e-5, abs=1e-12)


class TestOptions:
    def test_loads_by_name_and_is_one_of_allennlp_s(self) -> None:
        assert SaliencyInterpreter.by_name("biome-integrated-gradient") is IntegratedGradient
        assert issubclass(IntegratedGradient, AllenNLPs)

    def test_the_other_of_two_labels_has_the_opposite_sign(self) -> None:
        predictor = build_predictor("lstm")
        first, second = IntegratedGradient(predictor).interpret_json(
            EXAMPLE_INPUTS["lstm"], target=["positive", 1]
        )
        assert (first.target.label, first.target.index) == ("positive", 0)
        assert (second.target.label, second.target.index) == ("negative", 1)
        assert first.target.probability + second.target.probability == pytest.approx(1)
        assert first.output != second.output

    def test_several_targets_give_what_each_gives_alone(self) -> None:
        predictor = build_predictor("esim")
        interpreter = IntegratedGradient(predictor)
        together = interpreter.interpret_json(EXAMPLE_INPUTS["esim"], target=[0, 1, 2])
        alone = [interpreter.interpret_json(EXAMPLE_INPUTS["esim"], target=t)[0] for t in range(3)]
        for one, other in zip(together, alone):
            for name, field in one.fields.items():
                assert field.scores == pytest.approx(other.fields[name].scores, abs=1e-6)

    def test_gold_is_the_text_s_own_label(self) -> None:
        predictor = build_predictor("lstm")
        interpreter = IntegratedGradient(predictor, target="gold")
        for label in ("positive", "negative"):
            inputs = {**EXAMPLE_INPUTS["lstm"], "label": label}
            assert interpreter.interpret_json(inputs)[0].target.label == label
            instance = predictor._dataset_reader.text_to_instance("the film", label)
            assert interpreter.interpret_instance(instance)[0].target.label == label

    def test_a_function_as_inference_mode(self) -> None:
        predictor = build_predictor("lstm")
        [doubled] = IntegratedGradient(
            predictor, inference_mode=lambda outputs, choices: 2 * outputs["logits"][:, 0]
        ).interpret_json(EXAMPLE_INPUTS["lstm"])
        [plain] = IntegratedGradient(predictor, target=0).interpret_json(EXAMPLE_INPUTS["lstm"])
        expected = [2 * score for score in plain.fields["tokens"].scores]
        assert doubled.fields["tokens"].scores == pytest.approx(expected, abs=1e-5)

    def test_without_the_factor_the_gradient_is_averaged(self) -> None:
        predictor = build_predictor("linear")
        [result] = IntegratedGradient(predictor, input_x_gradient=False, target=0).interpret_json(
            EXAMPLE_INPUTS["linear"]
        )
        gradient = float(predictor._model._classification_layer.weight[0].sum())
        assert result.fields["tokens"].scores == pytest.approx([gradient] * 13, abs=1e-5)
        assert result.convergence_delta is None

    @pytest.mark.parametrize("reduction", ["l2", "mean_abs"])
    def test_other_reductions_of_a_linear_model(self, reduction: str) -> None:
        predictor = build_predictor("linear")
        [result] = IntegratedGradient(predictor, reduction=reduction, target=0).interpret_json(
            EXAMPLE_INPUTS["linear"]
        )
        [instance] = predictor.json_to_labeled_instances(EXAMPLE_INPUTS["linear"])
        ids = to_tensors([instance], predictor._model)["tokens"]["tokens"]["tokens"][0]
        embedding = predictor._model._text_field_embedder.token_embedder_tokens.weight
        products = embedding[ids] * predictor._model._classification_layer.weight[0]
        expected = products.norm(dim=-1) if reduction == "l2" else products.abs().mean(dim=-1)
        assert result.fields["tokens"].scores == pytest.approx(expected.tolist(), abs=1e-5)
        assert result.convergence_delta is None

    def test_background_is_the_mean_over_its_texts(self) -> None:
        predictor = build_predictor("lstm")
        texts = ["a dull film", {"sentence": "the story is great and the acting is not bad at all"}]
        inputs = EXAMPLE_INPUTS["lstm"]
        both, *single = [
            IntegratedGradient(predictor, background=texts_, n_steps=50).interpret_json(inputs)[0]
            for texts_ in (texts, texts[:1], texts[1:])
        ]
        pairs = zip(*(one.fields["tokens"].scores for one in single))
        expected = [(first + second) / 2 for first, second in pairs]
        assert both.fields["tokens"].scores == pytest.approx(expected, abs=1e-5)
        assert abs(both.convergence_delta) < 1e-5
        assert both.n_evaluations == 100

    def test_a_text_that_is_its_own_baseline_gets_zero(self) -> None:
        predictor = build_predictor("lstm")
        inputs = EXAMPLE_INPUTS["lstm"]
        [result] = IntegratedGradient(predictor, background=[inputs]).interpret_json(inputs)
        assert result.fields["tokens"].scores == [0.0] * 13

    def test_each_background_text_takes_three_points(self) -> None:
        predictor = build_predictor("lstm")
        inputs, texts = EXAMPLE_INPUTS["lstm"], ["a dull film", "wonderful"] * 50
        interpreter = IntegratedGradient(predictor, background=texts)
        [result] = interpreter.interpret_json(inputs)
        assert result.n_evaluations <= 300 == interpreter.most_evaluations(0)
        assert any("stopped at max_evaluations = 300" in note for note in result.notes)
        with pytest.raises(ConfigurationError, match="with 100 background texts .*from 300 to"):
            IntegratedGradient(predictor, background=texts, max_evaluations=299)

    def test_a_background_is_embedded_again_after_the_weights_have_changed(self) -> None:
        predictor = build_predictor("lstm")
        inputs = EXAMPLE_INPUTS["lstm"]
        used = IntegratedGradient(predictor, background=["a dull film"], n_steps=5)
        [before] = used.interpret_json(inputs)
        with torch.no_grad():
            for parameter in predictor._model.parameters():
                parameter.mul_(1.5)
        [after] = used.interpret_json(inputs)
        new = IntegratedGradient(predictor, background=["a dull film"], n_steps=5)
        assert [after] == new.interpret_json(inputs) != [before]

    def test_to_json_and_back(self) -> None:
        predictor = build_predictor("esim")
        [result] = IntegratedGradient(predictor).interpret_json(EXAMPLE_INPUTS["esim"])
        assert Interpretation.from_json(json.loads(json.dumps(result.to_json()))) == result


def test_the_given_instance_is_not_changed() -> None:
    """The interpreter writes into a copy."""
    predictor = build_predictor("esim")
    instance = predictor._json_to_instance(EXAMPLE_INPUTS["esim"])
    [text] = InputText.read(predictor, instance)
    before = dict(instance["metadata"].metadata), dict(instance.fields)
    text.instance["metadata"].metadata["seen"] = True
    text.instance.add_field("premise", text.instance["hypothesis"])
    assert (dict(instance["metadata"].metadata), dict(instance.fields)) == before
