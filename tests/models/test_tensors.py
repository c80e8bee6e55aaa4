import pytest
import torch

from biome_interpret.models.tensors import rows_at, take_rows, to_tensors
from tests.models.execution.batches import instances_of
from tests.tiny_models import build_predictor


@pytest.mark.parametrize("rows", [[0, 1, 2], [0, 1], [2], [2, 1, 0], [1, 1, 1], [0, 1, 2, 2]])
def test_rows_are_those_that_are_asked_for(rows: list) -> None:
    tensor = torch.arange(6).reshape(3, 2)
    assert torch.equal(rows_at(tensor, rows), tensor[rows])


def test_rows_are_taken_from_everything_that_has_rows() -> None:
    batch = {
        "tokens": {"ids": torch.arange(6).reshape(3, 2)},
        "metadata": ["first", "second", "third"],
        "scale": torch.tensor(2.0),
        "matrix": torch.zeros(2, 3),
        "pair": ["left", "right"],
        "flag": True,
    }
    taken = take_rows(batch, [2, 0, 2, 1], torch.tensor([2, 0, 2, 1]), batch_size=3)
    assert taken["tokens"]["ids"].tolist() == [[4, 5], [0, 1], [4, 5], [2, 3]]
    assert taken["metadata"] == ["third", "first", "third", "second"]
    for name in ("scale", "matrix", "pair", "flag"):
        assert taken[name] is batch[name]


def test_padding_is_appended_to_each_text() -> None:
    predictor = build_predictor("embedding_and_characters")
    instances = instances_of(predictor, ["a dull film", "dull"])
    plain = to_tensors(instances, predictor._model)["tokens"]
    padded = to_tensors(instances, predictor._model, padding=2)["tokens"]
    ids = padded["tokens"]["tokens"]
    assert ids.shape == (2, 3 + 2)
    assert torch.equal(ids[:, :3], plain["tokens"]["tokens"])
    assert not ids[:, 3:].any()
    # Shape: (texts, tokens, characters). Both dimensions of a text are padded.
    [characters] = padded["characters"].values()
    [before] = plain["characters"].values()
    assert characters.shape == (2, before.size(1) + 2, before.size(2) + 2)
    assert torch.equal(characters[:, :3, : before.size(2)], before)
