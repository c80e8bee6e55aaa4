import pytest
import torch

from biome_interpret.models.tensors import rows_at


@pytest.mark.parametrize("rows", [[0, 1, 2], [0, 1], [2], [2, 1, 0], [1, 1, 1], [0, 1, 2, 2]])
def test_rows_are_those_that_are_asked_for(rows: list) -> None:
    tensor = torch.arange(6).reshape(3, 2)
    assert torch.equal(rows_at(tensor, rows), tensor[rows])
