"""Instances as tensors, and tensors as rows of one forward pass."""

from functools import lru_cache
from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
from allennlp.data import Instance
from allennlp.data.batch import Batch
from allennlp.data.fields import Field
from allennlp.models import Model
from allennlp.nn import util

TensorDict = Dict[str, Any]


def device_of(model: torch.nn.Module) -> torch.device:
    """Where a model's parameters are."""
    # `Module.parameters` looks at many more modules than the first that has any.
    parameters = (p for module in model.modules() for p in module._parameters.values())
    return next(parameter.device for parameter in parameters if parameter is not None)


def to_tensors(instances: Sequence[Instance], model: Model) -> TensorDict:
    """The instances as one batch on the model's device, as AllenNLP makes it."""
    batch = Batch(instances)
    batch.index_instances(model.vocab)
    return util.move_to_device(batch.as_tensor_dict(), device_of(model))


def to_tensors_without_padding(
    fields: Sequence[Dict[str, Field]], model: Model
) -> Optional[TensorDict]:
    """
    The fields of instances as `to_tensors` makes them; `None` where some of them would be padded
    beside others.
    """
    tensors: TensorDict = {}
    for name, first in fields[0].items():
        column = [of_instance[name] for of_instance in fields]
        if any(field.get_padding_lengths() for field in column):
            return None
        tensors[name] = first.batch_tensors([field.as_tensor({}) for field in column])
    return util.move_to_device(tensors, device_of(model))


def to_padded_tensors(instance: Instance, model: Model, extra: int) -> TensorDict:
    """One instance as it would stand beside one that is longer, in every way, by so many."""
    batch = Batch([instance])
    batch.index_instances(model.vocab)
    lengths = {
        field: {name: length + extra for name, length in field_lengths.items()}
        for field, field_lengths in batch.get_padding_lengths().items()
    }
    return util.move_to_device(batch.as_tensor_dict(lengths), device_of(model))


def share_content(one: Field, other: Field) -> bool:
    """Whether two fields hold the very same objects, as a copy and its original do."""
    if type(one) is not type(other):
        return False
    kind: Any = type(one)
    names = [*_slots(kind), *getattr(one, "__dict__", ())]
    return all(getattr(one, name, None) is getattr(other, name, None) for name in names)


@lru_cache(maxsize=64)
def _slots(kind: Any) -> Tuple[str, ...]:
    slots = [name for parent in kind.__mro__ for name in getattr(parent, "__slots__", ())]
    return tuple(name for name in slots if name != "__dict__")


def take_rows(value: Any, rows: torch.Tensor, batch_size: int) -> Any:
    """
    A batch whose row r is row `rows[r]` of the given one, of `batch_size` rows. What is not laid
    out by rows, such as a flag, stays.
    """
    if isinstance(value, torch.Tensor):
        has_rows = value.dim() > 0 and value.size(0) == batch_size
        return value.index_select(0, rows) if has_rows else value
    if isinstance(value, dict):
        return {key: take_rows(item, rows, batch_size) for key, item in value.items()}
    if isinstance(value, list) and len(value) == batch_size:
        return [value[row] for row in rows.tolist()]
    return value


def rows_at(tensor: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
    """Some rows of a tensor; the tensor itself, where they are all of them in their order."""
    if len(rows) == len(tensor) and all(place == row for place, row in enumerate(rows)):
        return tensor
    return tensor.index_select(0, torch.tensor(rows, device=tensor.device))


def chunks(items: List[Any], size: int) -> List[List[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
