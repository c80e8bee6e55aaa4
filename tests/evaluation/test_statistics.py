import warnings
from itertools import product
from typing import List, Sequence

import numpy
import pytest
from scipy.stats import friedmanchisquare

from biome_interpret.evaluation.inquiries import Settings
from biome_interpret.evaluation.removal import comprehensiveness
from biome_interpret.evaluation.statistics import (
    Interval,
    Values,
    compare,
    holm,
    interval,
    kendalls_w,
)
from tests.evaluation.answering import answered, linear


def share_covered(samples: Sequence[Values], truth: float) -> float:
    found = [interval(values, seed=seed) for seed, values in enumerate(samples)]
    ends = [(one.low, one.high) for one in found if one is not None]
    covered = [low <= truth <= high for low, high in ends if low is not None and high is not None]
    assert len(covered) == len(samples)
    return sum(covered) / len(covered)


class TestInterval:
    @pytest.mark.parametrize("confidence", [0.8, 0.95])
    def test_it_is_about_that_of_the_normal_distribution(self, confidence: float) -> None:
        values = numpy.random.default_rng(0).normal(3, 2, size=400)
        found = interval(values.tolist(), confidence=confidence)
        reach = {0.8: 1.2816, 0.95: 1.96}[confidence] * values.std() / 20
        assert found is not None
        assert found.mean == pytest.approx(values.mean())
        assert found.low == pytest.approx(values.mean() - reach, abs=0.02)
        assert found.high == pytest.approx(values.mean() + reach, abs=0.02)
        assert found.num_texts == 400

    def test_it_covers_the_mean_of_skewed_figures_as_often_as_it_says(self) -> None:
        generator = numpy.random.default_rng(1)
        samples = [generator.exponential(0.2, size=60).tolist() for _ in range(300)]
        # Three standard deviations of a share of 300 are 0.038.
        assert share_covered(samples, 0.2) == pytest.approx(0.95, abs=0.04)

    def test_with_random_scores_it_covers_what_chance_gives(self) -> None:
        """
        Weights of mean 0.05, and scores that know nothing of them. Bins of 1, 1, 1, 2 and 5 of 10
        words lose 0.05 · 10 / 5 on average.
        """
        generator = numpy.random.default_rng(2)

        def of_text() -> float:
            weights = generator.normal(0.05, 0.1, size=10).tolist()
            scores = generator.normal(size=10).tolist()
            value: float = answered(
                comprehensiveness(scores, Settings()), linear(weights), 10
            ).value
            return value

        samples = [[of_text() for _ in range(40)] for _ in range(300)]
        assert share_covered(samples, 0.05 * 10 / 5) == pytest.approx(0.95, abs=0.04)

    def test_methods_share_the_drawn_texts(self) -> None:
        """What is a constant better has an interval that is the same constant higher."""
        values = numpy.random.default_rng(3).random(30)
        one, other = interval(values.tolist()), interval((values + 1).tolist())
        assert one is not None and other is not None
        assert other.low == pytest.approx(1 + (one.low or 0))
        assert other.high == pytest.approx(1 + (one.high or 0))

    def test_values_that_are_missing_are_left_out(self) -> None:
        values: List[float] = [0.1, 0.5, 0.2, 0.9]
        assert interval([0.1, None, 0.5, 0.2, None, 0.9]) == interval(values)
        assert interval([None, None]) is None
        assert interval([]) is None

    def test_the_same_seed_gives_the_same_digits(self) -> None:
        values = numpy.random.default_rng(4).random(20).tolist()
        assert interval(values, seed=5) == interval(values, seed=5)
        assert interval(values, seed=5) != interval(values, seed=6)

    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            ([0.3], Interval(0.3, None, None, 1)),
            ([0.0, 0.0], Interval(0.0, 0.0, 0.0, 2)),
            ([0.3] * 7, Interval(0.3, 0.3, 0.3, 7)),
            ([1.0, 1.0, 1.0 + 2e-16], Interval(1.0, 1.0, 1.0, 3)),
        ],
    )
    def test_values_that_do_not_vary(self, values: List[float], expected: Interval) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = interval(values)
        assert found is not None
        assert found.num_texts == expected.num_texts
        assert found[:3] == pytest.approx(expected[:3])

    @pytest.mark.parametrize("values", [[0.0, 1.0], [0.0, 0.0, 1.0], [0.0] * 200 + [1.0]])
    def test_few_values_and_rare_ones_have_finite_ends(self, values: List[float]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = interval(values)
        assert found is not None and found.low is not None and found.high is not None
        assert 0 <= found.low <= found.mean <= found.high <= 1
        assert found.low < found.high


class TestCompare:
    def test_the_p_value_of_few_texts_is_exact(self) -> None:
        one, other = [0.9, 0.8, 0.1, 0.7, 0.6], [0.5, 0.1, 0.2, 0.3, 0.0]
        differences = [a - b for a, b in zip(one, other)]
        # All 2^5 ways to swap the numbers of texts.
        means = [
            sum(sign * difference for sign, difference in zip(signs, differences))
            for signs in product([1, -1], repeat=5)
        ]
        extreme = [mean for mean in means if abs(mean) >= abs(sum(differences)) - 1e-12]
        [found] = compare({"one": one, "other": other})
        assert (found.first, found.second) == ("one", "other")
        assert found.p_value == pytest.approx(len(extreme) / 32)
        assert found.adjusted == found.p_value
        assert found.difference is not None
        assert found.difference.mean == pytest.approx(numpy.mean(differences))

    def test_texts_without_both_values_are_left_out(self) -> None:
        [found] = compare({"a": [1.0, None, 0.5, 3.0], "b": [0.0, 2.0, None, 1.0]})
        assert found.difference is not None
        assert found.difference.num_texts == 2
        assert found.difference.mean == pytest.approx(1.5)

    def test_all_pairs_are_corrected_together(self) -> None:
        generator = numpy.random.default_rng(0)
        base = generator.random(40)
        noise = generator.normal(0, 0.05, size=(2, 40))
        rows = {"a": base, "b": base + noise[0], "c": base + noise[1] + 0.2}
        found = compare({name: values.tolist() for name, values in rows.items()})
        assert [(one.first, one.second) for one in found] == [("a", "b"), ("a", "c"), ("b", "c")]
        assert [one.adjusted for one in found] == holm([one.p_value for one in found])
        assert found[0].adjusted > 0.05
        assert found[1].adjusted < 0.01 and found[2].adjusted < 0.01

    def test_methods_that_do_not_differ_are_rejected_as_seldom_as_it_says(self) -> None:
        generator = numpy.random.default_rng(1)
        rejected = 0
        for seed in range(200):
            a, b = generator.exponential(size=(2, 15)).tolist()
            [found] = compare({"a": a, "b": b}, seed)
            rejected += found.p_value <= 0.05
        # Three standard deviations of a share of 200 are 0.046.
        assert rejected / 200 == pytest.approx(0.05, abs=0.046)

    def test_rounding_is_no_difference(self) -> None:
        [found] = compare({"a": [0.5] * 20, "b": [0.1 + 0.4 + 2e-16] * 20})
        assert found.p_value == 1

    @pytest.mark.parametrize("values", [[0.5, 0.5, 0.2], [None, None, 0.1], [None, None, None]])
    def test_a_method_does_not_differ_from_itself(self, values: Values) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            [found] = compare({"a": values, "b": values})
        assert found.p_value == found.adjusted == 1


class TestHolm:
    def test_an_example_by_hand(self) -> None:
        # In order 0.005, 0.01, 0.03, 0.04, times 4, 3, 2, 1: 0.02, 0.03, 0.06, 0.04.
        # The last one is no smaller than the one before.
        assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])

    def test_none_is_above_one(self) -> None:
        assert holm([0.6, 0.9]) == [1.0, 1.0]
        assert holm([]) == []


