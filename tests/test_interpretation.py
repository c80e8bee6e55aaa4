import json
import math

import pytest

from biome_interpret import (
    FieldScores,
    GradientShap,
    IntegratedGradient,
    Interpretation,
    Occlusion,
    Target,
)
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor


@pytest.mark.parametrize("interpreter", [IntegratedGradient, GradientShap])
@pytest.mark.parametrize("model", ["lstm", "esim", "crf_tagger", "bert_mismatched"])
def test_json_and_back(model: str, interpreter: type) -> None:
    for result in interpreter(build_predictor(model)).interpret_json(EXAMPLE_INPUTS[model]):
        assert result.method
        assert Interpretation.from_json(result.to_json()) == result
        assert Interpretation.from_json(json.loads(json.dumps(result.to_json()))) == result


@pytest.mark.parametrize("model", ["lstm", "esim"])
def test_json_and_back_of_interactions(model: str) -> None:
    interpreter = Occlusion(build_predictor(model), interactions=True)
    [result] = interpreter.interpret_json(EXAMPLE_INPUTS[model])
    found = json.loads(json.dumps(result.to_json()))
    assert Interpretation.from_json(found).interactions == result.interactions
    number = len(result.interactions.values)
    assert number == sum(len(field.tokens) for field in result.fields.values())
    pairs = found["interactions"]
    for wrong, what in (
        ({**pairs, "values": pairs["values"][1:]}, "the values of the interactions"),
        ({**pairs, "values": [[0.0]] * number}, f"must be {number} rows of {number} numbers"),
        ({**pairs, "standard_errors": [[1.0]]}, "the standard errors of the interactions"),
        ({**pairs, "values": [["x"]]}, "'values'.*must be a number"),
    ):
        with pytest.raises(ValueError, match=what):
            Interpretation.from_json({**found, "interactions": wrong})


def test_without_interactions_the_json_has_no_place_for_them() -> None:
    [result] = Occlusion(build_predictor("lstm")).interpret_json(EXAMPLE_INPUTS["lstm"])
    assert result.interactions is None and "interactions" not in result.to_json()


def test_json_and_back_of_every_field() -> None:
    given = {
        "fields": {"premise": {"tokens": ["é", "\u202e"], "scores": [0.1, -2.0], "key": "k_2"}},
        "target": {"label": "yes", "index": 1, "probability": 0.25, "words": "é"},
        "output": 1.5,
        "baseline_output": -0.5,
        "convergence_delta": 1e-9,
        "estimated_error": 0.01,
        "n_evaluations": 33,
        "standard_error": {"premise": [0.1, None]},
        "unassigned": 0.5,
        "notes": ["something fell back"],
        "probabilities": {"no": 0.75, "yes": 0.25},
        "method": "biome-gradient-shap",
        "output_name": "logits",
    }
    assert Interpretation.from_json(json.loads(json.dumps(given))).to_json() == given
    assert [*given] == [*Interpretation.from_json(given).to_json()]


def test_probabilities_that_are_not_finite_are_left_out() -> None:
    predictor = build_predictor("lstm")
    predictor._model._classification_layer.bias.data[1] = math.inf
    [result] = IntegratedGradient(predictor, target=0).interpret_json(EXAMPLE_INPUTS["lstm"])
    assert (result.target.probability, result.probabilities) == (None, None)
    assert result.notes == ["the model's probabilities are left out: some are not finite"]
    json.dumps(result.to_json(), allow_nan=False)


def test_json_of_something_else_is_refused_with_its_place() -> None:
    [result] = IntegratedGradient(build_predictor("lstm")).interpret_json(EXAMPLE_INPUTS["lstm"])
    good = json.loads(json.dumps(result.to_json()))
    [name] = good["fields"]
    scores = good["fields"][name]
    for bad, message in (
        ([good], "the result is .* and must be an object"),
        ({**good, "note": 1}, "the result has the unknown key 'note'"),
        ({**good, "output": 10**400}, "'output' is 1000.*, which is too large"),
        ({**good, "output": None}, "'output' is None and must be a number"),
        ({**good, "n_evaluations": True}, "'n_evaluations' is True and must be an integer"),
        ({**good, "target": "positive"}, "'target' is 'positive' and must be an object"),
        ({**good, "fields": {name: {"tokens": []}}}, "has no 'scores'"),
        ({**good, "fields": {name: {**scores, "scores": [1.0]}}}, "tokens, but 1 scores"),
        ({**good, "fields": {name: {**scores, "tokens": [1]}}}, "must be a string"),
        ({**good, "standard_error": {name: [1.0]}}, "tokens, but 1 standard errors"),
    ):
        with pytest.raises(ValueError, match=message):
            Interpretation.from_json(bad)


def test_the_only_field_has_a_short_way() -> None:
    [result] = IntegratedGradient(build_predictor("lstm")).interpret_json(EXAMPLE_INPUTS["lstm"])
    assert result.tokens == result.fields["tokens"].tokens
    assert result.scores == result.fields["tokens"].scores
    [pair] = IntegratedGradient(build_predictor("esim")).interpret_json(EXAMPLE_INPUTS["esim"])
    for name in ("tokens", "scores"):
        said = rf"several fields \('premise', 'hypothesis'\): take fields\[name\].{name}"
        with pytest.raises(AttributeError, match=said):
            getattr(pair, name)


def test_printed_results_are_short() -> None:
    words = {"tokens": FieldScores(["thin", "but", "fun", "."], [-1.73, 0.2, 2.26, 0.1], "k_1")}
    result = Interpretation(words, Target("positive", 0, 0.99996), 1.0)
    expected = "positive' > 99.9 %: fun +2.26, thin -1.73, but +0.2 and 1 more>"
    assert str(result) == repr(result) == f"<Interpretation for '{expected}"
    assert (
        repr(words["tokens"])
        == "<FieldScores of 4 tokens: fun +2.26, thin -1.73, but +0.2 and 1 more>"
    )
    assert repr(Interpretation({}, Target(), 1.0)) == "<Interpretation for the loss: no tokens>"
    span = Interpretation(words, Target("B-PER L-PER", None, 0.5, "Mary Smith"), 1.0)
    assert repr(span).startswith("<Interpretation for 'B-PER L-PER' of 'Mary Smith' 50.0 %: fun ")
    long = Interpretation(
        {"t": FieldScores(["x" * 999] * 99, [1.0] * 99, "k_1")}, Target("y" * 999), 1.0
    )
    assert len(repr(long)) < 250 and "\n" not in repr(long)


def test_a_data_frame_has_a_row_for_each_token() -> None:
    predictor, inputs = build_predictor("esim"), EXAMPLE_INPUTS["esim"]
    [result] = IntegratedGradient(predictor).interpret_json(inputs)
    frame = result.to_pandas()
    assert [*frame.columns] == [
        "field", "position", "token", "score", "share", "standard_error",
    ]  # fmt: skip
    hypothesis = frame[frame.field == "hypothesis"]
    assert hypothesis.token.tolist() == result.fields["hypothesis"].tokens
    assert hypothesis.score.tolist() == result.fields["hypothesis"].scores
    assert hypothesis.position.tolist() == [*range(len(hypothesis))]
    assert hypothesis.share.sum() == pytest.approx(1)
    assert frame.standard_error.isna().all()

    [sampled] = GradientShap(predictor).interpret_json(inputs)
    errors = sampled.to_pandas().standard_error
    assert not errors.isna().any() and math.isfinite(errors.sum())
