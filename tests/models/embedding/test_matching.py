"""Recognising a tensor of the batch in what a model made of it."""

from typing import Any, List, Optional

import pytest
import torch

from biome_interpret.models.embedding.matching import (
    ADDED,
    NOWHERE,
    is_view,
    positions_by_value,
    positions_in_view,
)

LEAF = torch.tensor([[5, 6, 7, 8], [9, 4, 0, 0]])


def found(given: Any, leaf: torch.Tensor = LEAF) -> Optional[List[Any]]:
    positions = positions_by_value(leaf, torch.as_tensor(given), num_rows=leaf.size(0))
    return None if positions is None else positions.tolist()


@pytest.mark.parametrize(
    "view", [LEAF, LEAF[:, 1:], LEAF.t(), LEAF.view(-1), LEAF[1], LEAF[:, None].expand(2, 3, 4)]
)
def test_views(view: torch.Tensor) -> None:
    assert is_view(LEAF, view)
    assert torch.equal(LEAF.flatten()[positions_in_view(LEAF, view)], view)


def test_copies_are_no_views() -> None:
    assert not is_view(LEAF, LEAF.clone())


def test_a_copy() -> None:
    assert found(LEAF.clone()) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_in_other_dimensions() -> None:
    assert found(LEAF.reshape(4, 2).clone()) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_cut_and_filled_up() -> None:
    assert found([[5, 6], [9, 4]]) == [[0, 1], [4, 5]]
    filled = [[5, 6, 7, 8, 0], [9, 4, 0, 0, 0]]
    assert found(filled) == [[0, 1, 2, 3, NOWHERE], [4, 5, NOWHERE, NOWHERE, NOWHERE]]


def test_with_a_beginning_and_an_end() -> None:
    assert found([[1, 5, 6, 7, 8, 2], [1, 9, 4, 2, 0, 0]]) == [
        [ADDED, 0, 1, 2, 3, ADDED],
        [ADDED, 4, 5, ADDED, NOWHERE, NOWHERE],
    ]


def test_without_the_first() -> None:
    assert found([[6, 7, 8], [4, 0, 0]]) == [[1, 2, 3], [5, NOWHERE, NOWHERE]]


def test_folded_into_parts() -> None:
    parts = [[5, 6, 7], [8, 0, 0], [9, 4, 0], [0, 0, 0]]
    rest = [NOWHERE] * 3
    assert found(parts) == [[0, 1, 2], [3, NOWHERE, NOWHERE], [4, 5, NOWHERE], rest]


def test_repeated() -> None:
    repeated = LEAF[:, None].expand(2, 3, 4).reshape(6, 4)
    positions = found(repeated)
    assert positions == [[0, 1, 2, 3]] * 3 + [[4, 5, NOWHERE, NOWHERE]] * 3


def test_characters_with_a_beginning_and_an_end() -> None:
    leaf = torch.tensor([[[5, 6], [7, 0]], [[8, 9], [0, 0]]])
    given = [[[1, 1], [5, 6], [7, 0], [2, 2]], [[1, 1], [8, 9], [2, 2], [0, 0]]]
    positions = found(torch.tensor(given).reshape(8, 2), leaf)
    assert positions == [
        *([ADDED, ADDED], [0, 1], [2, 3], [ADDED, ADDED]),
        *([ADDED, ADDED], [4, 5], [ADDED, ADDED], [NOWHERE, NOWHERE]),
    ]


@pytest.mark.parametrize(
    "given",
    [
        [[5, 6, 7, 9], [9, 4, 0, 0]],  # another text
        [[5], [9]],  # a label for each text
        [5, 9],
        [[5, 9]],
        [[1, 2, 3, 4, 5], [1, 2, 3, 4, 9]],  # another text that ends where this begins
        [[5.0, 6.0, 7.0, 8.0], [9.0, 4.0, 0.0, 0.0]],
    ],
)
def test_others(given: Any) -> None:
    assert found(given) is None


def test_parts_that_are_alike_are_not_taken_for_repetitions() -> None:
    leaf = torch.tensor([[1, 7, 7, 2, 1, 7, 7, 2]])
    assert found([[1, 7, 7, 2], [1, 7, 7, 2]], leaf) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_folded_in_a_list() -> None:
    leaf = torch.tensor([[[1, 5, 2, 1, 6, 2], [1, 7, 2, 0, 0, 0]]])
    positions = positions_by_value(leaf, leaf.reshape(-1, 3).clone(), num_rows=1)
    assert positions is not None and positions.tolist()[3] == [9, 10, 11]
    # The last part is filled up.
    leaf = leaf[..., :5]
    filled = torch.tensor([[1, 5, 2], [1, 6, 0], [1, 7, 2], [0, 0, 0]])
    positions = positions_by_value(leaf, filled, num_rows=1)
    assert positions is not None
    assert positions.tolist()[:3] == [[0, 1, 2], [3, 4, NOWHERE], [5, 6, 7]]
