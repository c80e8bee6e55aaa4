import math
from math import log
from typing import Any, Callable, List

import numpy
import pytest

from biome_interpret.evaluation import removal
from biome_interpret.evaluation.inquiries import Figure, Settings
from tests.evaluation.answering import answered, interacting, linear, table, without_probability

# In order of support: 3, 0, 4, 1, 2.
WEIGHTS = [0.2, -0.1, -0.15, 0.3, 0.05]
F = linear(WEIGHTS, bias=0.4)

ALL = [
    removal.comprehensiveness,
    removal.sufficiency,
    removal.comprehensiveness_deciles,
    removal.sufficiency_deciles,
    removal.log_odds,
    removal.deletion,
    removal.insertion,
    removal.aopc,
]


def figure(metric: Callable[..., Any], scores: List[float], f: Any, **settings: Any) -> Figure:
    found: Figure = answered(metric(scores, Settings(**settings)), f, len(scores))
    return found


class TestSizes:
    def test_eraser_rounds_up(self) -> None:
        # 5 words: 0.05, 0.25, 0.5, 1 and 2.5 words.
        assert removal.eraser_sizes(5) == [1, 1, 1, 1, 3]
        # 30 words: 0.3, 1.5, 3, 6, 15.
        assert removal.eraser_sizes(30) == [1, 2, 3, 6, 15]
        # 100 words: no rounding, although 0.01 · 100 may not be 1 in binary.
        assert removal.eraser_sizes(100) == [1, 5, 10, 20, 50]
        assert removal.eraser_sizes(0) == []

    def test_ferret_rounds_down_and_leaves_out_empty_and_repeated_bins(self) -> None:
        # 5 words: 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5.
        assert removal.decile_sizes(5) == [1, 2, 3, 4, 5]
        assert removal.decile_sizes(10) == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
        # 3 words: 0.3, 0.6, 0.9, 1.2, 1.5, 1.8, 2.1, 2.4, 2.7, 3.
        assert removal.decile_sizes(3) == [1, 2, 3]
        assert removal.decile_sizes(0) == []


class TestHandComputed:
    """All scores are the weights."""

    def test_comprehensiveness(self) -> None:
        # Four bins of one word lose 0.3. One bin of three words loses 0.3 + 0.2 + 0.05 = 0.55.
        expected = (4 * 0.3 + 0.55) / 5
        assert figure(removal.comprehensiveness, WEIGHTS, F) == Figure(pytest.approx(expected))

    def test_sufficiency(self) -> None:
        # The text has 0.4 + 0.3 = 0.7. One word alone has 0.4 + 0.3, three words have 0.4 + 0.55.
        expected = (4 * (0.7 - 0.7) + (0.7 - 0.95)) / 5
        assert figure(removal.sufficiency, WEIGHTS, F) == Figure(pytest.approx(expected))

    def test_comprehensiveness_deciles_counts_the_bins_left_out(self) -> None:
        # 1, 2, 3, 4, 5 words lose 0.3, 0.5, 0.55, 0.45, 0.3.
        expected = (0.3 + 0.5 + 0.55 + 0.45 + 0.3) / 5
        found = figure(removal.comprehensiveness_deciles, WEIGHTS, F)
        assert found == Figure(pytest.approx(expected), left_out=5)

    def test_sufficiency_deciles(self) -> None:
        # The text has 0.7. 1, 2, 3, 4, 5 words have 0.7, 0.9, 0.95, 0.85, 0.7.
        expected = 0.7 - (0.7 + 0.9 + 0.95 + 0.85 + 0.7) / 5
        found = figure(removal.sufficiency_deciles, WEIGHTS, F)
        assert found == Figure(pytest.approx(expected), left_out=5)

    def test_log_odds(self) -> None:
        # 20 % of 5 words is one word: 0.4 is left of 0.7.
        assert figure(removal.log_odds, WEIGHTS, F).value == pytest.approx(log(0.4) - log(0.7))

    def test_log_odds_rounds_up_and_is_finite(self) -> None:
        # 20 % of 6 words are 2 words. The second one brings p to 0.
        f = linear([0.5, 0.5, 0.0, 0.0, 0.0, 0.0])
        scores = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
        assert figure(removal.log_odds, scores, f).value == pytest.approx(log(1e-12))

    def test_deletion(self) -> None:
        # p after 0, ..., 5 words: 0.7, 0.4, 0.2, 0.15, 0.25, 0.4. Trapezoids of width 0.2.
        expected = 0.2 * (0.7 / 2 + 0.4 + 0.2 + 0.15 + 0.25 + 0.4 / 2)
        found = figure(removal.deletion, WEIGHTS, F, steps=5)
        assert found.value == pytest.approx(expected)
        assert found.curve == pytest.approx([0.7, 0.4, 0.2, 0.15, 0.25, 0.4])

    def test_insertion(self) -> None:
        # p with 0, ..., 5 words: 0.4, 0.7, 0.9, 0.95, 0.85, 0.7.
        expected = 0.2 * (0.4 / 2 + 0.7 + 0.9 + 0.95 + 0.85 + 0.7 / 2)
        found = figure(removal.insertion, WEIGHTS, F, steps=5)
        assert found.value == pytest.approx(expected)
        assert found.curve == pytest.approx([0.4, 0.7, 0.9, 0.95, 0.85, 0.7])

    def test_curves_in_few_steps_take_several_words_in_each(self) -> None:
        # Two steps of 5 words: 0, 2.5, rounded to 3, and 5 words. Trapezoids of width 0.6 and 0.4.
        found = figure(removal.deletion, WEIGHTS, F, steps=2)
        assert found.value == pytest.approx(0.6 * (0.7 + 0.15) / 2 + 0.4 * (0.15 + 0.4) / 2)
        # The middle of the curve lies between 0 and 3 words, at 2.5.
        assert found.curve == pytest.approx([0.7, 0.7 + (0.15 - 0.7) * 2.5 / 3, 0.4])

    def test_curves_of_few_words_take_one_in_each_step(self) -> None:
        # p after 0, 1, 2 words: 0.9, 0.5, 0.1, which is a line.
        found = figure(removal.deletion, [1.0, 1.0], linear([0.4, 0.4], 0.1), steps=4)
        assert found.value == pytest.approx(0.5)
        assert found.curve == pytest.approx([0.9, 0.7, 0.5, 0.3, 0.1])

    def test_aopc(self) -> None:
        expected = (0.3 + 0.5 + 0.55 + 0.45 + 0.3) / 5
        assert figure(removal.aopc, WEIGHTS, F) == Figure(pytest.approx(expected))


