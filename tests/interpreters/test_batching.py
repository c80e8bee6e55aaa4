"""Many texts at once: the same numbers as one by one, from fewer passes."""

from typing import Any, Dict, List

import pytest
import torch
from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.models import BasicClassifier
from allennlp.predictors import TextClassifierPredictor

from biome_interpret import (
    GradientShap,
    IntegratedGradient,
    Interpretation,
    InterpretationError,
    Occlusion,
    ShapleySampling,
    SmoothGradient,
)
from biome_interpret.interpreters import PlannedInterpreter
from tests.models.execution.test_probing import (
    CountsPositions,
    FirstRowOnly,
    MixesGradients,
    MixesLongTexts,
    MixesRows,
    OneOnly,
    as_kind,
)
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

METHODS = [IntegratedGradient, GradientShap, SmoothGradient, Occlusion, ShapleySampling]


def variations(inputs: JsonDict) -> List[JsonDict]:
    """
    Texts of several lengths, made of the words of one. Some are so near in length that they share a
    pass and are padded there, others are not.
    """
    variants = []
    for cut in (1, 3, -1, -2, 3):
        variant = {
            name: " ".join(value.split()[:cut]) if isinstance(value, str) else value
            for name, value in inputs.items()
        }
        variants += [variant, inputs]
    return variants


def one_by_one(
    interpreter: PlannedInterpreter, inputs: List[JsonDict]
) -> List[List[Interpretation]]:
    """The results of each text alone. A text that comes again is interpreted once."""
    found: Dict[str, List[Interpretation]] = {}
    for text in inputs:
        if str(text) not in found:
            found[str(text)] = interpreter.interpret_json(text)
    return [found[str(text)] for text in inputs]


def assert_alike(found: List[Interpretation], expected: List[Interpretation]) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert one.n_evaluations == other.n_evaluations
        assert one.target.label == other.target.label
        assert one.output == pytest.approx(other.output, abs=1e-5)
        assert one.baseline_output == pytest.approx(other.baseline_output, abs=1e-5)
        assert list(one.fields) == list(other.fields)
        size = sum(abs(s) for field in other.fields.values() for s in field.scores)
        for name, field in other.fields.items():
            assert one.fields[name].tokens == field.tokens
            assert one.fields[name].scores == pytest.approx(field.scores, abs=1e-5 * (1 + size))


@pytest.mark.parametrize("interpreter", METHODS)
@pytest.mark.parametrize("kind", EXAMPLE_INPUTS)
def test_the_scores_in_a_batch_are_the_scores_alone(kind: str, interpreter: Any) -> None:
    predictor = build_predictor(kind)
    together = interpreter(predictor)
    inputs = variations(EXAMPLE_INPUTS[kind])
    alone = interpreter(predictor)
    for result, expected in zip(together.interpret_batch_json(inputs), one_by_one(alone, inputs)):
        assert_alike(result, expected)
    saliency = together.saliency_interpret_batch_json(inputs[:3])
    expected = [alone.saliency_interpret_from_json(one) for one in inputs[:3]]
    for one, other in zip(saliency, expected):
        assert one.keys() == other.keys()
        for name, fields in other.items():
            for key, shares in fields.items():
                assert one[name][key] == pytest.approx(shares, abs=1e-5)


class MixesValues(BasicClassifier):
    """Other rows change a row's output, and not its gradient."""

    def forward(self, *args: Any, **kwargs: Any) -> Dict[str, Any]:  # type: ignore[override]
        outputs = super().forward(*args, **kwargs)
        fixed = outputs["logits"].detach()
        outputs["logits"] = outputs["logits"] + fixed.mean(dim=0, keepdim=True) - fixed
        outputs["probs"] = outputs["logits"].softmax(dim=-1)
        return outputs


