"""Recurrent layers whose gradient is wanted: the same numbers by a way that is fast backwards."""

from contextlib import contextmanager
from typing import Any, Callable, ContextManager, Iterator, List, Tuple

import torch
from torch.nn.utils.rnn import PackedSequence

from biome_interpret.models.execution import lstm
from biome_interpret.models.isolation.patching import patched

# h, or (h, c) of an LSTM. Shape of each: (layers · directions, rows, hidden).
Hidden = Any


# Of which the steps of many rows take hardly longer than those of one.
_NARROW = 512


def narrow_recurrence(model: torch.nn.Module) -> bool:
    """Whether the model has recurrent layers, none of them wide."""
    sizes = [m.hidden_size for m in model.modules() if isinstance(m, torch.nn.RNNBase)]
    return bool(sizes) and max(sizes) <= _NARROW


def fast_way(module: torch.nn.RNNBase) -> ContextManager[None]:
    """
    On the CPU, PyTorch cuts each time step out of a packed sequence, and every cut's gradient is as
    large as the whole: time and memory grow with the square of its length. Here sequences of one
    length are run as a plain tensor, and LSTMs by a way of their own, where that is faster (see
    `lstm`). cuDNN's layers refuse a backward pass in evaluation mode: for the time being they are
    in training mode, without the dropout that this would bring.
    """
    return _trainable(module) if next(module.parameters()).is_cuda else _unpacked(module)


@contextmanager
def _trainable(module: torch.nn.RNNBase) -> Iterator[None]:
    training, dropout = module.training, module.dropout
    # In this order, so that at no moment anything is dropped out.
    module.dropout, module.training = 0.0, True
    try:
        yield
    finally:
        module.training, module.dropout = training, dropout


def _unpacked(module: torch.nn.RNNBase) -> ContextManager[None]:
    def around(forward: Callable, inputs: Any, hx: Hidden = None) -> Tuple[Any, Hidden]:
        if isinstance(inputs, PackedSequence):
            return _by_length(module, forward, inputs, hx)
        if inputs.dim() < 3:  # A text without a batch.
            return forward(inputs, hx)
        output, hidden = _of_one_length(module, forward, _turned(module, inputs), hx)
        return _turned(module, output), hidden

    return patched(module, around)


def _of_one_length(
    module: torch.nn.RNNBase, forward: Callable, steps: torch.Tensor, hx: Hidden
) -> Tuple[torch.Tensor, Hidden]:
    """What the module makes of (steps, rows, dim): (steps, rows, output_dim) and its states."""
    if lstm.is_faster(module, steps, hx):
        return lstm.run(module, steps, hx)
    output, hidden = forward(_turned(module, steps), hx)
    return _turned(module, output), hidden


def _turned(module: torch.nn.RNNBase, lines: torch.Tensor) -> torch.Tensor:
    """From (steps, rows, ...) to the order that the module has, and back."""
    return lines.transpose(0, 1) if module.batch_first else lines


def _by_length(
    module: torch.nn.RNNBase, forward: Callable, packed: PackedSequence, hx: Hidden
) -> Tuple[PackedSequence, Hidden]:
    """What the module makes of a packed sequence, from plain tensors of one length each."""
    hx = None if hx is None else module.permute_hidden(hx, packed.sorted_indices)
    outputs: List[torch.Tensor] = []
    hiddens: List[Hidden] = []
    places = _places(packed.batch_sizes)
    first = 0
    for place in places:
        # Shape: (steps, rows, dim).
        steps = packed.data[place.flatten()].reshape(*place.shape, -1)
        rows = slice(first, first + place.size(1))
        part = None if hx is None else _rows_of(hx, rows)
        output, hidden = _of_one_length(module, forward, steps, part)
        outputs.append(output.reshape(-1, output.size(-1)))
        hiddens.append(hidden)
        first = rows.stop
    order = torch.cat([place.flatten() for place in places]).argsort()
    data = torch.cat(outputs)[order]
    return (
        PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices),
        module.permute_hidden(_joined(hiddens), packed.unsorted_indices),
    )


def _places(batch_sizes: torch.Tensor) -> List[torch.Tensor]:
    """
    For each length of sequence, longest first, where its steps stand in the packed data.
    Shapes: (steps, rows).
    """
    starts = batch_sizes.cumsum(0) - batch_sizes
    num_rows = int(batch_sizes[0])
    lengths = (batch_sizes.unsqueeze(0) > torch.arange(num_rows).unsqueeze(1)).sum(dim=1)
    places: List[torch.Tensor] = []
    for length, count in zip(*torch.unique_consecutive(lengths, return_counts=True)):
        first = sum(place.size(1) for place in places)
        rows = torch.arange(first, first + int(count))
        places.append(starts[: int(length)].unsqueeze(1) + rows)
    return places


def _rows_of(hidden: Hidden, rows: slice) -> Hidden:
    if isinstance(hidden, tuple):
        return tuple(part[:, rows].contiguous() for part in hidden)
    return hidden[:, rows].contiguous()


def _joined(hiddens: List[Hidden]) -> Hidden:
    if isinstance(hiddens[0], tuple):
        return tuple(torch.cat(parts, dim=1) for parts in zip(*hiddens))
    return torch.cat(hiddens, dim=1)
