from typing import Any, List, cast

import pytest
import torch
from allennlp.common import JsonDict
from allennlp.data.fields import TextField
from allennlp.predictors import Predictor

from tests.tiny_models import EXAMPLE_INPUTS, REQUIRED_MODULES, build_predictor

TAGGERS = ["simple_tagger", "crf_tagger"]
OTHER_REVIEW = {"sentence": "a dull film"}
OTHER_PAIR = {"premise": "a boy eats an apple", "hypothesis": "nobody eats"}


def build(name: str, **kwargs: Any) -> Predictor:
    if name in REQUIRED_MODULES:
        pytest.importorskip(REQUIRED_MODULES[name])
    return build_predictor(name, **kwargs)


def logits_of(name: str, outputs: JsonDict) -> torch.Tensor:
    key = "label_logits" if "premise" in EXAMPLE_INPUTS[name] else "logits"
    return torch.tensor(outputs[key])


@pytest.mark.parametrize("name", EXAMPLE_INPUTS)
class TestEveryTinyModel:
    def test_predicts_and_gives_labeled_instances(self, name: str) -> None:
        predictor = build(name)
        outputs = predictor.predict_json(EXAMPLE_INPUTS[name])
        assert torch.isfinite(logits_of(name, outputs)).all()
        instances = predictor.json_to_labeled_instances(EXAMPLE_INPUTS[name])
        assert len(instances) >= (2 if name in TAGGERS else 1)
        assert not predictor._model.training

    def test_is_the_same_for_the_same_seed_only(self, name: str) -> None:
        example = EXAMPLE_INPUTS[name]
        state = torch.get_rng_state()
        first, again, other = [
            logits_of(name, build(name, seed=seed).predict_json(example)) for seed in (0, 0, 1)
        ]
        assert torch.equal(first, again)
        assert not torch.allclose(first, other, atol=0.05)
        assert torch.equal(state, torch.get_rng_state())

    def test_in_double_precision_gives_the_same_numbers(self, name: str) -> None:
        example = EXAMPLE_INPUTS[name]
        predictor = build(name, double=True)
        assert {parameter.dtype for parameter in predictor._model.parameters()} == {torch.float64}
        single = logits_of(name, build(name).predict_json(example))
        double = logits_of(name, predictor.predict_json(example))
        assert torch.allclose(single, double, atol=1e-4)

    def test_gives_gradients_that_are_not_nearly_zero(self, name: str) -> None:
        predictor = build(name)
        instances = predictor.json_to_labeled_instances(EXAMPLE_INPUTS[name])
        for instance in instances:
            gradients, _ = predictor.get_gradients([instance])
            for gradient in gradients.values():
                assert abs(gradient).max() > 1e-3


@pytest.mark.parametrize("name", TAGGERS)
def test_taggers_find_a_short_and_a_long_span(name: str) -> None:
    tags: List[str] = build(name).predict_json(EXAMPLE_INPUTS[name])["tags"]
    starts = {tag[0] for tag in tags}
    assert {"U", "B", "L"} <= starts


@pytest.mark.parametrize("name", sorted({*EXAMPLE_INPUTS} - {*TAGGERS}))
def test_classifiers_depend_on_their_input(name: str) -> None:
    predictor = build(name)
    other = OTHER_PAIR if "premise" in EXAMPLE_INPUTS[name] else OTHER_REVIEW
    outputs = [predictor.predict_json(inputs) for inputs in (EXAMPLE_INPUTS[name], other)]
    first, second = [logits_of(name, output) for output in outputs]
    assert abs(first - second).max() > 0.05


def test_overrides_reach_into_the_config() -> None:
    overrides = {"dataset_reader.tokenizer.type": "letters_digits"}
    predictor = build("lstm", **overrides)
    instance = predictor.json_to_labeled_instances({"sentence": "boring film!"})[0]
    assert [token.idx for token in cast(TextField, instance.fields["tokens"])] == [0, 7, 11]


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="linear"):
        build_predictor("no such model")
