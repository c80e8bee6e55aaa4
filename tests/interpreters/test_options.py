"""Every option through the constructor and through parameters, and the errors for wrong ones."""

import re
from importlib import import_module
from pathlib import Path
from typing import Any, Dict, List

import numpy
import pytest
import torch
from allennlp.common import Params
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance
from allennlp.data.fields import ArrayField, LabelField
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.models import BasicClassifier
from allennlp.predictors import TextClassifierPredictor

from biome_interpret import (
    GradientShap,
    InferenceMode,
    IntegratedGradient,
    InterpretationError,
    PathInterpreter,
    PlannedInterpreter,
)
from biome_interpret.attribution import paths
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

CONFIGS = Path(__file__).parent.parent.parent / "configs"
REVIEW = EXAMPLE_INPUTS["lstm"]
NAMES = [
    "biome-integrated-gradient",
    "biome-gradient-shap",
    "biome-smooth-gradient",
    "biome-occlusion",
    "biome-shapley-sampling",
]


@pytest.mark.parametrize("interpreter", [IntegratedGradient, GradientShap])
@pytest.mark.parametrize(
    "options, said",
    [
        ({"n_step": 3}, "no option 'n_step'.*baseline, background"),
        ({"aggregation": "sum"}, "did you mean 'granularity_aggregation_strategy'"),
        ({"strategy": "sum"}, "did you mean 'granularity_aggregation_strategy'"),
        (
            {"baseline": "padding", "background": ["a film"]},
            "baseline and background exclude each other: give baseline, or background",
        ),
        ({"granularty": "word"}, "no option 'granularty' .did you mean 'granularity'"),
        ({"granularity": "paragraph"}, "granularity is 'paragraph'.*'all_tokens', 'token'"),
        ({"granularity_aggregation_strategy": "median"}, "'mean', 'sum', 'max', 'min'"),
        ({"reduction": "max"}, "reduction is 'max'.*'sum', 'l2', 'mean_abs'"),
        ({"inference_mode": "logit"}, "inference_mode 'logit'.*'logits'.*'softmax'"),
        ({"baseline": "zero"}, "unknown baseline 'zero'.*'padding'.*'mean'"),
        ({"baseline": {"type": "nought"}}, "unknown baseline 'nought'"),
        ({"batch_size": 0}, "batch_size is 0.*from 1 to 20000"),
        ({"batch_size": -3}, "batch_size is -3"),
        ({"hold_special_tokens": "yes"}, "hold_special_tokens is 'yes'.*true or false"),
        ({"input_x_gradient": 2}, "input_x_gradient is 2"),
        ({"background": []}, "background must be a list of texts"),
        ({"background": [3]}, "background must be a list of texts"),
        ({"background": "/no/such/file.jsonl"}, "background '/no/such/file.jsonl' cannot be read"),
        ({"target": ["a", "b"]}, "target is .*interpret_json"),
        ({"target": 1.5}, "target is 1.5"),
        ({"inference_mode": 3}, "inference_mode is 3"),
        ({"baseline": [[1.0], [1.0, 2.0]]}, "the baseline is not a vector or a matrix"),
        ({"baseline": float("nan")}, "baseline is nan.*must be finite"),
        ({"reduction": ["sum"]}, "reduction is .'sum'."),
        ({"device": "toaster"}, "device is 'toaster'"),
        ({"device": 7777}, "device is 7777"),
        ({"device": -5}, "device is -5"),
    ],
)
def test_wrong_options_raise_an_error_that_names_them(
    interpreter: Any, options: dict, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.compile(said, re.DOTALL)):
        interpreter(build_predictor("lstm"), **options)


