from typing import Callable

import numpy
import pytest
import torch

from biome_interpret.attribution import nested
from biome_interpret.attribution.nested import level_sizes, nested_measure, nested_rule

SIZES = [3, 5, 9, 17, 33, 65, 129, 257]


@pytest.mark.parametrize("size", SIZES)
def test_polynomials_are_integrated_exactly(size: int) -> None:
    nodes, weights = nested_rule(size)
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    assert (weights > 0).all()
    for power in range(min(size, 30)):
        assert weights @ nodes**power == pytest.approx(1 / (power + 1), abs=1e-13)


@pytest.mark.parametrize("size", SIZES[1:])
def test_every_other_node_is_the_smaller_rule_s(size: int) -> None:
    smaller, _ = nested_rule((size + 1) // 2)
    assert nested_rule(size)[0][::2] == pytest.approx(smaller, abs=1e-15)


@pytest.mark.parametrize(
    "most, sizes", [(3, [3]), (4, [3]), (8, [5]), (9, [9]), (64, [9, 17, 33]), (1, [3])]
)
def test_level_sizes_stay_within_what_is_allowed(most: int, sizes: list) -> None:
    assert level_sizes(most) == sizes


INTEGRANDS = {
    "smooth": lambda x, shift: numpy.exp(2 * x + shift),
    "peaked": lambda x, shift: 1 / ((x - 0.25 - shift / 10) ** 2 + 0.01),
    "kinked": lambda x, shift: numpy.abs(x - 0.3 - shift / 3),
    "jumping": lambda x, shift: (x > 0.37 + shift / 3).astype(float),
}


def terms(integrand: Callable, size: int) -> torch.Tensor:
    """Forty elements with their features at forty places."""
    nodes, _ = nested_rule(size)
    shifts = numpy.linspace(-0.5, 0.5, 40)
    return torch.tensor(integrand(nodes[:, None], shifts[None]))


def estimated_error(terms: torch.Tensor, size: int, num_paths: int = 1) -> float:
    *_, level = nested_measure([None] * num_paths, 0.01, size * num_paths).levels()
    return nested.estimated_error(terms, level)


@pytest.mark.parametrize("name", INTEGRANDS)
def test_the_estimate_is_neither_far_below_nor_far_above_the_error(name: str) -> None:
    exact = torch.tensor(nested_rule(2**12 + 1)[1]) @ terms(INTEGRANDS[name], 2**12 + 1)
    for size in (33, 65, 129):
        found = torch.tensor(nested_rule(size)[1]) @ terms(INTEGRANDS[name], size)
        error = float((found - exact).abs().sum())
        estimate = estimated_error(terms(INTEGRANDS[name], size), size)
        assert estimate > 0.4 * error - 1e-12
        assert estimate < 60 * error + 1e-9 or name in ("smooth", "peaked")


def test_an_integrand_of_nothing_has_no_error() -> None:
    assert estimated_error(torch.zeros(18, 5, dtype=torch.float64), 9, num_paths=2) == 0


def test_paths_are_averaged_before_their_errors_are_judged() -> None:
    one = terms(INTEGRANDS["peaked"], 17)
    assert estimated_error(torch.cat([one, -one]), 17, num_paths=2) == pytest.approx(0, abs=1e-12)
