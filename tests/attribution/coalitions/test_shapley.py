"""Shapley values against all orders of the units, and their sampling against the exact ones."""

from itertools import combinations, permutations
from math import factorial
from typing import List

import numpy
import pytest

from biome_interpret.attribution.coalitions import UnitScores
from biome_interpret.attribution.coalitions.shapley import (
    Sampling,
    _round,
    _round_size,
    exact_shapley,
    sampled_shapley,
)
from tests.attribution.coalitions.games import (
    Game,
    SaturatingGame,
    Subset,
    additive_game,
    answered,
    random_game,
    subsets,
)


def without(num_units: int, kept: Subset) -> Subset:
    return frozenset(range(num_units)) - kept


def by_all_orders(num_units: int, game: Game) -> List[float]:
    """The mean change of f when a unit joins, over all n! orders."""
    totals = numpy.zeros(num_units)
    for order in permutations(range(num_units)):
        for place, unit in enumerate(order):
            before, after = frozenset(order[place:]), frozenset(order[place + 1 :])
            totals[unit] += game[after] - game[before]
    return (totals / factorial(num_units)).tolist()


def interaction(num_units: int, game: Game, i: int, j: int) -> float:
    """The Shapley interaction index, by its definition."""
    total = 0.0
    for kept in subsets(num_units):
        if kept & {i, j}:
            continue
        size = len(kept)
        weight = factorial(num_units - size - 2) * factorial(size) / factorial(num_units - 1)
        both, one, other, none = (
            game[without(num_units, kept | part)] for part in ({i, j}, {i}, {j}, set())
        )
        total += weight * (both - one - other + none)
    return total


def exact(num_units: int, game: Game) -> UnitScores:
    found, _ = answered(exact_shapley(num_units, with_interactions=True), game)
    assert isinstance(found, UnitScores)
    return found


class TestExact:
    @pytest.mark.parametrize("num_units", range(6))
    @pytest.mark.parametrize("seed", range(3))
    def test_scores_are_means_over_all_orders(self, num_units: int, seed: int) -> None:
        game = random_game(num_units, seed)
        found = exact(num_units, game)
        assert found.scores.tolist() == pytest.approx(by_all_orders(num_units, game), abs=1e-12)
        assert found.standard_errors is None and found.estimated_error is None

    @pytest.mark.parametrize("num_units", range(2, 7))
    def test_interactions_are_those_of_the_definition(self, num_units: int) -> None:
        game = random_game(num_units)
        matrix = exact(num_units, game).interactions.values
        assert (matrix == matrix.T).all() and not matrix.diagonal().any()
        for i, j in combinations(range(num_units), 2):
            assert matrix[i, j] == pytest.approx(interaction(num_units, game, i, j), abs=1e-12)

    @pytest.mark.parametrize("num_units", range(8))
    def test_scores_add_up(self, num_units: int) -> None:
        game = random_game(num_units)
        found = exact(num_units, game)
        all_units = frozenset(range(num_units))
        assert found.adds_up and found.baseline_output == game[all_units]
        assert found.scores.sum() == pytest.approx(game[frozenset()] - game[all_units])

    def test_each_subset_is_asked_once(self) -> None:
        found, [asked] = answered(exact_shapley(7), random_game(7))
        assert sorted(map(sorted, asked)) == sorted(map(sorted, subsets(7)))
        assert found.n_evaluations == 2**7 - 1
        assert found.interactions is None

    def test_units_that_only_add_up_have_no_interactions(self) -> None:
        game, worths = additive_game(6)
        found = exact(6, game)
        assert found.scores.tolist() == pytest.approx(worths)
        assert found.interactions.values == pytest.approx(0, abs=1e-12)


def sampled(
    num_units: int, game: Game, num_orders: int, seed: int = 0, interactions: bool = False
) -> UnitScores:
    sampling = Sampling(num_orders, seed, with_interactions=interactions)
    found, _ = answered(sampled_shapley(num_units, sampling), game)
    assert isinstance(found, UnitScores)
    return found


class TestRounds:
    @pytest.mark.parametrize("num_units", range(2, 31))
    def test_every_two_units_are_neighbours(self, num_units: int) -> None:
        orders = _round(num_units, numpy.random.default_rng(0))
        assert 2 * len(orders) == _round_size(num_units)
        assert all(sorted(order) == [*range(num_units)] for order in orders)
        pairs = [frozenset(pair) for order in orders for pair in zip(order, order[1:])]
        assert {*pairs} == {*map(frozenset, combinations(range(num_units), 2))}
        assert max(map(pairs.count, {*pairs})) == 1 + num_units % 2


