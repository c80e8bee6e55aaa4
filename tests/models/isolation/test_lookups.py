"""Ids beyond the rows of an embedding are refused before a GPU sees them."""

import threading
from typing import Any, List

import pytest
import torch

from biome_interpret.models.isolation.lookups import checked_lookups

GPU = torch.device("cuda")  # None is needed: the embeddings here are on the CPU.


def test_an_id_beyond_the_rows_is_an_index_error() -> None:
    embedding, lookup = torch.nn.Embedding(3, 2), torch.nn.functional.embedding
    with checked_lookups(GPU):
        assert torch.equal(embedding(torch.tensor([2, 0])), embedding.weight[[2, 0]])
        assert embedding(torch.zeros(0, dtype=torch.long)).shape == (0, 2)
        with pytest.raises(IndexError, match="the id 3 is beyond the 3 rows"):
            embedding(torch.tensor([[0], [3]]))
    assert torch.nn.functional.embedding is lookup


def test_other_threads_look_up_as_before() -> None:
    found: List[Any] = []

    def run() -> None:
        try:
            torch.nn.Embedding(3, 2)(torch.tensor([3]))
        except IndexError as error:
            found.append(str(error))

    with checked_lookups(GPU):
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    [message] = found
    assert "beyond the 3 rows" not in message  # It is PyTorch's own.


def test_on_the_cpu_nothing_changes() -> None:
    lookup = torch.nn.functional.embedding
    with checked_lookups(torch.device("cpu")):
        assert torch.nn.functional.embedding is lookup
