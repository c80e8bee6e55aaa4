"""Occlusion against its definition on random functions of subsets."""

from itertools import combinations

import pytest

from biome_interpret.attribution.coalitions.occlusion import occlusion
from tests.attribution.coalitions.games import additive_game, answered, random_game

NONE = frozenset()


@pytest.mark.parametrize("num_units", range(6))
def test_scores_and_interactions_are_those_of_the_definition(num_units: int) -> None:
    game = random_game(num_units)
    found, asked = answered(occlusion(num_units, with_interactions=True), game)
    whole = game[NONE]
    assert found.scores.tolist() == [whole - game[frozenset([i])] for i in range(num_units)]
    matrix = found.interactions.values
    assert matrix.shape == (num_units, num_units)
    assert (matrix == matrix.T).all() and not matrix.diagonal().any()
    for i, j in combinations(range(num_units), 2):
        one, other, both = (game[frozenset(part)] for part in ((i,), (j,), (i, j)))
        # What both do, beyond what each does where the other is gone.
        assert matrix[i, j] == pytest.approx((whole - both) - (one - both) - (other - both))
    assert len(asked) == 1
    assert found.n_evaluations == num_units + num_units * (num_units - 1) // 2
    assert len(asked[0]) == len(set(asked[0])) == found.n_evaluations + 1


def test_without_interactions_no_pair_is_asked() -> None:
    found, [asked] = answered(occlusion(4), random_game(4))
    assert found.interactions is None
    assert [len(one) for one in asked] == [0, 1, 1, 1, 1]
    assert found.n_evaluations == 4


def test_two_units_that_need_each_other_have_a_positive_interaction() -> None:
    """f is 1 if both are there, and 0 otherwise."""
    game = {one: float(not one) for one in random_game(2)}
    found, _ = answered(occlusion(2, with_interactions=True), game)
    assert found.scores.tolist() == [1, 1]
    assert found.interactions.values.tolist() == [[0, 1], [1, 0]]


def test_units_that_only_add_up_have_no_interactions() -> None:
    game, worths = additive_game(5)
    found, _ = answered(occlusion(5, with_interactions=True), game)
    assert found.scores.tolist() == pytest.approx(worths)
    assert found.interactions.values == pytest.approx(0, abs=1e-12)
