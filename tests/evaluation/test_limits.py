from itertools import permutations
from typing import Any, List, Tuple

import numpy
import pytest

from biome_interpret.evaluation.inquiries import Figure, Limits, Settings
from biome_interpret.evaluation.limits import (
    find_limits,
    naopc_comprehensiveness,
    naopc_sufficiency,
    scores_of_order,
)
from tests.evaluation.answering import (
    Function,
    answered,
    interacting,
    linear,
    table,
    without_probability,
)


def limits_of(f: Function, num_words: int, **options: Any) -> Limits:
    found: Limits = answered(find_limits(num_words, **options), f, num_words)
    return found


def naopc(metric: Any, scores: List[float], f: Function) -> Figure:
    settings = Settings(limits=limits_of(f, len(scores)))
    found: Figure = answered(metric(scores, settings), f, len(scores))
    return found


def aopc(order: Tuple[int, ...], f: Function) -> float:
    words = frozenset(range(len(order)))
    drops = [f(words) - f(words - set(order[: i + 1])) for i in range(len(order))]
    return sum(drops) / len(drops)


def random_table(num_words: int, seed: int) -> Function:
    return table(numpy.random.default_rng(seed).random(2**num_words).tolist())


class TestExact:
    @pytest.mark.parametrize("seed", range(4))
    def test_the_limits_are_those_of_all_orders(self, seed: int) -> None:
        f = random_table(6, seed)
        of_all = [aopc(order, f) for order in permutations(range(6))]
        found = limits_of(f, 6)
        assert found.exact
        assert found.best == pytest.approx(max(of_all))
        assert found.worst == pytest.approx(min(of_all))
        assert aopc(tuple(found.best_order), f) == pytest.approx(max(of_all))
        assert aopc(tuple(found.worst_order), f) == pytest.approx(min(of_all))

    def test_the_limits_are_those_of_all_subsets(self) -> None:
        """8 words: the largest sum over all paths from the text to nothing, found the other way."""
        f = random_table(8, seed=1)
        words = frozenset(range(8))

        def longest(left: Any, sign: int) -> float:
            """Of the drops after the words in `left` are all that is left."""
            if (left, sign) not in memory:
                further = [
                    sign * (f(words) - f(left - {word})) + longest(left - {word}, sign)
                    for word in left
                ]
                memory[left, sign] = max(further, default=0.0)
            return memory[left, sign]

        memory: Any = {}
        asked: List[Any] = []
        found = answered(find_limits(8), f, 8, asked)
        assert found.best == pytest.approx(longest(words, 1) / 8)
        assert found.worst == pytest.approx(-longest(words, -1) / 8)
        # All subsets are asked for, each once and all at once.
        assert len(asked) == 1
        assert len(asked[0]) == len({*asked[0]}) == 2**8

    def test_on_an_additive_model_the_best_order_is_that_of_the_weights(self) -> None:
        found = limits_of(linear([0.1, 0.4, -0.2, 0.3]), 4)
        assert found.best_order == [1, 3, 0, 2]
        assert found.worst_order == [2, 0, 3, 1]

    def test_one_word_has_one_order(self) -> None:
        found = limits_of(linear([0.3]), 1)
        assert found.best == found.worst == pytest.approx(0.3)


