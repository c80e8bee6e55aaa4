"""The global random generators give the numbers that they would have given without the draws."""

import random
from typing import Any, Callable, Iterator, List

import numpy
import pytest
import torch

from biome_interpret.models.isolation.random_states import RandomStates


def draw_nothing() -> None:
    pass


def draw_one_normal_each() -> None:
    """If a normal number is left over from a pair, it is used and the generator does not move."""
    random.gauss(0, 1)
    numpy.random.standard_normal()
    torch.randn(1)


def draw_many_numbers() -> None:
    for _ in range(1000):
        random.random()
    numpy.random.rand(1000)
    torch.rand(1000)


def seed_alike() -> None:
    """The same numbers follow, and no normal number is left over."""
    random.seed(7)
    numpy.random.seed(7)
    torch.manual_seed(7)


def seeded() -> None:
    seed_alike()


def with_normals_left_over() -> None:
    seed_alike()
    draw_one_normal_each()


def with_another_generator_of_numpy() -> None:
    seed_alike()
    numpy.random.set_bit_generator(numpy.random.PCG64(7))
    draw_one_normal_each()


def with_another_random_function_of_python() -> None:
    with_normals_left_over()
    generator = random.Random(7)
    random.random = lambda: generator.random()  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def generators() -> Iterator[None]:
    own, bits = random.random, numpy.random.get_bit_generator()
    yield
    random.random = own  # type: ignore[method-assign]
    numpy.random.set_bit_generator(bits)


def next_numbers() -> List[Any]:
    return [
        *(random.gauss(0, 1) for _ in range(3)),
        random.getrandbits(32),
        *numpy.random.standard_normal(3).tolist(),
        *numpy.random.rand(2).tolist(),
        *torch.randn(3).tolist(),
    ]


@pytest.mark.parametrize(
    "draw", [draw_nothing, draw_one_normal_each, draw_many_numbers, seed_alike]
)
@pytest.mark.parametrize(
    "prepare",
    [
        seeded,
        with_normals_left_over,
        with_another_generator_of_numpy,
        with_another_random_function_of_python,
    ],
)
def test_the_next_numbers_are_those_without_the_draws(
    prepare: Callable[[], None], draw: Callable[[], None]
) -> None:
    prepare()
    expected = next_numbers()
    prepare()
    states = RandomStates(torch.device("cpu"))
    draw()
    states.restore()
    assert next_numbers() == expected
