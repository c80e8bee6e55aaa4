"""Which objective explains an instance."""

import random
from typing import Any, List

import pytest
from allennlp.data import Instance
from allennlp.predictors import Predictor

from biome_interpret.models.labelling import labelled_instances
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.models.objectives import LabelObjective, Objective, objective_for
from biome_interpret.models.objectives.inference_modes import InferenceMode
from biome_interpret.models.registry import by_priority
from tests.kinds.predictors import KINDS
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

# In the order in which they are tried.
OURS = [
    "masked_words",
    "next_word",
    "constituents",
    "dependencies",
    "crf_tags",
    "tags",
    "dialog_answer",
    "answer_span",
    "copied_sequence",
    "bart_sequence",
    "t5_sequence",
    "sequence",
    "own_loss",
    "coreference",
    "answer",
    "alternative",
    "listed_labels",
    "multi_label",
    "label",
]
# Several classes take their labels.
CHOSEN = {
    "next word": "next_word",
    "masked words": "masked_words",
    "dependencies": "dependencies",
    "constituents": "constituents",
    "answers in a dialogue": "dialog_answer",
    "sequence, CopyNet": "copied_sequence",
    "sequence, bart": "bart_sequence",
    "sequence, attention": "sequence",
    "NAQANet, any answer": "answer",
    "multiple choice": "alternative",
    "classifier": "label",
}


def registered(name: str) -> type:
    return Objective._registry[Objective][name][0]


def register_in_order(monkeypatch: pytest.MonkeyPatch, names: List[str]) -> None:
    known: Any = Objective._registry
    monkeypatch.setitem(known, Objective, {name: known[Objective][name] for name in names})


def shuffled(seed: int) -> List[str]:
    return random.Random(seed).sample(OURS, len(OURS))


def chosen(predictor: Predictor, instance: Instance) -> type:
    return type(objective_for(predictor._model, instance, InferenceMode.of(None)))


@pytest.mark.parametrize("names", [OURS, OURS[::-1], shuffled(0)])
def test_the_order_does_not_depend_on_that_of_imports(
    monkeypatch: pytest.MonkeyPatch, names: List[str]
) -> None:
    register_in_order(monkeypatch, names)
    assert by_priority(Objective) == tuple(map(registered, OURS))


@pytest.mark.parametrize("name", CHOSEN)
def test_the_choice_does_not_depend_on_it_either(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    kind = KINDS.kinds[name]
    predictor = kind.build_or_skip()
    instance = InputText.read(predictor, kind.inputs)[0].instance
    output = predictor._model.forward_on_instance(instance)
    labelled = labelled_instances(predictor, instance, output)[0]
    for names in (OURS, OURS[::-1], shuffled(1)):
        register_in_order(monkeypatch, names)
        assert chosen(predictor, labelled) is registered(CHOSEN[name])


def test_a_crf_goes_before_plain_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, expected in (("simple_tagger", "tags"), ("crf_tagger", "crf_tags")):
        predictor = build_predictor(name)
        labelled = predictor.json_to_labeled_instances(EXAMPLE_INPUTS[name])[0]
        for names in (OURS, OURS[::-1]):
            register_in_order(monkeypatch, names)
            assert chosen(predictor, labelled) is registered(expected)


def test_a_class_of_the_users_own_goes_before_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = build_predictor("lstm")
    [instance] = predictor.json_to_labeled_instances(EXAMPLE_INPUTS["lstm"])
    assert chosen(predictor, instance) is LabelObjective

    class Own(LabelObjective):
        pass

    class Later(LabelObjective):
        pass

    class Last(LabelObjective):
        priority = -1000

    ours: Any = Objective._registry[Objective]
    for registry, expected in (
        # Also if it is registered before ours.
        ({"own": (Own, None), **ours}, Own),
        ({**ours, "own": (Own, None)}, Own),
        # Among equals, the latest.
        ({"own": (Own, None), "later": (Later, None), **ours}, Later),
        ({**ours, "last": (Last, None)}, LabelObjective),
    ):
        monkeypatch.setitem(Objective._registry, Objective, registry)  # type: ignore[arg-type]
        assert chosen(predictor, instance) is expected
