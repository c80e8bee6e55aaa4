"""Recurrent layers over packed sequences give what PyTorch's own way gives."""

import threading
from typing import Any, Optional

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from biome_interpret.models.execution.layers import fast_backward

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
    with fast_backward(module):
        found = run()
    for one, other in zip(expected, found):
        assert torch.allclose(one, other, atol=1e-12)
    assert "forward" not in vars(module)


def test_one_direction_and_a_plain_tensor() -> None:
    module = layer(torch.nn.LSTM, bidirectional=False, num_layers=1, dropout=0.0)
    x = torch.randn(4, 2, 3, dtype=torch.float64)
    with fast_backward(module):
        found, _ = module(x)
    assert torch.equal(found, module(x)[0])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bidirectional": False},
        {"bias": False},
        {"batch_first": True},
        {"num_layers": 1, "dropout": 0.0},
        {"proj_size": 2},
        {"hidden_size": 70},
    ],
    ids=str,
)
@pytest.mark.parametrize("rows", [1, 3, 100])
def test_a_frozen_lstm_is_what_pytorch_s_own_is(options: Any, rows: int) -> None:
    module = frozen(layer(torch.nn.LSTM, **options))
    steps = torch.randn(6, rows, 3, dtype=torch.float64, requires_grad=True)

    def run() -> Any:
        output, (h, c) = module(steps.transpose(0, 1) if module.batch_first else steps)
        # Each of the three by itself, as a model may read only one.
        gradients = [
            torch.autograd.grad(value.cos().sum(), steps, retain_graph=True)[0]
            for value in (output, h, c)
        ]
        return [output, h, c, *gradients]

    expected = run()
    with fast_backward(module):
        found = run()
    for one, other in zip(expected, found):
        assert torch.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("wanted", ["a parameter", "the first states"])
def test_gradients_by_other_things_than_the_inputs_are_not_lost(wanted: str) -> None:
    module = layer(torch.nn.LSTM)
    hx = states(frozen(module), 2)
    other = hx[0] if wanted == "the first states" else module.weight_hh_l0
    other.requires_grad = True
    steps = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)

    def gradient() -> torch.Tensor:
        return torch.autograd.grad(module(steps, hx)[0].cos().sum(), other)[0]

    expected = gradient()
    with fast_backward(module):
        assert torch.allclose(gradient(), expected, atol=1e-12)


def test_a_model_may_write_into_the_last_states() -> None:
    module = frozen(layer(torch.nn.LSTM))
    steps = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)

    def gradient() -> torch.Tensor:
        output, (h, c) = module(steps)
        return torch.autograd.grad(output.sum() + (h.mul_(2) + c.mul_(3)).sum(), steps)[0]

    expected = gradient()
    with fast_backward(module):
        assert torch.allclose(gradient(), expected, atol=1e-12)


def test_its_gradient_is_that_of_finite_differences() -> None:
    module = frozen(layer(torch.nn.LSTM))
    steps = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)
    with fast_backward(module):
        assert torch.autograd.gradcheck(lambda x: module(x)[0], steps)


def test_dropout_in_training_and_a_text_without_a_batch_go_pytorch_s_way() -> None:
    module = frozen(layer(torch.nn.LSTM)).train()
    steps = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(1)
    expected = module(steps)[0]
    torch.manual_seed(1)
    with fast_backward(module):
        assert torch.equal(module(steps)[0], expected)
        alone = module.eval()(steps[:, 0])[0]
        assert torch.allclose(alone, module(steps)[0][:, 0], atol=1e-12)


def test_other_threads_run_the_layer_as_it_is() -> None:
    module = layer(torch.nn.GRU)
    packed = pack_padded_sequence(torch.randn(4, 2, 3, dtype=torch.float64), [4, 2])
    expected = module(packed)[0].data
    found = []
    with fast_backward(module):
        thread = threading.Thread(target=lambda: found.append(module(packed)[0].data))
        thread.start()
        thread.join()
    assert torch.equal(found[0], expected)