@pytest.mark.parametrize(
    "kind",
    [
        MixesRows,
        MixesValues,
        MixesGradients,
        OneOnly,
        FirstRowOnly,
        MixesLongTexts,
        CountsPositions,
    ],
)
def test_texts_share_no_pass_if_that_would_change_them(kind: type) -> None:
    inputs = variations(EXAMPLE_INPUTS["lstm"])
    results = IntegratedGradient(as_kind(kind)).interpret_batch_json(inputs)
    for result, expected in zip(results, one_by_one(IntegratedGradient(as_kind(kind)), inputs)):
        assert_alike(result, expected)


class LabelsByTheBatch(BasicClassifier):
    """Its logits are those of each text, and its probabilities those of all texts of a batch."""

    def forward(self, *args: Any, **kwargs: Any) -> Dict[str, Any]:  # type: ignore[override]
        outputs = super().forward(*args, **kwargs)
        return {**outputs, "probs": outputs["logits"].softmax(dim=0)}


@pytest.mark.parametrize("interpreter", METHODS)
def test_texts_are_not_predicted_together_if_that_would_change_their_label(
    interpreter: Any,
) -> None:
    words = ("dull", "clever", "boring", "good")
    # Texts of other lengths are another pass.
    inputs = [{"sentence": f"a {word} film" + " ." * more} for more in (0, 20) for word in words]
    results = interpreter(as_kind(LabelsByTheBatch)).interpret_batch_json(inputs)
    expected = one_by_one(interpreter(as_kind(LabelsByTheBatch)), inputs)
    for [result], [alone] in zip(results, expected):
        assert_alike([result], [alone])
        assert result.target.probability == alone.target.probability == pytest.approx(1.0)


class ComparesRows(BasicClassifier):
    """Compares each row with all rows: a number for each pair. Those of a row alone are one."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        vectors = super().forward(tokens)["logits"]
        return {"logits": vectors @ vectors.t()}

    def make_output_human_readable(self, output_dict: Dict[str, Any]) -> Dict[str, Any]:
        return output_dict


@pytest.mark.parametrize("interpreter", METHODS)
def test_numbers_of_pairs_of_rows_are_not_those_of_rows(interpreter: Any) -> None:
    inputs = [{"sentence": f"a {word} film"} for word in ("dull", "clever", "boring")]
    results = interpreter(as_kind(ComparesRows)).interpret_batch_json(inputs)
    # One point in a pass.
    alone = interpreter(as_kind(ComparesRows), batch_size=1).interpret_batch_json(inputs)
    for result, expected in zip(results, alone):
        assert_alike(result, expected)


class LossOfShortTexts(BasicClassifier):
    """It has logits for long texts only."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        outputs = super().forward(tokens, label, metadata)
        if tokens["tokens"]["tokens"].size(1) < 3:
            outputs["probs"] = outputs.pop("logits").softmax(dim=-1)
        return outputs


@pytest.mark.parametrize("interpreter", METHODS)
def test_what_was_learnt_of_a_loss_does_not_hold_for_logits(interpreter: Any) -> None:
    short, long = {"sentence": "dull film"}, {"sentence": "a dull film"}
    together = interpreter(as_kind(LossOfShortTexts))
    [[first], [second]] = together.interpret_batch_json([short, long])
    assert first.output_name == "loss" and second.output_name == "logits"
    [expected] = interpreter(as_kind(LossOfShortTexts)).interpret_json(long)
    assert_alike([second], [expected])


def test_if_padding_matters_only_texts_of_equal_length_share_a_pass() -> None:
    long = " ".join(["a dull film"] * 5)
    inputs = [{"sentence": text} for text in (long, f"{long} .", long, f"{long} .")]
    results = IntegratedGradient(as_kind(CountsPositions)).interpret_batch_json(inputs)
    alone = IntegratedGradient(as_kind(CountsPositions))
    for result, expected in zip(results, one_by_one(alone, inputs)):
        assert_alike(result, expected)


