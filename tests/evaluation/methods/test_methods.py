"""The rows of a study on tiny models."""

from typing import Any, List

import numpy
import pytest
import torch
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient
from biome_interpret.attribution.coalitions import Units
from biome_interpret.evaluation.methods import (
    AllenNLPRow,
    CaptumRow,
    OwnRow,
    RandomRow,
    Scores,
    Text,
)
from biome_interpret.evaluation.methods.theirs import EVALUATIONS
from biome_interpret.interpreters.perturber import Perturber, Question
from biome_interpret.models.execution.altered import copied
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor


def text_of(name: str, predictor: Predictor, target: Any = None, inputs: Any = None) -> Text:
    def ask(units: Units) -> Any:
        [answer] = yield [frozenset()]
        return units, answer

    inputs = inputs or EXAMPLE_INPUTS[name]
    [(units, answer)] = Perturber(predictor, 0.0).results([Question(inputs, ask, target)])
    return Text(1, inputs, target, units, answer)


def scores_of(row: Any, text: Text) -> List[float]:
    [found] = row.scores([text])
    assert isinstance(found, Scores), found
    [scores] = found.draws
    return scores


class TestAllenNLPs:
    @pytest.mark.parametrize("name", EVALUATIONS)
    def test_the_scores_of_a_word_are_the_sum_of_its_tokens(self, name: str) -> None:
        predictor = build_predictor("bert")
        row = AllenNLPRow(name, copied(predictor), seed=3)
        text = text_of("bert", predictor)
        scores = scores_of(row, text)
        torch.manual_seed(3 * 1_000_003 + 1)
        theirs = SaliencyInterpreter.by_name(name)(copied(predictor))
        tokens = theirs.saliency_interpret_from_json(dict(text.inputs))["instance_1"][
            "grad_input_1"
        ]
        # The first and the last are special. They are no words.
        assert len(scores) == text.units.num < len(tokens) - 2
        assert sum(scores) == pytest.approx(sum(tokens[1:-1]))
        assert min(scores) >= 0 and not row.is_signed

    def test_fields_are_numbered_backwards(self) -> None:
        predictor = build_predictor("esim")
        text = text_of("esim", predictor)
        scores = scores_of(AllenNLPRow("simple-gradient", copied(predictor), 0), text)
        theirs = SaliencyInterpreter.by_name("simple-gradient")(copied(predictor))
        found = theirs.saliency_interpret_from_json(dict(text.inputs))["instance_1"]
        assert list(text.units.fields) == ["premise", "hypothesis"]
        assert scores == pytest.approx([*found["grad_input_2"], *found["grad_input_1"]])

    def test_the_model_and_random_numbers_stay_as_they_were(self) -> None:
        predictor = build_predictor("lstm")
        text = text_of("lstm", predictor)
        torch.manual_seed(1)
        expected = torch.rand(1)
        torch.manual_seed(1)
        scores_of(AllenNLPRow("smooth-gradient", copied(predictor), 0), text)
        assert torch.rand(1) == expected
        assert all(parameter.grad is None for parameter in predictor._model.parameters())

    def test_another_target_is_refused(self) -> None:
        predictor = build_predictor("lstm")
        row = AllenNLPRow("simple-gradient", copied(predictor), 0)
        [error] = row.scores([text_of("lstm", predictor, "negative")])
        assert "predicted label only" in str(error)

    def test_another_span_is_refused(self) -> None:
        """The tags are O I-PER U-LOC. AllenNLP takes the second span, since I- begins none."""
        predictor = build_predictor("simple_tagger")
        inputs = {"sentence": "in lives John"}
        assert predictor.predict_json(inputs)["tags"] == ["O", "I-PER", "U-LOC"]
        text = text_of("simple_tagger", predictor, inputs=inputs)
        [error] = AllenNLPRow("simple-gradient", copied(predictor), 0).scores([text])
        assert "another span" in str(error)
        scores_of(
            AllenNLPRow("simple-gradient", copied(predictor), 0),
            text_of("simple_tagger", predictor),
        )


class TestCaptums:
    @pytest.mark.parametrize("name", ["cnn", "lstm", "bert"])
    @pytest.mark.parametrize("target", [None, "negative"])
    def test_it_integrates_what_ours_does(self, name: str, target: Any) -> None:
        pytest.importorskip("captum")
        predictor = build_predictor(name, double=True)
        text = text_of(name, predictor, target)
        options: Any = {"granularity": "word", "granularity_aggregation_strategy": "sum"}
        ours = IntegratedGradient(predictor, n_steps=50, quadrature="gauss-legendre", **options)
        [found] = CaptumRow(predictor).scores([text])
        assert isinstance(found, Scores)
        expected = scores_of(OwnRow("ours", ours), text)
        assert found.draws[0] == pytest.approx(expected, rel=1e-4, abs=1e-6)
        [result] = ours.interpret_json(text.inputs, target)
        if name != "bert":  # Its delta is that of all embeddings, ours that of words.
            assert found.delta == pytest.approx(result.convergence_delta, rel=1e-3, abs=1e-6)

    def test_a_model_of_two_texts_is_refused(self) -> None:
        pytest.importorskip("captum")
        predictor = build_predictor("esim")
        [error] = CaptumRow(predictor).scores([text_of("esim", predictor)])
        assert "one text" in str(error)

    def test_a_model_of_one_logit_for_two_labels_is_refused(self) -> None:
        pytest.importorskip("captum")
        predictor = build_predictor("lstm")
        text = text_of("lstm", predictor)
        model: Any = predictor._model
        model._classification_layer = torch.nn.Linear(model._classification_layer.in_features, 1)
        [error] = CaptumRow(predictor).scores([text])
        assert "a number for each label" in str(error)


class TestRandom:
    def test_each_line_and_seed_has_its_own_scores(self) -> None:
        predictor = build_predictor("lstm")
        text = text_of("lstm", predictor)
        row = RandomRow(seed=5, num_seeds=4)
        found = row.scores([text, text._replace(line=2), text])
        first, second, again = (numpy.array(one.draws) for one in found)  # type: ignore[union-attr]
        assert first.shape == (4, text.units.num)
        assert (first == again).all() and (first != second).all()
        assert len(numpy.unique(first)) == first.size


class TestOurs:
    def test_other_units_are_an_error(self) -> None:
        predictor = build_predictor("bert")
        row = OwnRow("tokens", IntegratedGradient(predictor, granularity="token", n_steps=2))
        [error] = row.scores([text_of("bert", predictor)])
        assert "other words" in str(error)
