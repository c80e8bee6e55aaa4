"""Makes tensors of instances, and takes rows from tensors."""

from typing import Any, Dict, Sequence

import torch
from allennlp.data import Instance
from allennlp.data.batch import Batch
from allennlp.models import Model
from allennlp.nn import util

TensorDict = Dict[str, Any]


def device_of(model: torch.nn.Module) -> torch.device:
    """The device of a model's parameters."""
    return next(model.parameters()).device


def to_tensors(instances: Sequence[Instance], model: Model, padding: int = 0) -> TensorDict:
    """
    The instances as one batch on the model's device.

    # Parameters

    padding : `int`, optional (default = `0`)
        The number of elements added to each dimension, as if the batch had a longer instance.
    """
    batch = Batch(instances)
    batch.index_instances(model.vocab)
    lengths = {
        field: {name: length + padding for name, length in field_lengths.items()}
        for field, field_lengths in batch.get_padding_lengths().items()
    }
    tensors: TensorDict = util.move_to_device(batch.as_tensor_dict(lengths), device_of(model))
    return tensors


def fresh(value: Any) -> Any:
    """A copy: a model may take items out of its arguments, and write into its tensors."""
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: fresh(item) for key, item in value.items()}
    return [fresh(item) for item in value] if isinstance(value, list) else value


def on_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """
    A copy on a device. It does not wait for a GPU. The tensor may be changed as soon as this
    returns.
    """
    return tensor.to(device, non_blocking=True) if device.type != "cpu" else tensor.to(device)


def row_index(rows: Sequence[int], device: torch.device) -> torch.Tensor:
    """Shape: (len(rows),)."""
    return on_device(torch.tensor(rows, dtype=torch.long), device)


def take_rows(value: Any, rows: Sequence[int], index: torch.Tensor, batch_size: int) -> Any:
    """
    The batch that has row `rows[r]` of the given batch as its row r. Values without rows, such as a
    flag, are kept.

    # Parameters

    index : `torch.LongTensor`
        The rows, on the device of the tensors.
    """
    if isinstance(value, torch.Tensor):
        has_rows = value.dim() > 0 and value.size(0) == batch_size
        # A model may give some outputs on the CPU.
        return value.index_select(0, index.to(value.device)) if has_rows else value
    if isinstance(value, dict):
        return {name: take_rows(item, rows, index, batch_size) for name, item in value.items()}
    if isinstance(value, list) and len(value) == batch_size:
        return [value[row] for row in rows]
    return value


def rows_at(tensor: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    """Some rows of a tensor. Shape: (len(rows), ...)."""
    return tensor.index_select(0, row_index(rows, tensor.device))