class CountsUpToALimit(CountsPositions):
    """The first text is as long as it allows. So it cannot be padded to see what this changes."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        if tokens["tokens"]["tokens"].size(1) > 15:
            raise RuntimeError("too many positions")
        return super().forward(tokens, label, metadata)


def test_if_padding_cannot_be_tried_texts_of_other_lengths_share_no_pass() -> None:
    texts = [" ".join(["a dull film"] * count) for count in (5, 4)]
    inputs = [{"sentence": text} for text in (texts[0], texts[1], f"{texts[1]} .")]
    results = IntegratedGradient(as_kind(CountsUpToALimit)).interpret_batch_json(inputs)
    alone = [IntegratedGradient(as_kind(CountsUpToALimit)).interpret_json(one) for one in inputs]
    for [result], [expected] in zip(results, alone):
        assert result.scores == pytest.approx(expected.scores, rel=1e-4)


class Counting(BasicClassifier):
    """Counts forward passes, and their rows. A model's own attributes would be put back."""

    passes = rows = 0

    def forward(self, *args: Any, **kwargs: Any) -> Dict[str, Any]:  # type: ignore[override]
        outputs = super().forward(*args, **kwargs)
        Counting.passes += 1
        Counting.rows += len(outputs["logits"])
        return outputs


def passes_of(interpreter: PlannedInterpreter, inputs: List[JsonDict]) -> int:
    Counting.passes = 0
    interpreter.saliency_interpret_batch_json(inputs)
    return Counting.passes


@pytest.mark.parametrize(
    "interpreter, options",
    [
        (IntegratedGradient, {"n_steps": 10}),
        (IntegratedGradient, {"tolerance": 0.3}),
        (IntegratedGradient, {"n_steps": 10, "reduction": "l2"}),
        (GradientShap, {}),
    ],
)
def test_one_pass_predicts_and_one_evaluates_the_points(
    interpreter: Any, options: Dict[str, Any]
) -> None:
    interpreter = interpreter(as_kind(Counting), **options)
    inputs = EXAMPLE_INPUTS["lstm"]
    passes_of(interpreter, [inputs])  # This also probes the rows.
    assert passes_of(interpreter, [inputs]) == 2


def test_several_targets_share_the_prediction() -> None:
    interpreter = IntegratedGradient(as_kind(Counting), n_steps=10)
    inputs = EXAMPLE_INPUTS["lstm"]
    interpreter.interpret_json(inputs)
    interpreter.interpret_json(inputs, target=[0, 1])  # Holds it against rows alone.
    Counting.rows = 0
    results = interpreter.interpret_json(inputs, target=[0, 1])
    # The text, and for each target ten nodes with the text among them, and the baseline.
    assert len(results) == 2
    assert Counting.rows == 1 + 2 * 11


def test_texts_of_similar_length_share_passes() -> None:
    interpreter = IntegratedGradient(as_kind(Counting), n_steps=10)
    inputs = [EXAMPLE_INPUTS["lstm"]] * 8
    passes_of(interpreter, inputs)
    assert passes_of(interpreter, inputs) == 2
    assert passes_of(interpreter, [*inputs, {"sentence": "dull"}]) == 4


def test_the_points_of_a_path_may_take_several_passes() -> None:
    interpreter = IntegratedGradient(as_kind(Counting), n_steps=10, batch_size=4)
    inputs = EXAMPLE_INPUTS["lstm"]
    [together] = interpreter.interpret_json(inputs)
    assert passes_of(interpreter, [inputs]) == 1 + 3
    [alone] = IntegratedGradient(as_kind(Counting), n_steps=10).interpret_json(inputs)
    assert_alike([together], [alone])


@pytest.mark.parametrize("interpreter", METHODS)
def test_each_text_has_its_own_target(interpreter: Any) -> None:
    together = interpreter(build_predictor("lstm"))
    review = EXAMPLE_INPUTS["lstm"]
    targets: List[Any] = ["positive", None, ["negative", "positive"], 0]
    results = together.interpret_each([review] * 4, targets)
    for target, result in zip(targets, results):
        assert isinstance(result, list)
        assert_alike(result, together.interpret_json(review, target))