@pytest.mark.parametrize(
    "interpreter, options, said",
    [
        (IntegratedGradient, {"n_steps": 0}, "n_steps is 0"),
        (IntegratedGradient, {"n_steps": -1}, "n_steps is -1"),
        (IntegratedGradient, {"n_steps": 2.5}, "n_steps is 2.5"),
        (IntegratedGradient, {"quadrature": "simpson"}, "quadrature is 'simpson'.*'trapezoid'"),
        (GradientShap, {"n_perturbations": 0}, "n_perturbations is 0"),
        (GradientShap, {"noise_std": -0.1}, "noise_std is -0.1"),
        (GradientShap, {"noise_std": float("nan")}, "noise_std is nan"),
        (GradientShap, {"sampling": "sobol"}, "sampling is 'sobol'.*'stratified', 'independent'"),
        (GradientShap, {"seed": -1}, "seed is -1"),
        (GradientShap, {"noise_relative": "no"}, "noise_relative is 'no'"),
    ],
)
def test_wrong_options_of_one_method_raise_an_error_that_names_them(
    interpreter: Any, options: dict, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=re.compile(said)):
        interpreter(build_predictor("lstm"), **options)


def by_name(kind: str, options: Dict[str, Any]) -> Any:
    params = Params({"type": kind, **options})
    return SaliencyInterpreter.from_params(params, predictor=build_predictor("lstm"))


@pytest.mark.parametrize("kind", NAMES)
class TestParameters:
    def test_the_predictor_is_all_that_is_needed(self, kind: str) -> None:
        predictor = build_predictor("lstm")
        interpreter = SaliencyInterpreter.from_params(Params({"type": kind}), predictor=predictor)
        saliency = interpreter.saliency_interpret_from_json(REVIEW)
        assert saliency == type(interpreter)(predictor).saliency_interpret_from_json(REVIEW)

    @pytest.mark.parametrize(
        "options",
        [
            {"baseline": 0.5},
            {"baseline": "padding"},
            {"baseline": {"type": "constant", "value": 1}},
            {"baseline": [0.25] * 8},
            {"background": [{"sentence": "a dull film"}]},
            {"hold_special_tokens": True},
            {"inference_mode": "log_softmax"},
            {"target": "negative"},
            {"target": 0},
            {"granularity": "sentence"},
            {"batch_size": 3},
            {"device": -1},
            {"device": "cpu"},
        ],
        ids=str,
    )
    def test_they_do_what_the_constructor_does(self, kind: str, options: dict) -> None:
        predictor = build_predictor("lstm")
        by_params = SaliencyInterpreter.from_params(
            Params({"type": kind, **options}), predictor=predictor
        )
        directly = type(by_params)(predictor, **options)
        assert isinstance(by_params, PlannedInterpreter)
        assert by_params.interpret_json(REVIEW) == directly.interpret_json(REVIEW)

    @pytest.mark.parametrize(
        "options",
        [
            {"input_x_gradient": False},
            {"reduction": "l2"},
            {"granularity": "sentence", "granularity_aggregation_strategy": "signed_max"},
            {"removal": "delete"},
            {"interactions": True},
        ],
        ids=str,
    )
    def test_so_do_those_that_only_some_methods_have(self, kind: str, options: dict) -> None:
        is_path = issubclass(SaliencyInterpreter.by_name(kind), PathInterpreter)
        if is_path != ({"removal", "interactions"}.isdisjoint(options)):
            with pytest.raises(ConfigurationError, match="no option"):
                by_name(kind, options)
            return
        by_params = by_name(kind, options)
        directly = type(by_params)(by_params.predictor, **options)
        assert by_params.interpret_json(REVIEW) == directly.interpret_json(REVIEW)

    def test_a_misspelt_option_is_named(self, kind: str) -> None:
        params = Params({"type": kind, "bach_size": 3})
        with pytest.raises(ConfigurationError, match="did you mean 'batch_size'"):
            SaliencyInterpreter.from_params(params, predictor=build_predictor("lstm"))

    def test_a_misspelt_baseline_is_answered_with_the_known_names(self, kind: str) -> None:
        params = Params({"type": kind, "baseline": "paddding"})
        with pytest.raises(ConfigurationError, match="'paddding'.*'padding'"):
            SaliencyInterpreter.from_params(params, predictor=build_predictor("lstm"))


