import pytest

from biome_interpret.attribution.normalization import absolute_shares


@pytest.mark.parametrize("scores", [[1.0, -3.0], [1e-320, 1e-320], [1e308, -1e308, 1e308], [2.0]])
def test_shares_add_up_to_one(scores: list) -> None:
    shares = absolute_shares(scores)
    assert sum(shares) == pytest.approx(1)
    assert all(0 <= share <= 1 for share in shares)


@pytest.mark.parametrize("scores", [[], [0.0], [0.0, -0.0]])
def test_zeros_stay_zeros(scores: list) -> None:
    assert absolute_shares(scores) == [0.0] * len(scores)