class TestBeamSearch:
    @pytest.mark.parametrize("seed", range(6))
    def test_it_is_never_better_than_exact(self, seed: int) -> None:
        f = random_table(7, seed)
        exact, beam = limits_of(f, 7), limits_of(f, 7, max_exact=0, beam_width=2)
        assert exact.exact and not beam.exact
        assert beam.best <= exact.best + 1e-12
        assert beam.worst >= exact.worst - 1e-12
        assert aopc(tuple(beam.best_order), f) == pytest.approx(beam.best)
        assert aopc(tuple(beam.worst_order), f) == pytest.approx(beam.worst)

    def test_it_is_exact_with_enough_beams(self) -> None:
        """No level of 6 words has more than 20 subsets."""
        f = random_table(6, seed=0)
        exact, beam = limits_of(f, 6), limits_of(f, 6, max_exact=0, beam_width=20)
        assert beam.best == pytest.approx(exact.best)
        assert beam.worst == pytest.approx(exact.worst)

    @pytest.mark.parametrize("num_words", [6, 15])
    def test_it_is_exact_on_additive_models(self, num_words: int) -> None:
        weights = numpy.random.default_rng(num_words).normal(size=num_words)
        best = numpy.cumsum(numpy.sort(weights)[::-1]).mean()
        found = limits_of(linear(weights.tolist()), num_words, max_exact=0)
        assert found.best == pytest.approx(best)
        assert found.worst == pytest.approx(numpy.cumsum(numpy.sort(weights)).mean())

    def test_it_asks_level_by_level_for_a_bounded_number_of_subsets(self) -> None:
        asked: List[Any] = []
        answered(find_limits(13), interacting([0.1] * 13), 13, asked)
        assert len(asked) == 13
        for level, subsets in enumerate(asked, start=1):
            assert {len(subset) for subset in subsets} <= {0, level}
            assert len(subsets) <= 1 + 2 * 5 * 13
        assert sum(map(len, asked)) <= 5 * 13 * 14 + 13


@pytest.mark.parametrize("num_words", [5, 14])
class TestNaopc:
    def test_a_method_that_knows_the_metric_has_one_and_the_worst_has_zero(
        self, num_words: int
    ) -> None:
        f = interacting(numpy.random.default_rng(0).normal(size=num_words).tolist())
        limits = limits_of(f, num_words)
        best, worst = scores_of_order(limits.best_order), scores_of_order(limits.worst_order)
        assert naopc(naopc_comprehensiveness, best, f).value == pytest.approx(1)
        assert naopc(naopc_comprehensiveness, worst, f).value == pytest.approx(0)
        # The words that are best removed first are the worst to be called unimportant.
        best, worst = ([-score for score in scores] for scores in (worst, best))
        assert naopc(naopc_sufficiency, best, f).value == pytest.approx(1)
        assert naopc(naopc_sufficiency, worst, f).value == pytest.approx(0)

    def test_on_an_additive_model_the_weights_have_one_and_their_reverse_zero(
        self, num_words: int
    ) -> None:
        weights = numpy.random.default_rng(1).normal(size=num_words).tolist()
        reverse = [-weight for weight in weights]
        for metric in (naopc_comprehensiveness, naopc_sufficiency):
            assert naopc(metric, weights, linear(weights)).value == pytest.approx(1)
            assert naopc(metric, reverse, linear(weights)).value == pytest.approx(0)


@pytest.mark.parametrize("metric", [naopc_comprehensiveness, naopc_sufficiency])
class TestNoNaopc:
    def test_if_no_order_differs(self, metric: Any) -> None:
        found = naopc(metric, [1.0, 2.0], lambda left: 0.5 + 1e-9 * len(left))
        assert found == Figure(None, note="the best and the worst order do not differ")

    def test_without_limits(self, metric: Any) -> None:
        found = answered(metric([1.0], Settings()), linear([1.0]), 1)
        assert found == Figure(None, note="the limits of the text were not looked for")

    def test_without_probabilities(self, metric: Any) -> None:
        limits = limits_of(linear([1.0, 2.0]), 2)
        found = without_probability(metric([1.0, 2.0], Settings(limits=limits)))
        assert found == Figure(None, note="the model gives no finite probability")


@pytest.mark.parametrize("num_words", [3, 13])
def test_a_model_without_probabilities_has_no_limits(num_words: int) -> None:
    assert without_probability(find_limits(num_words)) is None


def test_a_text_without_words_has_no_limits() -> None:
    assert answered(find_limits(0), linear([]), 0) is None


def test_scores_of_an_order() -> None:
    assert scores_of_order([2, 0, 1]) == [2.0, 1.0, 3.0]