def test_a_linear_model_has_closed_forms() -> None:
    weights = numpy.random.default_rng(3).normal(size=23)
    f = linear(weights.tolist())
    scores = (3 * weights + 1).tolist()  # The same order.
    # What is lost with the first k words. Shape: (24,)
    lost = numpy.concatenate([[0.0], numpy.cumsum(-numpy.sort(-weights))])
    # Bins of 0.23, 1.15, 2.3, 4.6 and 11.5 words.
    bins = [1, 2, 3, 5, 12]
    assert figure(removal.comprehensiveness, scores, f).value == pytest.approx(lost[bins].mean())
    rest = lost[-1] - lost[bins]
    assert figure(removal.sufficiency, scores, f).value == pytest.approx(rest.mean())
    assert figure(removal.aopc, scores, f).value == pytest.approx(lost[1:].mean())
    kept = lost[-1] - lost
    area = (kept[:-1] + kept[1:]).mean() / 2
    assert figure(removal.deletion, scores, f, steps=23).value == pytest.approx(area)
    # On a linear model what is kept and what is removed add up to the text.
    assert figure(removal.insertion, scores, f, steps=23).value == pytest.approx(lost[-1] - area)


@pytest.mark.parametrize("metric", ALL)
def test_the_metric_is_the_mean_over_the_orders_of_tied_words(metric: Any) -> None:
    # Words 1 and 2 are tied, and one of them alone is in most bins.
    scores = [-1.0, 1.0, 1.0, -2.0]
    f = table(numpy.random.default_rng(0).random(16).tolist())
    # Each of the two orders alone, as scores without ties.
    first = figure(metric, [-1.0, 2.0, 1.0, -2.0], f)
    second = figure(metric, [-1.0, 1.0, 2.0, -2.0], f)
    found = figure(metric, scores, f, num_orders=600)
    between = sorted([first.value, second.value])
    assert between[0] < found.value < between[1]
    # Both orders come equally often, but for chance.
    share = (found.value - second.value) / (first.value - second.value)
    assert share == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("metric", ALL)
def test_a_text_without_words_has_no_figure(metric: Any) -> None:
    found = figure(metric, [], linear([]))
    assert found.value is None
    assert found.note == "the text has no words"


@pytest.mark.parametrize("metric", [removal.comprehensiveness, removal.sufficiency])
def test_bins_of_a_text_without_words_are_counted(metric: Any) -> None:
    assert figure(metric, [], linear([])).left_out == 5


@pytest.mark.parametrize("metric", ALL)
@pytest.mark.parametrize("given", [None, math.nan, math.inf])
def test_a_model_without_probabilities_has_no_figure(metric: Any, given: Any) -> None:
    found = without_probability(metric([1.0, 2.0], Settings()), given)
    assert found.value is None
    assert found.note == "the model gives no finite probability"


@pytest.mark.parametrize("metric", ALL)
def test_the_sign_of_a_score_counts(metric: Any) -> None:
    # The same sizes, another sign of the largest score: another order.
    f = interacting([0.3, 0.2, 0.1])
    assert figure(metric, [3.0, 2.0, 1.0], f).value != figure(metric, [-3.0, 2.0, 1.0], f).value
