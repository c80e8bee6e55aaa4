"""Shapley values of texts against all orders of their words, and sampled against exact ones."""

from functools import lru_cache
from itertools import combinations, permutations
from math import factorial
from typing import Any, Dict, FrozenSet, List

import numpy
import pytest
from allennlp.common import JsonDict
from allennlp.common.checks import ConfigurationError
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter

from biome_interpret import Interpretation, Occlusion, ShapleySampling
from biome_interpret.attribution.coalitions import shapley
from tests.interpreters.test_occlusion import label_of, logit, scores_of
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

SHORT = {"sentence": "the film is clever"}
MIDDLE = {"sentence": "the film is not boring but clever"}
REVIEW = EXAMPLE_INPUTS["lstm"]


@lru_cache(maxsize=None)
def value(kind: str, text: str, removed: FrozenSet[int], label: int) -> float:
    """The plain predictor's logit for the text with unknown words in some places."""
    words = ["xyzzy" if i in removed else word for i, word in enumerate(text.split())]
    return logit(build_predictor(kind), {"sentence": " ".join(words)}, label)


def test_loads_by_name() -> None:
    assert SaliencyInterpreter.by_name("biome-shapley-sampling") is ShapleySampling


@pytest.mark.parametrize("kind", ["lstm", "cnn"])
def test_short_texts_are_exact_over_all_orders(kind: str) -> None:
    predictor = build_predictor(kind)
    interpreter = ShapleySampling(predictor, baseline="unknown", interactions=True)
    [found] = interpreter.interpret_json(SHORT)
    text, label = SHORT["sentence"], label_of(predictor, SHORT)
    expected = numpy.zeros(4)
    for order in permutations(range(4)):
        for place, unit in enumerate(order):
            later = frozenset(order[place + 1 :])
            expected[unit] += value(kind, text, later, label)
            expected[unit] -= value(kind, text, later | {unit}, label)
    expected /= factorial(4)
    assert scores_of(found) == pytest.approx(expected.tolist(), abs=1e-5)
    assert found.n_evaluations == 15 and found.standard_error is None
    nothing = value(kind, text, frozenset(range(4)), label)
    assert found.baseline_output == pytest.approx(nothing, abs=1e-5)
    assert found.convergence_delta == pytest.approx(0, abs=1e-5)
    for i, j in combinations(range(4), 2):
        others = sorted({*range(4)} - {i, j})
        total = 0.0
        for size in range(3):
            weight = factorial(2 - size) * factorial(size) / factorial(3)
            for kept in combinations(others, size):
                gone = frozenset(others) - {*kept}
                total += weight * (
                    value(kind, text, gone, label)
                    - value(kind, text, gone | {i}, label)
                    - value(kind, text, gone | {j}, label)
                    + value(kind, text, gone | {i, j}, label)
                )
        assert found.interactions.values[i][j] == pytest.approx(total, abs=1e-5)


def test_one_word_gets_all() -> None:
    [found] = ShapleySampling(build_predictor("lstm"), interactions=True).interpret_json(
        {"sentence": "film"}
    )
    assert found.scores == pytest.approx([found.output - found.baseline_output])
    assert found.interactions.values == [[0.0]]


@pytest.fixture
def always_sampled(monkeypatch: Any) -> None:
    monkeypatch.setattr(shapley, "MOST_EXACT_UNITS", 0)


def results(inputs: JsonDict, seeds: int, **options: Any) -> List[Interpretation]:
    predictor = build_predictor("lstm")
    return [
        ShapleySampling(predictor, seed=seed, **options).interpret_json(inputs)[0]
        for seed in range(seeds)
    ]


@pytest.mark.usefixtures("always_sampled")
class TestSampled:
    def exact(self, monkeypatch: Any) -> Interpretation:
        with monkeypatch.context() as patch:
            patch.setattr(shapley, "MOST_EXACT_UNITS", 12)
            return results(MIDDLE, 1, interactions=True)[0]

    def test_it_converges_to_the_exact_scores(self, monkeypatch: Any) -> None:
        exact = self.exact(monkeypatch)
        [found] = results(MIDDLE, 1, n_permutations=600, interactions=True)
        assert found.standard_error is not None and exact.standard_error is None
        size = max(map(abs, exact.scores))
        assert found.scores == pytest.approx(exact.scores, abs=0.03 * size)
        values, errors = found.interactions.values, found.interactions.standard_errors
        pairs = [*combinations(range(7), 2)]
        assert any(abs(exact.interactions.values[i][j]) > 6 * errors[i][j] for i, j in pairs)
        for i, j in pairs:
            difference = values[i][j] - exact.interactions.values[i][j]
            assert abs(difference) < 5 * errors[i][j] + 1e-6

    def test_standard_errors_are_honest_over_many_seeds(self, monkeypatch: Any) -> None:
        exact = self.exact(monkeypatch)
        found = results(MIDDLE, 150, n_permutations=12)
        scores = numpy.array([one.scores for one in found])
        errors = numpy.array([one.standard_error["tokens"] for one in found])
        deviation = scores.std(axis=0) / 150**0.5
        assert (numpy.abs(scores.mean(axis=0) - exact.scores) < 4.5 * deviation + 1e-6).all()
        ratios = numpy.square(errors).mean(axis=0) / scores.var(axis=0)
        assert ((ratios > 0.65) & (ratios < 1.5)).all()

    @pytest.mark.parametrize("removal", ["baseline", "delete"])
    def test_scores_of_any_sample_add_up(self, removal: str) -> None:
        [found] = results(REVIEW, 1, n_permutations=2, removal=removal)
        assert found.convergence_delta == pytest.approx(0, abs=1e-5)
        difference = found.output - found.baseline_output
        assert sum(found.scores) == pytest.approx(difference, abs=1e-5)

    def test_a_tolerance_adds_orders(self) -> None:
        counts = []
        for tolerance in (0.4, 0.05):
            [found] = results(REVIEW, 1, tolerance=tolerance, n_permutations=4)
            assert found.estimated_error <= tolerance and found.notes == []
            counts.append(found.n_evaluations)
        assert counts[0] < counts[1]

    def test_a_bound_that_is_reached_has_a_note(self) -> None:
        options = {"tolerance": 0.0001, "n_permutations": 4, "max_evaluations": 100}
        [found] = results(REVIEW, 1, **options)
        assert found.n_evaluations <= 100
        assert found.notes[0].startswith("stopped at max_evaluations = 100")

    def test_the_same_seed_gives_the_same_numbers_in_a_batch_and_alone(self) -> None:
        predictor = build_predictor("lstm")
        interpreter = ShapleySampling(predictor, seed=3, interactions=True)
        [alone] = interpreter.interpret_json(MIDDLE)
        together = interpreter.interpret_batch_json([SHORT, MIDDLE, REVIEW, MIDDLE])
        for found in (together[1][0], together[3][0]):
            assert found.scores == pytest.approx(alone.scores, abs=1e-5)
            for row, other in zip(found.interactions.values, alone.interactions.values):
                assert row == pytest.approx(other, abs=1e-5)
        [another] = ShapleySampling(predictor, seed=4).interpret_json(MIDDLE)
        assert another.scores != pytest.approx(alone.scores, abs=1e-5)