class TestSampled:
    @pytest.mark.parametrize("num_units", [6, 7, 8])
    def test_many_orders_give_the_exact_scores_and_interactions(self, num_units: int) -> None:
        game = random_game(num_units)
        truth = exact(num_units, game)
        found = sampled(num_units, game, 4000, interactions=True)
        assert numpy.abs(found.scores - truth.scores).max() < 0.06
        difference = found.interactions.values - truth.interactions.values
        assert numpy.abs(difference).max() < 0.15
        assert numpy.abs(truth.interactions.values).max() > 0.15

    @pytest.mark.parametrize("interactions", [False, True])
    def test_scores_of_any_sample_add_up(self, interactions: bool) -> None:
        game = random_game(7)
        found = sampled(7, game, 2, interactions=interactions)
        all_units = frozenset(range(7))
        assert found.baseline_output == game[all_units]
        assert found.scores.sum() == pytest.approx(game[frozenset()] - game[all_units])

    def test_an_additive_function_has_its_scores_from_one_pair_of_orders(self) -> None:
        game, worths = additive_game(8)
        found = sampled(8, game, 2)
        assert found.scores.tolist() == pytest.approx(worths)
        assert found.standard_errors is None
        assert found.n_evaluations == 2 * 7 + 1

    def test_an_order_and_its_reverse_cancel_pairs(self) -> None:
        """The change by a pair comes with its first unit in one order, its second in the other."""
        game = {one: float(len(one) ** 2) for one in subsets(8)}
        found = sampled(8, game, 2)
        assert found.scores.tolist() == pytest.approx([-8.0] * 8)

    @pytest.mark.parametrize("interactions", [False, True])
    def test_standard_errors_are_honest(self, interactions: bool) -> None:
        """Over many seeds the scores differ from the exact ones by as much as they say."""
        num_units, game = 6, random_game(6)
        truth = exact(num_units, game)
        found = [sampled(num_units, game, 24, seed, interactions) for seed in range(400)]
        scores = numpy.array([one.scores for one in found])
        errors = numpy.array([one.standard_errors for one in found])
        # Unbiased: the mean over 400 seeds.
        assert (numpy.abs(scores.mean(axis=0) - truth.scores) < 4 * scores.std(axis=0) / 20).all()
        ratios = numpy.square(errors).mean(axis=0) / scores.var(axis=0)
        assert ((ratios > 0.8) & (ratios < 1.25)).all()

    def test_standard_errors_with_interactions_are_those_of_rounds(self) -> None:
        """The orders of a round depend on each other, most of all if units are many."""
        game = SaturatingGame(24)
        found = [sampled(24, game, 16, seed, interactions=True) for seed in range(150)]
        deviations = numpy.array([one.scores for one in found]).std(axis=0)
        errors = numpy.array([one.standard_errors for one in found])
        ratios = numpy.square(errors).mean(axis=0) / deviations**2
        assert 0.8 < ratios.mean() < 1.25

    @pytest.mark.parametrize("num_units", [5, 6])
    def test_interactions_are_unbiased_and_their_errors_honest(self, num_units: int) -> None:
        game = random_game(num_units)
        truth = exact(num_units, game).interactions.values
        found = [
            sampled(num_units, game, 48, seed, interactions=True).interactions
            for seed in range(400)
        ]
        values = numpy.array([one.values for one in found])
        errors = numpy.array([one.standard_errors for one in found])
        pairs = numpy.triu_indices(num_units, 1)
        means, deviations = values.mean(axis=0)[pairs], values.std(axis=0)[pairs]
        assert (numpy.abs(means - truth[pairs]) < 4 * deviations / 20).all()
        ratios = numpy.square(errors).mean(axis=0)[pairs] / deviations**2
        assert ((ratios > 0.75) & (ratios < 1.3)).all()

    def test_interactions_are_symmetric_with_errors_from_two_rounds_on(self) -> None:
        found = sampled(7, random_game(7), 2, interactions=True).interactions
        assert (found.values == found.values.T).all() and not found.values.diagonal().any()
        assert found.standard_errors is not None
        assert (found.standard_errors == found.standard_errors.T).all()
        assert (found.standard_errors > 0).sum() > 7 * 6 / 2

    def test_the_same_seed_gives_the_same_numbers(self) -> None:
        game = random_game(7)
        one, same, other = (sampled(7, game, 8, seed).scores.tolist() for seed in (3, 3, 4))
        assert one == same != other


class TestTolerance:
    def test_orders_are_added_until_the_error_is_small_enough(self) -> None:
        game = random_game(12)
        counts = []
        for tolerance in (0.5, 0.25):
            sampling = Sampling(4, 0, tolerance=tolerance, max_evaluations=10**6)
            found, rounds = answered(sampled_shapley(12, sampling), game)
            assert found.estimated_error <= tolerance and not found.notes
            size = numpy.abs(found.scores).sum()
            assert found.standard_errors.sum() / size == pytest.approx(found.estimated_error)
            asked = [one for part in rounds for one in part]
            assert len(asked) == len({*asked}) == found.n_evaluations + 1
            counts.append(len(rounds))
        assert counts[0] < counts[1]

    def test_one_pair_of_orders_has_no_error_and_gets_more(self) -> None:
        sampling = Sampling(2, 0, tolerance=0.3, max_evaluations=10**6)
        found, _ = answered(sampled_shapley(8, sampling), random_game(8))
        assert found.estimated_error is not None and found.estimated_error <= 0.3

    @pytest.mark.parametrize(
        "tolerance, shown", [(0.02, "2.0%"), (0.001, "0.1%"), (2e-5, "0.002%")]
    )
    def test_a_bound_that_is_reached_has_a_note(self, tolerance: float, shown: str) -> None:
        sampling = Sampling(8, 0, tolerance=tolerance, max_evaluations=100)
        found, _ = answered(sampled_shapley(8, sampling), random_game(8))
        assert found.n_evaluations <= 100
        [note] = found.notes
        assert note.startswith("stopped at max_evaluations = 100: the estimated error is still")
        assert note.endswith(f"more than the tolerance of {shown}")

    def test_scores_are_exact_once_all_subsets_are_known(self) -> None:
        game = random_game(6)
        sampling = Sampling(4, 0, tolerance=1e-12, max_evaluations=10**6)
        found, _ = answered(sampled_shapley(6, sampling), game)
        exact, _ = answered(exact_shapley(6), game)
        assert found.scores == pytest.approx(exact.scores, abs=1e-12) and not found.notes
        assert found.standard_errors is None

    def test_the_first_orders_take_no_more_than_the_bound(self) -> None:
        sampling = Sampling(64, 0, tolerance=0.001, max_evaluations=60)
        found, _ = answered(sampled_shapley(12, sampling), random_game(12))
        assert found.n_evaluations <= 60
