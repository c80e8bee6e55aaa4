"""Which output holds the logits, from what speaks for each."""

from typing import Any, Optional

import pytest
import torch
from allennlp.data import Vocabulary

from biome_interpret.errors import InterpretationError
from biome_interpret.models.objectives.reading import (
    FITS,
    LARGER,
    SMALLER,
    Candidate,
    are_probabilities,
    choose,
    keys_of_labels,
    named_output,
    namespaces_of_labels,
    own_names,
    rivals_of,
    trained_alike,
    with_dimensions,
)


def candidate(name: str = "logits", **known: Any) -> Candidate:
    """Of the right size, and nothing else is known."""
    unknown = {"lowers_loss": None, "gives_probabilities": None, "gives_label": None}
    is_called = name.endswith("logits")
    return Candidate(name, **{"is_called_logits": is_called, "size": FITS, **unknown, **known})


def chosen(*candidates: Candidate) -> Optional[str]:
    return choose(candidates, "Model")


class TestChoose:
    def test_a_single_one_called_logits_is_believed(self) -> None:
        assert chosen(candidate()) == "logits"
        assert chosen(candidate("scores")) is None
        assert chosen() is None

    @pytest.mark.parametrize(
        "against",
        [
            {"lowers_loss": False, "gives_label": True},
            {"gives_label": False},
            {"gives_probabilities": False},
            {"size": SMALLER, "lowers_loss": True},
        ],
    )
    def test_one_that_something_speaks_against_is_not(self, against: Any) -> None:
        assert chosen(candidate(**against)) is None

    def test_the_loss_and_a_label_count_more_than_a_name(self) -> None:
        topic = candidate("logits", gives_label=True)
        assert chosen(topic, candidate("tone", lowers_loss=True, gives_label=True)) == "tone"
        assert chosen(candidate("logits"), candidate("tone", lowers_loss=True)) == "tone"

    def test_a_loss_for_one_and_a_label_for_another_are_not_certain(self) -> None:
        topic = candidate("logits", gives_label=True)
        with pytest.raises(InterpretationError, match="'logits', 'tone' fit alike"):
            chosen(topic, candidate("tone", lowers_loss=True))

    def test_the_output_that_gives_the_probabilities_counts_most(self) -> None:
        trained = candidate("logits", lowers_loss=True, gives_label=True)
        assert chosen(trained, candidate("refined", gives_probabilities=True)) == "refined"

    def test_a_label_by_another_rule_does_not_speak_against_the_loss(self) -> None:
        assert chosen(candidate(lowers_loss=True, gives_label=False)) == "logits"

    def test_probabilities_count_more_than_the_size(self) -> None:
        right = candidate("a_logits", gives_probabilities=True, size=LARGER)
        assert chosen(right, candidate("b_logits")) == "a_logits"

    def test_of_two_the_one_that_follows_from_the_other(self) -> None:
        first = candidate("attention_logits", lowers_loss=True, above=("class_logits",))
        assert chosen(first, candidate("class_logits", lowers_loss=True)) == "class_logits"

    def test_logits_of_parts_are_not_those_of_the_text_if_both_fit(self) -> None:
        parts = candidate("part_logits", lowers_loss=True, gives_label=True, is_squeezed=True)
        own = candidate("logits", gives_probabilities=True, gives_label=True)
        both = parts._replace(gives_probabilities=True)
        assert chosen(both, own) == chosen(parts, own) == "logits"
        # The loss counts more than a shape.
        assert chosen(parts, candidate("logits", gives_label=True)) == "part_logits"
        assert chosen(both) == "part_logits"

    def test_two_that_fit_alike_are_refused_and_listed(self) -> None:
        with pytest.raises(InterpretationError, match="'a_logits', 'b_logits' fit alike.*`output`"):
            chosen(candidate("a_logits"), candidate("b_logits"))

    def test_a_name_does_not_decide_if_the_label_is_of_none(self) -> None:
        one = candidate("logits", lowers_loss=True, gives_label=False)
        other = candidate("scores", lowers_loss=True, gives_label=False)
        assert chosen(one) == "logits"
        with pytest.raises(InterpretationError, match="'logits', 'scores' fit alike"):
            chosen(one, other)


def test_others_that_the_loss_speaks_for() -> None:
    main = candidate("main", lowers_loss=True, gives_label=True)
    helper = candidate("aux", lowers_loss=True, gives_label=False)
    below = candidate("gate", lowers_loss=True, above=("main",))
    assert trained_alike([main, helper, below, candidate("logits")], "main") == ("aux",)
    known = candidate("main", lowers_loss=True, gives_probabilities=True)
    assert trained_alike([known, helper], "main") == trained_alike([helper], None) == ()


def test_namespaces_with_as_many_other_names() -> None:
    vocabulary = Vocabulary(non_padded_namespaces=["*labels", "topics"])
    for namespace in ("labels", "topics", "same_labels", "padded"):
        for name in ("a", "b") if namespace != "topics" else ("c", "d"):
            vocabulary.add_token_to_namespace(name, namespace)
    assert rivals_of(vocabulary, "labels", 2) == ("topics",)
    assert rivals_of(vocabulary, "labels", 4) == rivals_of(vocabulary, None, 2) == ()


def test_an_output_that_is_not_there_is_answered_with_those_that_are() -> None:
    outputs = {"tone_logits": torch.zeros(1, 2), "loss": torch.zeros(())}
    assert named_output(outputs, "tone_logits", "Model") == "tone_logits"
    with pytest.raises(InterpretationError, match="output is 'tone'.*'tone_logits'"):
        named_output(outputs, "tone", "Model")


@pytest.mark.parametrize(
    "shape, dims, expected",
    [
        ((3,), 2, (3, 1)),
        ((3, 1), 2, (3, 1)),
        ((3, 1, 5), 2, (3, 5)),
        ((1, 1, 5), 2, (1, 5)),
        ((3, 4, 5), 2, None),
        ((3, 4), 3, None),
        ((3, 4, 5), 3, (3, 4, 5)),
        ((), 2, None),
    ],
)
def test_dimensions(shape: Any, dims: int, expected: Any) -> None:
    found = with_dimensions(torch.zeros(shape), dims)
    assert (None if found is None else tuple(found.shape)) == expected


def test_the_model_s_own_name_for_a_label() -> None:
    said = {"tone": "warm", "words": ["a", "b"], "tags": [1, 2]}
    assert own_names(said, "tone") == ["warm"] and own_names(said, "words") == ["a", "b"]
    assert own_names(said, "tags") == own_names(said, "label") == own_names(said, None) == []
    assert keys_of_labels("y", "topic_logits") == ["y", "topic", "label", "labels"]
    assert keys_of_labels("label", "logits") == ["label", "labels"]


def test_probabilities_are_known_by_their_values() -> None:
    def are(name: str, *numbers: float) -> bool:
        return are_probabilities(name, torch.tensor([numbers]))

    assert are("scores", 0.2, 0.8) and are("probs", 0.9, 0.8)
    assert not are("scores", 0.9, 0.8) and not are("probs", 0.2, 1.8)
    assert not are("probe_logits", 0.3, 0.3)


def test_namespaces_for_labels_come_first() -> None:
    vocabulary = Vocabulary()
    for namespace in ("tokens", "topic_labels", "kinds"):
        vocabulary.add_token_to_namespace("one", namespace)
    assert namespaces_of_labels(vocabulary, "kinds") == ["kinds", "topic_labels", "tokens"]
    assert namespaces_of_labels(vocabulary, "labels") == ["topic_labels", "tokens", "kinds"]