def test_a_text_of_more_than_twelve_words_is_sampled() -> None:
    words = "the film is not bad but long , dull or a story .".split()
    found = {n: results({"sentence": " ".join(words[:n])}, 1)[0] for n in (12, 13)}
    assert found[12].n_evaluations == 2**12 - 1 and found[12].standard_error is None
    assert found[13].standard_error is not None
    assert found[13].n_evaluations <= 16 * 12 + 1


@pytest.mark.parametrize("kind", ["esim", "bert", "simple_tagger"])
def test_scores_add_up_on_other_models(kind: str) -> None:
    predictor = build_predictor(kind)
    interpreter = ShapleySampling(predictor, granularity="word")
    for found in interpreter.interpret_json(EXAMPLE_INPUTS[kind]):
        difference = found.output - found.baseline_output
        assert sum(scores_of(found)) == pytest.approx(difference, abs=1e-4)
        assert found.convergence_delta == pytest.approx(0, abs=1e-4)


def test_of_two_words_it_is_the_mean_of_both_orders() -> None:
    predictor = build_predictor("lstm")
    text = {"sentence": "clever film"}
    [found] = ShapleySampling(predictor, interactions=True).interpret_json(text)
    [occlusion] = Occlusion(predictor, interactions=True).interpret_json(text)
    shared = occlusion.interactions.values[0][1]
    assert found.interactions.values[0][1] == pytest.approx(shared, abs=1e-5)
    expected = [score - shared / 2 for score in occlusion.scores]
    assert found.scores == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    "options, said",
    [
        ({"n_permutations": 1}, "n_permutations is 1; it must be an integer from 2"),
        ({"tolerance": 0}, "tolerance is 0"),
        ({"max_evaluations": 50}, "max_evaluations.* tolerance"),
        ({"removal": "drop"}, "removal is 'drop'.*'baseline', 'delete'"),
        ({"seed": "1"}, "seed is '1'"),
        ({"n_steps": 3}, "no option 'n_steps'; its options are"),
    ],
)
def test_wrong_options_are_named(options: Dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        ShapleySampling(build_predictor("lstm"), **options)


class TestMostEvaluations:
    """No text takes more points than are announced."""

    @pytest.mark.parametrize("num_words", [1, 5, 13, 14])
    @pytest.mark.parametrize(
        "options",
        [{}, {"interactions": True}, {"tolerance": 0.001}]
        + [{"tolerance": 0.9, "max_evaluations": 1}, {"removal": "delete"}],
    )
    def test_of_shapley_values(self, options: Dict[str, Any], num_words: int) -> None:
        self.check(ShapleySampling(build_predictor("linear"), **options), num_words)

    @pytest.mark.parametrize("options", [{}, {"interactions": True}])
    def test_of_occlusion(self, options: Dict[str, Any]) -> None:
        occlusion = Occlusion(build_predictor("linear"), **options)
        assert self.check(occlusion, 7) == occlusion.most_evaluations(7)

    def test_each_background_text_is_a_point(self) -> None:
        predictor = build_predictor("linear")
        background = [{"sentence": "a film"}, {"sentence": "the story"}]
        several = Occlusion(predictor, background=background)
        assert several.most_evaluations(7) == 2 * Occlusion(predictor).most_evaluations(7)

    @staticmethod
    def check(interpreter: Any, num_words: int) -> int:
        sentence = " ".join(["fun", "bad", "film"] * 5).split()[:num_words]
        [found] = interpreter.interpret_json({"sentence": " ".join(sentence)})
        evaluations: int = found.n_evaluations
        assert 0 < evaluations <= interpreter.most_evaluations(num_words)
        return evaluations
