import math

from biome_interpret.visualization.shades import LEVELS, level


def test_a_shade_grows_in_equal_steps_on_both_sides() -> None:
    assert [level(step / LEVELS, 1.0) for step in range(LEVELS + 1)] == [*range(LEVELS + 1)]
    assert [level(-step / LEVELS, 1.0) for step in range(LEVELS + 1)] == [
        *range(0, -LEVELS - 1, -1)
    ]


def test_a_score_without_a_size_has_no_shade() -> None:
    assert level(0.0, 0.0) == level(math.nan, 1.0) == 0