def test_a_text_that_fails_leaves_the_others_as_they_are() -> None:
    interpreter = IntegratedGradient(build_predictor("lstm"))
    review = EXAMPLE_INPUTS["lstm"]
    inputs = [review, {"sentence": ""}, review, {"text": "no such key"}, review, review]
    targets = [None, None, "no such label", None, None, None]
    found = interpreter.interpret_each(inputs, targets)
    assert [isinstance(one, Exception) for one in found] == [False, True, True, True, False, False]
    assert "has no tokens" in str(found[1]) and "no such label" in str(found[2])
    assert isinstance(found[3], InterpretationError)
    assert isinstance(found[3].__cause__, KeyError)
    [expected] = interpreter.interpret_json(review)
    for one in (found[0], found[4], found[5]):
        assert isinstance(one, list)
        assert_alike(one, [expected])
    with pytest.raises(InterpretationError, match="has no tokens"):
        interpreter.interpret_batch_json(inputs)


class SaysHowManyRows(BasicClassifier):
    def forward(self, *args: Any, **kwargs: Any) -> Dict[str, Any]:  # type: ignore[override]
        outputs = super().forward(*args, **kwargs)
        return {**outputs, "num_rows": [len(outputs["logits"])] * len(outputs["logits"])}


class LabelsLoneTexts(TextClassifierPredictor):
    """Fails to label a text that was predicted with others."""

    def predictions_to_labeled_instances(self, instance: Any, outputs: Any) -> List[Instance]:
        if outputs["num_rows"] > 1:
            raise ValueError("not alone")
        return super().predictions_to_labeled_instances(instance, outputs)


class FailsOnSeveralTexts(BasicClassifier):
    """Fails if it predicts several texts at once."""

    def forward(self, *args: Any, **kwargs: Any) -> Dict[str, Any]:  # type: ignore[override]
        outputs = super().forward(*args, **kwargs)
        if not torch.is_grad_enabled() and len(outputs["logits"]) > 1:
            raise ValueError("not alone")
        return outputs


@pytest.mark.parametrize(
    "model, predictor_class",
    [(SaysHowManyRows, LabelsLoneTexts), (FailsOnSeveralTexts, TextClassifierPredictor)],
)
def test_a_text_that_fails_in_a_batch_is_tried_alone(model: type, predictor_class: type) -> None:
    predictor = as_kind(model)
    predictor.__class__ = predictor_class
    interpreter = IntegratedGradient(predictor)
    review = EXAMPLE_INPUTS["lstm"]
    expected = interpreter.interpret_json(review)
    for found in interpreter.interpret_each([review] * 3):
        assert isinstance(found, list)
        assert_alike(found, expected)


def test_a_batch_takes_json_and_instances() -> None:
    predictor = build_predictor("lstm")
    interpreter = IntegratedGradient(predictor)
    review = EXAMPLE_INPUTS["lstm"]
    one, other = interpreter.interpret_each([review, predictor._json_to_instance(review)])
    assert isinstance(one, list) and isinstance(other, list)
    assert_alike(one, other)


def test_an_empty_batch_gives_an_empty_list() -> None:
    interpreter = IntegratedGradient(build_predictor("lstm"))
    assert interpreter.interpret_batch_json([]) == []
    assert interpreter.saliency_interpret_batch_json([]) == []


class RunsOutOfMemory(BasicClassifier):
    """Runs out of memory with more than three rows that need a gradient."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        if torch.is_grad_enabled() and len(tokens["tokens"]["tokens"]) > 3:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().forward(tokens, label, metadata)


@pytest.mark.parametrize("interpreter", METHODS)
def test_passes_shrink_if_memory_runs_out(interpreter: Any) -> None:
    review = EXAMPLE_INPUTS["lstm"]
    expected = interpreter(build_predictor("lstm")).interpret_json(review)
    assert_alike(interpreter(as_kind(RunsOutOfMemory)).interpret_json(review), expected)
