"""
Makes the backward pass of recurrent layers linear in the length of the text.

On the CPU, PyTorch cuts each time step out of a packed sequence. The gradient of each cut is as
large as the whole sequence: time and memory grow with the square of the length. Here the layer runs
all sequences of one length as a plain tensor.
"""

from contextlib import ExitStack, contextmanager
from typing import Any, Callable, ContextManager, Iterator, List, Sequence, Tuple

import torch
from torch.nn.utils.rnn import PackedSequence

from biome_interpret.models.isolation.patching import patched

# h, or (h, c) of an LSTM. Shape of each: (layers · directions, rows, hidden).
Hidden = Any
Forward = Callable[..., Tuple[Any, Hidden]]

# A class with one of its own may take and return something else.
_FORWARDS = [cls.forward for cls in (torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN)]


def recurrent_layers(model: torch.nn.Module) -> List[torch.nn.RNNBase]:
    return [module for module in model.modules() if isinstance(module, torch.nn.RNNBase)]


@contextmanager
def differentiable_recurrence(layers: Sequence[torch.nn.RNNBase]) -> Iterator[None]:
    """Makes recurrent layers quick to differentiate, for this thread only."""
    with ExitStack() as stack:
        for layer in layers:
            is_cuda = next(layer.parameters()).is_cuda
            if is_cuda:
                stack.enter_context(_trainable(layer))
            elif type(layer).forward in _FORWARDS:
                stack.enter_context(_unpacked(layer))
        yield


@contextmanager
def _trainable(module: torch.nn.RNNBase) -> Iterator[None]:
    """cuDNN refuses a backward pass in evaluation mode."""
    training, dropout = module.training, module.dropout
    # In this order, since other threads use the layer too: they must not drop anything.
    module.dropout, module.training = 0.0, True
    try:
        yield
    finally:
        module.training, module.dropout = training, dropout


def _unpacked(module: torch.nn.RNNBase) -> ContextManager[None]:
    # The names are those of PyTorch: a model may give them.
    def run(forward: Forward, input: Any, hx: Hidden = None) -> Tuple[Any, Hidden]:
        if isinstance(input, PackedSequence):
            return _run_by_length(module, forward, input, hx)
        return forward(input, hx)

    return patched(module, run)


def _run_by_length(
    module: torch.nn.RNNBase, forward: Forward, packed: PackedSequence, hx: Hidden
) -> Tuple[PackedSequence, Hidden]:
    """The output for a packed sequence, from one plain tensor for each length."""
    hx = None if hx is None else module.permute_hidden(hx, packed.sorted_indices)
    outputs: List[torch.Tensor] = []
    states: List[Hidden] = []
    positions = _positions_by_length(packed.batch_sizes)
    first = 0
    for position in positions:
        # Shape: (steps, rows, dim)
        steps = packed.data[position.flatten()].reshape(*position.shape, -1)
        rows = slice(first, first + position.size(1))
        output, state = forward(
            _batch_order(module, steps), None if hx is None else _rows_of(hx, rows)
        )
        outputs.append(_batch_order(module, output).reshape(-1, output.size(-1)))
        states.append(state)
        first = rows.stop
    order = torch.cat([position.flatten() for position in positions]).argsort()
    data = torch.cat(outputs)[order]
    return (
        PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices),
        module.permute_hidden(_concatenated(states), packed.unsorted_indices),
    )


def _batch_order(module: torch.nn.RNNBase, steps: torch.Tensor) -> torch.Tensor:
    """From (steps, rows, ...) to the order of the module, and back."""
    return steps.transpose(0, 1) if module.batch_first else steps


def _positions_by_length(batch_sizes: torch.Tensor) -> List[torch.Tensor]:
    """
    For each length of sequence, longest first, the positions of its steps in the packed data.
    Shapes: (steps, rows).
    """
    starts = batch_sizes.cumsum(0) - batch_sizes
    num_rows = int(batch_sizes[0])
    lengths = (batch_sizes.unsqueeze(0) > torch.arange(num_rows).unsqueeze(1)).sum(dim=1)
    positions: List[torch.Tensor] = []
    first = 0
    for length, count in zip(*torch.unique_consecutive(lengths, return_counts=True)):
        rows = torch.arange(first, first + int(count))
        positions.append(starts[: int(length)].unsqueeze(1) + rows)
        first += int(count)
    return positions


def _rows_of(hidden: Hidden, rows: slice) -> Hidden:
    if isinstance(hidden, tuple):
        return tuple(part[:, rows].contiguous() for part in hidden)
    return hidden[:, rows].contiguous()


def _concatenated(states: List[Hidden]) -> Hidden:
    if isinstance(states[0], tuple):
        return tuple(torch.cat(parts, dim=1) for parts in zip(*states))
    return torch.cat(states, dim=1)
