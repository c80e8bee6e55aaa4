"""A predictor that predicts in a way of its own, which is not explained, is noticed."""

import re
from typing import Any, List, Type

import pytest
import torch
from allennlp.common import JsonDict
from allennlp.data import Batch, Instance
from allennlp.models import Model
from allennlp.predictors import Predictor, TextClassifierPredictor

from biome_interpret import IntegratedGradient
from tests.kinds.others.records import INPUTS, Classifier, Outputs, maker


class Scaled(Classifier):
    """Its logits have a factor, and are left out unless a flag is set."""

    scale = 1.0
    return_logits = True

    def outputs(self, logits: torch.Tensor) -> Outputs:
        outputs = super().outputs(logits * self.scale)
        if not self.return_logits:
            outputs.pop("logits")
        return outputs


class NoLogits(Scaled):
    return_logits = False


class SetsAFlag(TextClassifierPredictor):
    def predict_instance(self, instance: Instance) -> JsonDict:
        self._model.return_logits = True
        return super().predict_instance(instance)


class SetsTheScale(TextClassifierPredictor):
    def predict_json(self, inputs: JsonDict) -> JsonDict:
        self._model.scale = 3.0
        return super().predict_json(inputs)


class SetsTheScaleOfABatch(TextClassifierPredictor):
    def predict_batch_instance(self, instances: List[Instance]) -> List[JsonDict]:
        self._model.scale = 3.0
        return super().predict_batch_instance(instances)


class AddsAPrompt(TextClassifierPredictor):
    def predict_json(self, inputs: JsonDict) -> JsonDict:
        return super().predict_json({"sentence": f"very good {inputs['sentence']}"})


class SplitsLongTexts(TextClassifierPredictor):
    def predict_json(self, inputs: JsonDict) -> JsonDict:
        words = inputs["sentence"].split()
        parts = [" ".join(words[i : i + 6]) for i in range(0, len(words), 6)]
        return {
            "parts": [super(SplitsLongTexts, self).predict_json({"sentence": p}) for p in parts]
        }


class RenamesAndRounds(TextClassifierPredictor):
    def predict_instance(self, instance: Instance) -> JsonDict:
        outputs = super().predict_instance(instance)
        shares = [round(100 * share) for share in outputs["probs"]]
        return {"percent": shares, "label": outputs["label"].upper()}


class Interprets(TextClassifierPredictor):
    """Its predictions have scores."""

    def predict_json(self, inputs: JsonDict) -> JsonDict:
        scores = IntegratedGradient(self, n_steps=2).saliency_interpret_from_json(inputs)
        return {**super().predict_json(inputs), "scores": scores}


class RunsTheModelItself(TextClassifierPredictor):
    def predict_json(self, inputs: JsonDict) -> JsonDict:
        batch = Batch([self._json_to_instance(inputs)])
        batch.index_instances(self._model.vocab)
        return {"probs": self._model(**batch.as_tensor_dict())["probs"].tolist()}


class PredictsInABatch(TextClassifierPredictor):
    def predict_batch_json(self, inputs: List[JsonDict]) -> List[JsonDict]:
        return self.predict_batch_instance([self._json_to_instance(one) for one in inputs])


class FailsToPredict(TextClassifierPredictor):
    def predict_json(self, inputs: JsonDict) -> JsonDict:
        raise ValueError("no")


def notes(predictor: Predictor) -> List[str]:
    results = IntegratedGradient(predictor, n_steps=5).interpret_batch_json(INPUTS)
    found = [[note for note in one.notes if "at least one input" in note] for [one] in results]
    assert all(one == found[0] for one in found)
    return found[0]


@pytest.mark.parametrize(
    ("model", "predictor", "says"),
    [
        (NoLogits, SetsAFlag, "SetsAFlag.predict_instance gets other outputs.*'logits'"),
        (Scaled, SetsTheScale, "SetsTheScale.predict_json gets other outputs.*'logits', 'probs'"),
        (Scaled, SetsTheScaleOfABatch, "predict_batch_instance gets other outputs"),
        (Classifier, AddsAPrompt, "AddsAPrompt.predict_json gives the model another text"),
        (Classifier, SplitsLongTexts, "SplitsLongTexts.predict_json gives the model another text"),
    ],
)
def test_what_a_predictor_changes_is_noted(model: Any, predictor: Any, says: str) -> None:
    made = maker(model, predictor)()
    before = dict(vars(made._model))
    [found] = notes(made)
    assert re.search(says, found)
    assert vars(made._model) == before


@pytest.mark.parametrize(
    "predictor",
    [RenamesAndRounds, Interprets, RunsTheModelItself, PredictsInABatch, FailsToPredict],
)
def test_what_a_predictor_does_with_the_outputs_is_not_noted(predictor: Type[Predictor]) -> None:
    assert notes(maker(Classifier, predictor)()) == []


def test_an_instance_is_compared_with_the_prediction_of_an_instance() -> None:
    for model, predictor, expected in [(Scaled, SetsTheScale, 0), (NoLogits, SetsAFlag, 1)]:
        made: Any = maker(model, predictor)()
        [result] = IntegratedGradient(made, n_steps=5).interpret_instance(
            made._json_to_instance(INPUTS[-1])
        )
        assert sum("at least one input" in note for note in result.notes) == expected


def test_the_predictors_of_allennlp_are_not_run() -> None:
    """Nor those that inherit their methods."""

    class Inherits(TextClassifierPredictor):
        pass

    def num_predicted(predictor: Type[Predictor]) -> int:
        made = maker(Classifier, predictor)()
        model: Model = made._model
        forward, calls = model.forward_on_instances, []
        vars(model)["forward_on_instances"] = lambda texts: calls.append(texts) or forward(texts)
        IntegratedGradient(made, n_steps=5).interpret_batch_json(INPUTS)
        return len(calls)

    usual = num_predicted(TextClassifierPredictor)
    assert num_predicted(Inherits) == usual
    assert num_predicted(RenamesAndRounds) == usual + 3