class TestKendallsW:
    def test_numbers_that_differ_by_rounding_are_tied(self) -> None:
        exact, rounded = [0.3, 0.3, 0.1], [0.1 + 0.2, 0.3, 0.1]
        assert rounded[0] != rounded[1]
        assert kendalls_w([rounded, exact]) == kendalls_w([exact, exact]) == pytest.approx(1)

    def test_agreement_and_its_opposite(self) -> None:
        assert kendalls_w([[1.0, 2.0, 3.0], [10.0, 20.0, 90.0]]) == pytest.approx(1)
        assert kendalls_w([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]]) == pytest.approx(0)

    @pytest.mark.parametrize("digits", [3, 1])
    def test_it_is_that_of_friedmans_test(self, digits: int) -> None:
        """χ² = m (n − 1) W, with the same correction for ties."""
        table = numpy.random.default_rng(digits).random((5, 7)).round(digits)
        chi_squared, _ = friedmanchisquare(*table.T)
        assert kendalls_w(table.tolist()) == pytest.approx(chi_squared / (5 * 6))

    def test_of_two_rankings_it_is_that_of_spearman(self) -> None:
        """The mean rank correlation of m rankings is (m W − 1) / (m − 1)."""
        # Spearman's correlation by hand: 1 − 6 · (1 + 1 + 0 + 0) / (4 · 15) = 0.8.
        found = kendalls_w([[1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 3.0, 4.0]])
        assert found == pytest.approx((0.8 + 1) / 2)

    @pytest.mark.parametrize("table", [[[1.0, 2.0]], [[1.0], [2.0]], [[1.0, 1.0], [3.0, 3.0]]])
    def test_there_is_none_where_nothing_is_ranked(self, table: List[List[float]]) -> None:
        assert kendalls_w(table) is None