@pytest.mark.parametrize(
    "name", [p.stem for p in CONFIGS.glob("*.jsonnet") if "sst2" not in p.stem]
)
def test_the_shipped_configs_load(name: str) -> None:
    params = Params.from_file(CONFIGS / f"{name}.jsonnet")
    interpreter = SaliencyInterpreter.from_params(params, predictor=build_predictor("lstm"))
    assert interpreter.saliency_interpret_from_json(REVIEW)["instance_1"]


class TestTarget:
    @pytest.mark.parametrize("target", ["postive", 2, -1])
    def test_an_unknown_target_is_answered_with_the_known_labels(self, target: Any) -> None:
        interpreter = IntegratedGradient(build_predictor("lstm"), target=target)
        with pytest.raises(InterpretationError, match="'negative' .1., 'positive' .0."):
            interpreter.saliency_interpret_from_json(REVIEW)

    def test_gold_without_a_label_is_refused(self) -> None:
        interpreter = IntegratedGradient(build_predictor("lstm"), target="gold")
        with pytest.raises(InterpretationError, match="'gold' needs the text's own 'label'"):
            interpreter.saliency_interpret_from_json(REVIEW)

    def test_a_tagger_takes_no_target(self) -> None:
        interpreter = IntegratedGradient(build_predictor("simple_tagger"), target="PER")
        with pytest.raises(InterpretationError, match="'PER' cannot be chosen here"):
            interpreter.saliency_interpret_from_json(EXAMPLE_INPUTS["simple_tagger"])


class TestTexts:
    @pytest.mark.parametrize("kind", ["lstm", "cnn", "linear"])
    @pytest.mark.parametrize("text", ["", "   "])
    def test_a_text_without_tokens_is_refused(self, kind: str, text: str) -> None:
        interpreter = IntegratedGradient(build_predictor(kind))
        with pytest.raises(InterpretationError, match="field 'tokens' has no tokens"):
            interpreter.saliency_interpret_from_json({"sentence": text})

    def test_a_pair_with_a_text_without_tokens_is_refused(self) -> None:
        interpreter = IntegratedGradient(build_predictor("esim"))
        with pytest.raises(InterpretationError, match="field 'hypothesis' has no tokens"):
            interpreter.saliency_interpret_from_json({"premise": "a dog", "hypothesis": ""})

    @pytest.mark.parametrize("kind", ["lstm", "cnn", "bert", "roberta", "bert_mismatched"])
    @pytest.mark.parametrize(
        "text",
        ["film", "xyzzy", "😍😍 🏳️‍🌈", "فيلم جميل جدا", "a" * 300, "?!...", "\u202eabc\u0000"],
    )
    def test_odd_texts_give_finite_shares(self, kind: str, text: str) -> None:
        if kind != "lstm" and len(text) == 300:
            text = text[:40]  # The tiny transformers take 64 pieces.
        saliency = IntegratedGradient(build_predictor(kind)).saliency_interpret_from_json(
            {"sentence": text}
        )
        shares = saliency["instance_1"]["grad_input_1"]
        assert sum(shares) == pytest.approx(1) or set(shares) == {0.0}

    def test_a_long_text(self) -> None:
        predictor = build_predictor("linear")
        saliency = IntegratedGradient(predictor).saliency_interpret_from_json(
            {"sentence": "the film is not boring " * 1000}
        )
        assert len(saliency["instance_1"]["grad_input_1"]) == 5000

    def test_an_output_that_is_not_finite_is_refused(self) -> None:
        predictor = build_predictor("lstm")
        predictor._model._classification_layer.bias.data.fill_(float("inf"))
        with pytest.raises(InterpretationError, match="not finite"):
            IntegratedGradient(predictor).saliency_interpret_from_json(REVIEW)

    def test_a_tagger_that_finds_nothing_gives_nothing(self) -> None:
        predictor = build_predictor("crf_tagger")
        model = predictor._model
        outside = model.vocab.get_token_index("O", "labels")
        model.tag_projection_layer._module.bias.data[outside] = 1e4
        interpreter = IntegratedGradient(predictor)
        assert interpreter.saliency_interpret_from_json(EXAMPLE_INPUTS["crf_tagger"]) == {}
        assert interpreter.interpret_json(EXAMPLE_INPUTS["crf_tagger"]) == []


