"""The trace of a prediction pass takes the place of a pass over the labelled texts."""

from typing import Any, Dict, List

import pytest
import torch
from allennlp.data.fields import TensorField
from allennlp.models import BasicClassifier
from allennlp.predictors import Predictor

from biome_interpret.models.embedding.finders import find_sites
from biome_interpret.models.execution.prediction import predict
from biome_interpret.models.objectives import objective_for
from biome_interpret.models.objectives.inference_modes import Logits
from tests.models.execution.batches import batch_of, instances_of
from tests.models.execution.test_probing import as_kind
from tests.tiny_models import build_predictor

LONG, SHORT = "the film is not boring", "a dull film"


def predicted(predictor: Predictor, sentences: List[str], labels: List[int]) -> Any:
    instances = instances_of(predictor, sentences, labels)
    return predict(predictor._model, find_sites(predictor), instances)


def test_it_gives_what_forward_on_instances_gives() -> None:
    predictor = build_predictor("lstm")
    outputs, _ = predicted(predictor, [LONG, SHORT], [])
    instances = instances_of(predictor, [LONG, SHORT])
    for found, expected in zip(outputs, predictor._model.forward_on_instances(instances)):
        assert found.keys() == expected.keys()
        assert found["logits"].tolist() == pytest.approx(expected["logits"].tolist())


def test_a_trace_serves_the_batch_of_its_texts() -> None:
    predictor = build_predictor("lstm")
    _, prediction = predicted(predictor, [LONG, SHORT], [])
    sentences, labels = [SHORT, LONG, SHORT], [0, 1, 1]
    expected = batch_of(predictor, sentences, labels)
    passes: List[int] = []
    predictor._model.register_forward_hook(lambda *_: passes.append(1))
    reading = expected.objective.reading
    found = batch_of(
        predictor, sentences, labels, reading, prediction=prediction, prediction_rows=[1, 0, 1]
    )
    assert passes == []
    assert found.outputs == pytest.approx(expected.outputs, abs=1e-6)
    for call, other in zip(found.calls, expected.calls):
        assert call.key == other.key
        assert torch.equal(call.embedded, other.embedded)
        assert torch.equal(call.owners, other.owners)


def test_a_text_with_other_padding_has_no_trace() -> None:
    predictor = build_predictor("lstm")
    _, prediction = predicted(predictor, [LONG, SHORT], [])
    [long, short] = instances_of(predictor, [LONG, SHORT], [0, 0])
    objective = objective_for(predictor._model, long, Logits())
    assert prediction.for_batch([0], [long], objective) is not None
    assert prediction.for_batch([1], [short], objective) is None


def test_another_text_has_no_trace() -> None:
    predictor = build_predictor("lstm")
    _, prediction = predicted(predictor, ["a dull film"], [])
    other = instances_of(predictor, ["a clever film"], [0])
    objective = objective_for(predictor._model, other[0], Logits())
    assert prediction.for_batch([0], other, objective) is None


def test_a_text_with_another_feature_has_no_trace() -> None:
    predictor = build_predictor("lstm")
    _, prediction = predicted(predictor, [SHORT], [])
    prediction.tensors["feature"] = torch.tensor([[1.0, 2.0]])
    [instance] = instances_of(predictor, [SHORT], [0])
    objective = objective_for(predictor._model, instance, Logits())
    for values, has_trace in (([1.0, 2.0], True), ([1.0, 3.0], False)):
        instance.add_field("feature", TensorField(torch.tensor(values)))
        assert (prediction.for_batch([0], [instance], objective) is not None) is has_trace


def test_the_loss_of_the_labels_that_were_predicted_is_dropped() -> None:
    predictor = build_predictor("lstm")
    _, prediction = predicted(predictor, [SHORT], [0])
    assert "loss" in prediction.outputs
    instances = instances_of(predictor, [SHORT], [1])
    objective = objective_for(predictor._model, instances[0], Logits())
    found = prediction.for_batch([0], instances, objective)
    assert "loss" not in found.outputs
    assert found.tensors["label"].tolist() == [1]


class RunsEachTextAlone(BasicClassifier):
    def forward_on_instances(self, instances: Any) -> Any:
        return [super(RunsEachTextAlone, self).forward_on_instances([one])[0] for one in instances]


class RunsTwice(BasicClassifier):
    def forward_on_instances(self, instances: Any) -> Any:
        super().forward_on_instances(instances)
        return super().forward_on_instances(instances)


@pytest.mark.parametrize("model_class", [RunsEachTextAlone, RunsTwice])
def test_a_model_that_is_run_twice_has_no_trace(model_class: type) -> None:
    predictor = as_kind(model_class)
    outputs, prediction = predicted(predictor, [LONG, SHORT], [])
    assert len(outputs) == 2
    assert prediction is None


class EmbedsOtherIds(BasicClassifier):
    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Dict[str, Any]:
        return super().forward({"tokens": {"tokens": torch.ones_like(tokens["tokens"]["tokens"])}})


def test_a_model_that_embeds_no_text_has_no_trace() -> None:
    _, prediction = predicted(as_kind(EmbedsOtherIds), [LONG], [])
    assert prediction is None
