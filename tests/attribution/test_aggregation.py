import pytest
import torch

from biome_interpret.attribution.aggregation import REDUCTIONS, STRATEGIES, Grouping

SCORES = torch.tensor([1.0, -4.0, 2.0, 0.5])
GROUPS = [[0, 1, 2], [3]]


@pytest.mark.parametrize(
    "strategy, expected",
    [("mean", -1 / 3), ("sum", -1.0), ("max", 2.0), ("min", -4.0), ("signed_max", -4.0)],
)
def test_a_group_s_score_is_a_weighted_sum_of_its_tokens(strategy: str, expected: float) -> None:
    grouped = Grouping(SCORES, GROUPS, strategy)
    assert grouped(SCORES).tolist() == pytest.approx([expected, 0.5])
    twice = grouped(torch.stack([SCORES, 2 * SCORES]))
    assert twice[1].tolist() == pytest.approx([2 * expected, 1.0])


def test_tokens_without_a_group_are_left_out() -> None:
    assert Grouping(SCORES, [[3], [0]], "mean")(SCORES).tolist() == [0.5, 1.0]


def test_every_strategy_is_tested() -> None:
    assert set(STRATEGIES) == {"mean", "sum", "max", "min", "signed_max"}


def test_no_groups_give_no_scores() -> None:
    assert Grouping(SCORES, [], "mean")(SCORES).shape == (0,)


def test_reductions() -> None:
    vectors = torch.tensor([[3.0, -4.0], [0.0, 0.0]])
    reduced = {name: reduce(vectors).tolist() for name, reduce in REDUCTIONS.items()}
    assert reduced == {"sum": [-1.0, 0.0], "l2": [5.0, 0.0], "mean_abs": [3.5, 0.0]}