class NumbersForLabels(TextClassifierPredictor):
    """Labels its instances with a field that is no label field."""

    def predictions_to_labeled_instances(self, instance: Any, outputs: Any) -> List[Instance]:
        labelled = instance.duplicate()
        labelled.add_field("label", ArrayField(numpy.array(outputs["probs"].argmax()), dtype=int))
        return [labelled]


def scores_of(result: Any) -> List[float]:
    return [score for field in result.fields.values() for score in field.scores]


def test_a_label_of_an_unknown_type_is_explained_by_the_loss() -> None:
    predictor = build_predictor("lstm")
    odd = NumbersForLabels(predictor._model, predictor._dataset_reader)
    [found] = IntegratedGradient(odd, n_steps=20).interpret_json(REVIEW)
    [loss] = IntegratedGradient(predictor, n_steps=20, inference_mode="loss").interpret_json(REVIEW)
    assert found.notes == [
        "BasicClassifier gives no logits for what it predicts: the loss is explained instead"
    ]
    assert scores_of(found) == pytest.approx(scores_of(loss), abs=1e-6)


def test_gold_as_a_number_is_the_name_of_a_label() -> None:
    predictor = build_predictor("lstm")
    vocab = predictor._model.vocab
    vocab._token_to_index["labels"] = {"1": 0, "0": 1}
    vocab._index_to_token["labels"] = {0: "1", 1: "0"}
    interpreter = IntegratedGradient(predictor, target="gold")
    [result] = interpreter.interpret_json({**REVIEW, "label": 1})
    assert (result.target.label, result.target.index) == ("1", 0)


@pytest.mark.parametrize("text", ["", {"sentnce": "a film"}])
def test_a_background_text_that_the_reader_refuses_is_named(text: Any) -> None:
    interpreter = IntegratedGradient(build_predictor("lstm"), background=[text])
    with pytest.raises(InterpretationError, match="does not take background text"):
        interpreter.interpret_json(REVIEW)


def test_background_texts_from_a_file(tmp_path: Path) -> None:
    predictor = build_predictor("lstm")
    file = tmp_path / "background.jsonl"
    file.write_text('{"sentence": "a dull film"}\n\n"the story"\n', encoding="utf-8")
    by_file, by_list = [
        IntegratedGradient(predictor, background=texts).interpret_json(REVIEW)
        for texts in (str(file), [{"sentence": "a dull film"}, "the story"])
    ]
    assert by_file == by_list


def test_a_shorter_background_text_is_filled_with_the_padding_embedding() -> None:
    predictor = build_predictor("lstm")
    embedding = predictor._model._text_field_embedder.token_embedder_tokens.weight.detach()
    film = predictor._model.vocab.get_token_index("film", "tokens")
    filled = embedding[[film] + 12 * [0]]
    by_text, by_vectors = [
        IntegratedGradient(predictor, n_steps=5, **options).interpret_json(REVIEW)[0]
        for options in ({"background": ["film"]}, {"baseline": filled})
    ]
    scores = by_vectors.fields["tokens"].scores
    assert by_text.fields["tokens"].scores == pytest.approx(scores, abs=1e-6)
    assert by_text.baseline_output == pytest.approx(by_vectors.baseline_output, abs=1e-6)


