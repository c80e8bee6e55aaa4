import pytest
import torch

from biome_interpret.attribution.aggregation import REDUCTIONS, STRATEGIES, Grouping
from biome_interpret.attribution.normalization import absolute_shares

SCORES = torch.tensor([1.0, -4.0, 2.0, 0.5])
GROUPS = [[0, 1, 2], [3]]


@pytest.mark.parametrize(
    "strategy, expected",
    [("mean", -1 / 3), ("sum", -1.0), ("max", 2.0), ("min", -4.0), ("signed_max", -4.0)],
)
def test_groups_are_scored_by_their_tokens(strategy: str, expected: float) -> None:
    grouped = Grouping(SCORES, GROUPS, strategy)
    assert grouped(SCORES).tolist() == pytest.approx([expected, 0.5])
    twice = grouped(torch.stack([SCORES, 2 * SCORES]))
    assert twice[1].tolist() == pytest.approx([2 * expected, 1.0])


def test_tokens_of_no_group_are_left_out() -> None:
    assert Grouping(SCORES, [[3], [0]], "mean")(SCORES).tolist() == [0.5, 1.0]


def test_every_strategy_is_tested() -> None:
    assert set(STRATEGIES) == {"mean", "sum", "max", "min", "signed_max"}


def test_no_groups_give_no_scores() -> None:
    assert Grouping(SCORES, [], "mean")(SCORES).shape == (0,)


def test_reductions() -> None:
    vectors = torch.tensor([[3.0, -4.0], [0.0, 0.0]])
    reduced = {name: reduce(vectors).tolist() for name, reduce in REDUCTIONS.items()}
    assert reduced == {"sum": [-1.0, 0.0], "l2": [5.0, 0.0], "mean_abs": [3.5, 0.0]}


@pytest.mark.parametrize("scores", [[1.0, -3.0], [1e-320, 1e-320], [1e308, -1e308, 1e308], [2.0]])
def test_shares_add_up_to_one(scores: list) -> None:
    shares = absolute_shares(scores)
    assert sum(shares) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in shares)


@pytest.mark.parametrize("scores", [[], [0.0], [0.0, -0.0]])
def test_nothing_that_matters_gives_zeros(scores: list) -> None:
    assert absolute_shares(scores) == [0.0] * len(scores)
