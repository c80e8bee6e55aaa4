"""Where the ids of a call stand in the field's tensor of ids."""

from typing import Any, List, Optional

import pytest
import torch

from biome_interpret.models.embedding.id_positions import (
    ADDED,
    NOWHERE,
    by_row,
    is_view,
    positions_by_value,
    positions_in_view,
)

IDS = torch.tensor([[5, 6, 7, 8], [9, 4, 0, 0]])


def found(given: Any, ids: torch.Tensor = IDS) -> Optional[List[Any]]:
    positions = positions_by_value(ids, torch.as_tensor(given), num_rows=ids.size(0))
    return None if positions is None else positions.tolist()


@pytest.mark.parametrize(
    "view", [IDS, IDS[:, 1:], IDS.t(), IDS.view(-1), IDS[1], IDS[:, None].expand(2, 3, 4)]
)
def test_views(view: torch.Tensor) -> None:
    assert is_view(IDS, view)
    assert torch.equal(IDS.flatten()[positions_in_view(IDS, view)], view)


def test_a_copy_is_not_a_view() -> None:
    assert not is_view(IDS, IDS.clone())


def test_a_copy() -> None:
    assert found(IDS.clone()) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_in_other_dimensions() -> None:
    assert found(IDS.reshape(4, 2).clone()) == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_cut_and_padded() -> None:
    assert found([[5, 6], [9, 4]]) == [[0, 1], [4, 5]]
    padded = [[5, 6, 7, 8, 0], [9, 4, 0, 0, 0]]
    assert found(padded) == [[0, 1, 2, 3, NOWHERE], [4, 5, NOWHERE, NOWHERE, NOWHERE]]


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
    repeated = IDS[:, None].expand(2, 3, 4).reshape(6, 4)
    positions = found(repeated)
    assert positions == [[0, 1, 2, 3]] * 3 + [[4, 5, NOWHERE, NOWHERE]] * 3


def test_characters_with_a_beginning_and_an_end() -> None:
    ids = torch.tensor([[[5, 6], [7, 0]], [[8, 9], [0, 0]]])
    given = [[[1, 1], [5, 6], [7, 0], [2, 2]], [[1, 1], [8, 9], [2, 2], [0, 0]]]
    positions = found(torch.tensor(given).reshape(8, 2), ids)
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
def test_other_ids_are_not_found(given: Any) -> None:
    assert found(given) is None


def test_equal_parts_are_not_repetitions() -> None:
    ids = torch.tensor([[1, 7, 7, 2, 1, 7, 7, 2]])
    assert found([[1, 7, 7, 2], [1, 7, 7, 2]], ids) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_folded_in_a_list() -> None:
    ids = torch.tensor([[[1, 5, 2, 1, 6, 2], [1, 7, 2, 0, 0, 0]]])
    positions = positions_by_value(ids, ids.reshape(-1, 3).clone(), num_rows=1)
    assert positions is not None and positions.tolist()[3] == [9, 10, 11]
    # The last part is padded.
    ids = ids[..., :5]
    padded = torch.tensor([[1, 5, 2], [1, 6, 0], [1, 7, 2], [0, 0, 0]])
    positions = positions_by_value(ids, padded, num_rows=1)
    assert positions is not None
    assert positions.tolist()[:3] == [[0, 1, 2], [3, 4, NOWHERE], [5, 6, 7]]


class TestByRow:
    """Which of the given ids belong to each row."""

    def found(self, given: torch.Tensor) -> Any:
        result = by_row(positions_in_view(IDS, given), IDS, num_rows=2)
        if result is None:
            return None
        return result.positions.tolist(), None if result.order is None else result.order.tolist()

    def test_row_by_row(self) -> None:
        assert self.found(IDS[:, 1:3]) == ([[1, 2], [1, 2]], None)

    def test_the_positions_first(self) -> None:
        expected = [[0, 1, 2, 3]] * 2, [0, 2, 4, 6, 1, 3, 5, 7]
        assert self.found(IDS.t()) == expected

    def test_one_row_only(self) -> None:
        assert self.found(IDS[0]) is None

    def test_of_a_copy_with_additions(self) -> None:
        given = torch.tensor([[1, 5, 6, 7, 8], [1, 9, 4, 0, 0]])
        positions = positions_by_value(IDS, given, num_rows=2)
        assert positions is not None
        result = by_row(positions, IDS, num_rows=2)
        assert result is not None and result.order is None
        assert result.positions.tolist() == [
            [ADDED, 0, 1, 2, 3],
            [ADDED, 0, 1, NOWHERE, NOWHERE],
        ]