class SumsAllPositions(BasicClassifier):
    """Does not know which positions are padding."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        outputs = super().forward(tokens, label, metadata)
        embedded = self._text_field_embedder(tokens)
        outputs["logits"] = outputs["logits"] + embedded.sum(dim=(1, 2)).unsqueeze(-1)
        return outputs


def test_padding_stays_as_it_is_and_adds_nothing_to_the_difference() -> None:
    padded = {"dataset_reader.token_indexers.tokens.token_min_padding_length": 20}
    predictor = build_predictor("lstm", **padded)
    predictor._model.__class__ = SumsAllPositions
    [result] = IntegratedGradient(predictor, n_steps=50).interpret_json(REVIEW)
    difference = result.output - result.baseline_output
    assert sum(result.fields["tokens"].scores) == pytest.approx(difference, abs=1e-3)


def test_background_strings_beside_a_label() -> None:
    predictor = build_predictor("lstm")
    interpreter = IntegratedGradient(predictor, background=["a film"], target="gold")
    assert interpreter.interpret_json({**REVIEW, "label": "positive"})


@InferenceMode.register("margin-for-testing")
class Margin(InferenceMode):
    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale

    def __call__(self, outputs: dict, choices: Any) -> torch.Tensor:
        return self._scale * (outputs["logits"][:, 0] - outputs["logits"][:, 1])


def test_an_inference_mode_of_the_user_s_own() -> None:
    predictor = build_predictor("linear")
    params = {"inference_mode": {"type": "margin-for-testing", "scale": 2.0}}
    interpreter = SaliencyInterpreter.from_params(
        Params({"type": "biome-integrated-gradient", **params}), predictor=predictor
    )
    [margin] = interpreter.interpret_json(REVIEW)
    first, second = IntegratedGradient(predictor).interpret_json(REVIEW, target=[0, 1])
    assert margin.output == pytest.approx(2 * (first.output - second.output), rel=1e-5)


def test_the_loss_is_explained_if_there_are_no_logits() -> None:
    predictor = build_predictor("lstm")
    model = predictor._model
    forward = model.forward

    def without_logits(tokens: Any, label: Any = None, metadata: Any = None) -> dict:
        outputs = forward(tokens, label, metadata)
        return {name: value for name, value in outputs.items() if name != "logits"}

    model.forward = without_logits
    [result] = IntegratedGradient(predictor).interpret_json(REVIEW)
    del model.forward
    assert "the loss is explained instead" in result.notes[0]
    [loss] = IntegratedGradient(predictor, inference_mode="loss").interpret_json(REVIEW)
    assert scores_of(result) == pytest.approx(scores_of(loss), abs=1e-3)
    assert isinstance(predictor.json_to_labeled_instances(REVIEW)[0]["label"], LabelField)


def test_an_embedder_that_no_finder_knows_has_a_note() -> None:
    import_module("tests.kinds.models")
    embedder = {"type": "tests_functional", "num_embeddings": 100, "dim": 8}
    overrides = {
        "dataset_reader.token_indexers.tokens": {"type": "tests_masked"},
        "model.text_field_embedder.token_embedders.tokens": embedder,
    }
    [result] = IntegratedGradient(build_predictor("lstm", **overrides)).interpret_json(REVIEW)
    assert any(note.startswith("explained at the output of") for note in result.notes)


def test_a_method_may_name_a_point_twice() -> None:
    predictor, inputs = build_predictor("lstm", double=True), EXAMPLE_INPUTS["lstm"]

    class Twice(PathInterpreter):
        def path_measure(self, num_background: int) -> paths.PathMeasure:
            first = paths.Path([0.0, 0.5, 1.0], [0.125, 0.25, 0.125])
            return paths.PathMeasure([first, paths.Path([0.25, 0.5, 0.75], [0.125, 0.25, 0.125])])

    class Once(PathInterpreter):
        def path_measure(self, num_background: int) -> paths.PathMeasure:
            nodes, weights = [0.0, 0.25, 0.5, 0.75, 1.0], [0.125, 0.125, 0.5, 0.125, 0.125]
            return paths.PathMeasure([paths.Path(nodes, weights)])

    [twice], [once] = (method(predictor).interpret_json(inputs) for method in (Twice, Once))
    assert twice.scores == pytest.approx(once.scores, rel=1e-12)
