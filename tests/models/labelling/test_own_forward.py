"""A model that returns other outputs than those of its `forward` is noticed."""

from typing import Any, Dict, List, Type

import pytest
import torch
from allennlp.data import Instance
from allennlp.data.fields import TextField
from allennlp.models import Model

from biome_interpret import IntegratedGradient
from biome_interpret.errors import InterpretationError
from tests.kinds.others.records import INPUTS, LABELS, Classifier, maker

Said = Dict[str, Any]

SAYS = "gives other outputs than the model's `forward`"


def with_logits(model: Model, output: Said, logits: Any) -> Said:
    probs = torch.as_tensor(logits).softmax(dim=-1).numpy()
    label = model.vocab.get_token_from_index(int(probs.argmax()), "labels")
    return {**output, "logits": logits, "probs": probs, "label": label}


def backwards(instance: Instance) -> Instance:
    field: Any = instance["tokens"]
    return Instance({"tokens": TextField(field.tokens[::-1], field.token_indexers)})


class ReadsBothWays(Classifier):
    """The mean over a text and its reverse."""

    def forward_on_instances(self, instances: List[Instance]) -> List[Said]:
        found = super().forward_on_instances(instances)
        turned = super().forward_on_instances([backwards(one) for one in instances])
        return [
            with_logits(self, one, (one["logits"] + other["logits"]) / 2)
            for one, other in zip(found, turned)
        ]


class ScalesOne(Classifier):
    """Only one text at a time."""

    def forward_on_instance(self, instance: Instance) -> Said:
        found = super().forward_on_instance(instance)
        return with_logits(self, found, found["logits"] / 3)


class SetsTheScale(Classifier):
    scale = 1.0

    def forward_on_instance(self, instance: Instance) -> Said:
        self.scale = 3.0
        return super().forward_on_instance(instance)

    def scores(self, vector: torch.Tensor) -> torch.Tensor:
        return super().scores(vector) * self.scale


class AddsAndRenames(Classifier):
    """What is compared stays as it is."""

    def forward_on_instances(self, instances: List[Instance]) -> List[Said]:
        found = super().forward_on_instances(instances)
        return [{**one, "words": str(text["tokens"])} for one, text in zip(found, instances)]


class RunsInParts(Classifier):
    def forward_on_instances(self, instances: List[Instance]) -> List[Said]:
        return [super(RunsInParts, self).forward_on_instances([one])[0] for one in instances]


def notes(model: Type[Model], inputs: Any) -> List[str]:
    [result] = IntegratedGradient(maker(model)(), n_steps=5).interpret_json(inputs)
    return [note for note in result.notes if SAYS in note]


@pytest.mark.parametrize("inputs", INPUTS)
def test_the_text_has_a_note_if_its_own_outputs_differ(inputs: Any) -> None:
    words = inputs["sentence"].split()
    [found] = notes(ReadsBothWays, inputs) or [""]
    assert bool(found) == (words != words[::-1])
    if found:
        assert "ReadsBothWays.forward_on_instances" in found and "'logits', 'probs'" in found


def test_the_same_in_a_batch() -> None:
    results = IntegratedGradient(maker(ReadsBothWays)(), n_steps=5).interpret_batch_json(INPUTS)
    found = [any(SAYS in note for note in one.notes) for [one] in results]
    assert found == [bool(notes(ReadsBothWays, inputs)) for inputs in INPUTS]


def test_a_method_for_one_text_is_compared_too() -> None:
    [found] = notes(ScalesOne, INPUTS[-1])
    assert found.startswith("ScalesOne.forward_on_instance gives")


def test_what_the_method_changes_is_put_back() -> None:
    [result], [usual] = (
        IntegratedGradient(maker(one)(), n_steps=5).interpret_json(INPUTS[-1])
        for one in (SetsTheScale, Classifier)
    )
    assert any(SAYS in note for note in result.notes)
    assert (result.output, result.scores) == (usual.output, usual.scores)


@pytest.mark.parametrize("model", [Classifier, AddsAndRenames, RunsInParts])
def test_a_method_with_the_outputs_of_forward_has_no_note(model: Type[Model]) -> None:
    for inputs in INPUTS:
        assert notes(model, inputs) == []


class NamesTheWorst(Classifier):
    """The logits stay as they are, and another label is named."""

    def forward_on_instances(self, instances: List[Instance]) -> List[Said]:
        found = super().forward_on_instances(instances)
        return [{**one, "label": LABELS[int(one["logits"].argmin())]} for one in found]


def test_a_refusal_names_the_method_that_names_another_label() -> None:
    with pytest.raises(InterpretationError, match="the model calls its prediction") as error:
        notes(NamesTheWorst, INPUTS[-1])
    assert "NamesTheWorst.forward_on_instances gives" in str(error.value)
    assert "'label'" in str(error.value)
