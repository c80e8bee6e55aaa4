"""Questions about texts with words removed, against the plain predictor on such texts."""

import math
from typing import Any, Generator, List, Sequence

import pytest
from allennlp.common.checks import ConfigurationError

from biome_interpret import IntegratedGradient, InterpretationError
from biome_interpret.attribution.coalitions import Answer, Removed, Units
from biome_interpret.interpreters.perturber import Perturber, Question
from tests.interpreters.test_batching import Counting
from tests.interpreters.test_occlusion import PAIR, SHORT, label_of, logit, without
from tests.models.execution.test_probing import as_kind
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

Asking = Generator[Sequence[Removed], List[Answer], Any]

NOTHING: Removed = frozenset()


def asks(*subsets: Removed) -> Any:
    """An inquiry that asks these subsets, and returns their answers."""

    def ask(units: Units) -> Asking:
        answers = yield subsets
        return answers

    return ask


def greedy(units: Units) -> Asking:
    """Asks again and again: removes the unit whose removal costs most, and returns the order."""
    removed: List[int] = []
    while len(removed) < units.num:
        left = [i for i in range(units.num) if i not in removed]
        answers = yield [frozenset([*removed, i]) for i in left]
        _, worst = min(zip((answer.value for answer in answers), left))
        removed.append(worst)
    return removed


@pytest.mark.parametrize("kind", ["lstm", "bert"])
def test_words_are_left_out_and_answers_have_probabilities(kind: str) -> None:
    predictor = build_predictor(kind)
    subsets = [NOTHING, frozenset([0]), frozenset([1, 3]), NOTHING]
    [found] = Perturber(predictor).results([Question(SHORT, asks(*subsets))])
    label = label_of(predictor, SHORT)
    for answer, removed in zip(found, subsets):
        text = without(SHORT, *removed)
        assert answer.value == pytest.approx(logit(predictor, text, label), abs=1e-5)
        probability = predictor.predict_json(text)["probs"][label]
        assert answer.probability == pytest.approx(probability, abs=1e-5)


def test_a_baseline_replaces_words_and_answers_have_probabilities() -> None:
    predictor = build_predictor("lstm")
    perturber = Perturber(predictor, removal="unknown", inference_mode="log_softmax")
    [[whole, answer]] = perturber.results([Question(SHORT, asks(NOTHING, frozenset([1])))])
    label = label_of(predictor, SHORT)
    found = predictor.predict_json({"sentence": "the xyzzy is clever"})["probs"][label]
    assert answer.probability == pytest.approx(found, abs=1e-5)
    assert answer.value == pytest.approx(math.log(found), abs=1e-5)
    assert whole.probability == pytest.approx(predictor.predict_json(SHORT)["probs"][label])


@pytest.mark.parametrize("removal", ["delete", "unknown", 0.5])
def test_many_texts_share_passes_and_are_as_each_alone(removal: Any) -> None:
    perturber = Perturber(build_predictor("lstm"), removal=removal)
    texts = [SHORT, {"sentence": "a dull film"}, EXAMPLE_INPUTS["lstm"], SHORT]
    together = perturber.results([Question(text, greedy) for text in texts])
    alone = [perturber.results([Question(text, greedy)])[0] for text in texts]
    assert together == alone
    assert sorted(together[2]) == [*range(len(EXAMPLE_INPUTS["lstm"]["sentence"].split()))]


@pytest.mark.parametrize("removal", ["delete", "unknown"])
def test_questions_of_all_texts_share_passes_and_none_is_asked_twice(removal: str) -> None:
    perturber = Perturber(as_kind(Counting), removal=removal)
    questions = [Question(SHORT, asks(*[frozenset([i]) for i in (0, 1, 1, 0)]))] * 8
    perturber.results(questions)  # What is found out once takes passes of its own.
    Counting.passes = Counting.rows = 0
    perturber.results(questions)
    # The prediction, and a pass for all words. With a baseline, the texts join it as a check.
    assert Counting.passes == 2
    assert Counting.rows == 8 + 16 + (8 if removal == "unknown" else 0)


def test_units_go_through_all_fields() -> None:
    seen: List[Units] = []

    def ask(units: Units) -> Asking:
        seen.append(units)
        answers = yield [frozenset([1, 5])]
        return answers

    predictor = build_predictor("esim")
    [[answer]] = Perturber(predictor).results([Question(PAIR, ask)])
    assert seen[-1].fields == {name: text.split() for name, text in PAIR.items()}
    expected = logit(predictor, without(PAIR, 1, 5), label_of(predictor, PAIR))
    assert answer.value == pytest.approx(expected, abs=1e-5)


def test_each_question_has_its_target() -> None:
    predictor = build_predictor("lstm")
    questions = [Question(SHORT, asks(NOTHING), target) for target in ("positive", 1)]
    found = [answers[0].value for answers in Perturber(predictor).results(questions)]
    positive = predictor._model.vocab.get_token_index("positive", "labels")
    expected = [logit(predictor, SHORT, label) for label in (positive, 1)]
    assert found == pytest.approx(expected, abs=1e-5)


def test_the_first_span_of_a_tagger() -> None:
    predictor, text = build_predictor("simple_tagger"), EXAMPLE_INPUTS["simple_tagger"]
    [[answer]] = Perturber(predictor, removal="unknown").results([Question(text, asks(NOTHING))])
    first, *others = IntegratedGradient(predictor, n_steps=2).interpret_json(text)
    assert others and answer.value == pytest.approx(first.output)


def test_a_text_that_fails_leaves_the_others_as_they_are() -> None:
    perturber = Perturber(build_predictor("lstm"))
    questions = [Question(text, asks(NOTHING)) for text in (SHORT, {"sentence": ""}, SHORT)]
    first, empty, last = perturber.results(questions)
    assert first == last and isinstance(empty, InterpretationError)


def test_an_inquiry_that_fails_is_an_error_of_its_text() -> None:
    def ask(units: Units) -> Asking:
        yield [NOTHING]
        raise ZeroDivisionError("by the metric")

    predictor = build_predictor("lstm")
    questions = [Question(SHORT, ask), Question(SHORT, asks(NOTHING))]
    one, [other] = Perturber(predictor).results(questions)
    assert "by the metric" in str(one)
    expected = logit(predictor, SHORT, label_of(predictor, SHORT))
    assert other.value == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"removal": "drop"}, "removal is 'drop'.*'delete'.*'padding'"),
        ({"granularity": "paragraph"}, "granularity is 'paragraph'.*'token'"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"output": 3}, "output is 3"),
    ],
)
def test_wrong_options_are_named(options: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Perturber(build_predictor("lstm"), **options)
