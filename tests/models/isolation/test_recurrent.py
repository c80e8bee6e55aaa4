"""Recurrent layers over packed sequences give the same as PyTorch's own."""

import threading
from typing import Any, Optional

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from biome_interpret.models.isolation.recurrent import differentiable_recurrence, recurrent_layers

LENGTHS = [[5, 5, 5], [1], [7, 4, 4, 1], [2, 7, 4, 2, 7]]


def layer(kind: type, **options: Any) -> torch.nn.RNNBase:
    torch.manual_seed(0)
    options = {"num_layers": 2, "dropout": 0.5, "bidirectional": True, **options}
    return kind(3, options.pop("hidden_size", 4), **options).double().eval()


def frozen(module: torch.nn.RNNBase) -> torch.nn.RNNBase:
    for parameter in module.parameters():
        parameter.requires_grad = False
    return module


def states(module: torch.nn.RNNBase, rows: int) -> Any:
    shape = (module.num_layers * (1 + module.bidirectional), rows, module.hidden_size)
    h, c = torch.randn(2, *shape, dtype=torch.float64)
    return (h, c) if isinstance(module, torch.nn.LSTM) else h


def flat(hidden: Any) -> torch.Tensor:
    return torch.cat(hidden) if isinstance(hidden, tuple) else hidden


@pytest.mark.parametrize("kind", [torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN])
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("with_states", [True, False])
@pytest.mark.parametrize("is_frozen", [True, False])
def test_outputs_states_and_gradients_are_the_same(
    kind: type, lengths: list, batch_first: bool, with_states: bool, is_frozen: bool
) -> None:
    module = layer(kind, batch_first=batch_first)
    module = frozen(module) if is_frozen else module
    x = torch.randn(len(lengths), max(lengths), 3, dtype=torch.float64, requires_grad=True)
    hx: Optional[Any] = states(module, len(lengths)) if with_states else None

    def run() -> list:
        inputs = x if batch_first else x.transpose(0, 1)
        packed = pack_padded_sequence(inputs, lengths, batch_first, enforce_sorted=False)
        output, hidden = module(packed, hx)
        assert isinstance(output, PackedSequence)
        value = (output.data**2).sum() + (flat(hidden) ** 3).sum()
        return [output.data, flat(hidden), *torch.autograd.grad(value, x)]

    expected = run()
    with differentiable_recurrence(recurrent_layers(module)):
        found = run()
    for one, other in zip(expected, found):
        assert torch.allclose(one, other, atol=1e-12)
    assert "forward" not in vars(module)


def test_one_direction_and_a_plain_tensor() -> None:
    module = layer(torch.nn.LSTM, bidirectional=False, num_layers=1, dropout=0.0)
    x = torch.randn(4, 2, 3, dtype=torch.float64)
    with differentiable_recurrence(recurrent_layers(module)):
        found, _ = module(x)
    assert torch.equal(found, module(x)[0])


class WithMore(torch.nn.LSTM):
    """It takes and returns something else than PyTorch's."""

    def forward(self, input: Any, scale: float = 1.0) -> Any:  # type: ignore[override]
        output, (h, _) = super().forward(input)
        return scale * output, h


def test_it_may_be_called_in_any_way() -> None:
    module = layer(torch.nn.GRU)
    x = torch.randn(4, 2, 3, dtype=torch.float64)
    own = layer(WithMore, bidirectional=False)
    with differentiable_recurrence(recurrent_layers(torch.nn.ModuleList([module, own]))):
        found, more = module(input=x)[0], own(x, scale=2.0)
    assert torch.equal(found, module(x)[0])
    assert torch.equal(more[0], own(x, scale=2.0)[0])


def test_other_threads_run_the_layer_as_it_is() -> None:
    module = layer(torch.nn.GRU)
    packed = pack_padded_sequence(torch.randn(4, 2, 3, dtype=torch.float64), [4, 2])
    expected = module(packed)[0].data
    found = []
    with differentiable_recurrence(recurrent_layers(module)):
        thread = threading.Thread(target=lambda: found.append(module(packed)[0].data))
        thread.start()
        thread.join()
    assert torch.equal(found[0], expected)
