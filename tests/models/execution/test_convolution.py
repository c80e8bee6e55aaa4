"""A `CnnEncoder` that goes its fast way gives what AllenNLP's own way gives."""

from typing import Any, Iterator, List, Optional, Tuple

import pytest
import torch
from allennlp.modules.seq2vec_encoders import CnnEncoder
from allennlp.nn import Activation

from biome_interpret.models.execution.layers import fast_backward
from biome_interpret.models.execution.lines import Lines

DIM, LENGTH = 6, 9
NODES = [0.3, 1.0, 0.0, 0.7, 0.1]


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    # AllenNLP's way of masking takes the default type for the module's.
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def encoder(activation: str = "relu", **options: Any) -> CnnEncoder:
    torch.manual_seed(0)
    options = {"num_filters": 7, **options}
    layer = Activation.by_name(activation)()
    module = CnnEncoder(DIM, conv_layer_activation=layer, **options).eval()
    for parameter in module.parameters():
        parameter.requires_grad = False
    return module


def points(num_lines: int, from_zero: bool, parts: int = 1) -> Tuple[torch.Tensor, Lines]:
    """On each line all nodes, and parts of so many to each row."""
    torch.manual_seed(1)
    high = torch.randn(num_lines, parts, LENGTH, DIM)
    low = torch.zeros_like(high) if from_zero else torch.randn_like(high)
    numbers = [line for line in range(num_lines) for _ in NODES]
    nodes = NODES * num_lines
    found = torch.lerp(low[numbers], high[numbers], torch.tensor(nodes).reshape(-1, 1, 1, 1))
    return found.flatten(0, 1).requires_grad_(), Lines(numbers, nodes)


def masks(num_rows: int, lengths: List[int]) -> torch.Tensor:
    per_line = torch.arange(LENGTH) < torch.tensor(lengths).unsqueeze(1)
    return per_line.repeat_interleave(num_rows // len(lengths), dim=0)


def run(module: CnnEncoder, x: torch.Tensor, mask: Optional[torch.Tensor]) -> List[torch.Tensor]:
    output = module(x, mask)
    return [output, *torch.autograd.grad((output * torch.arange(output.size(1))).sum(), x)]


def assert_same(
    module: CnnEncoder, x: torch.Tensor, mask: Optional[torch.Tensor], lines: Optional[Lines]
) -> None:
    expected = run(module, x, mask)
    with fast_backward(module, lines):
        found = run(module, x, mask)
    for one, other in zip(expected, found):
        assert torch.allclose(one, other, atol=1e-12)
    assert "forward" not in vars(module)


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus", "linear", "gelu", "swish"])
@pytest.mark.parametrize("from_zero", [True, False])
@pytest.mark.parametrize("knows_lines", [True, False])
@pytest.mark.parametrize("lengths", [None, [9, 9, 9], [9, 6, 1]])
def test_outputs_and_gradients_are_the_same(
    activation: str, from_zero: bool, knows_lines: bool, lengths: Optional[List[int]]
) -> None:
    x, lines = points(3, from_zero)
    mask = None if lengths is None else masks(len(x), lengths)
    assert_same(encoder(activation), x, mask, lines if knows_lines else None)


@pytest.mark.parametrize(
    "options",
    [
        {"ngram_filter_sizes": (3,)},
        {"ngram_filter_sizes": (1,)},
        {"ngram_filter_sizes": (9, 1)},
        {"output_dim": 3},
        {"num_filters": 1},
    ],
)
@pytest.mark.parametrize("from_zero", [True, False])
def test_whatever_the_module_is_like(options: Any, from_zero: bool) -> None:
    x, lines = points(2, from_zero)
    assert_same(encoder(**options), x, masks(len(x), [9, 4]), lines)


@pytest.mark.parametrize("from_zero", [True, False])
def test_sequences_that_are_parts_of_rows(from_zero: bool) -> None:
    x, lines = points(2, from_zero, parts=3)
    mask = masks(len(x), [9, 4] * (len(x) // 2))
    mask = mask.reshape(2, -1, 3, LENGTH)[:, :1].expand(2, len(NODES), 3, LENGTH).flatten(0, 2)
    assert_same(encoder(), x, mask, lines)


@pytest.mark.parametrize("from_zero", [True, False])
def test_the_ends_alone_are_convolved_and_nothing_backwards(from_zero: bool) -> None:
    x, lines = points(3, from_zero)
    module = encoder()
    with torch.profiler.profile(record_shapes=True) as profile, fast_backward(module, lines):
        run(module, x, None)
    found = [event for event in profile.events() if "conv" in event.name.lower()]
    assert {event.name for event in found} >= {"aten::conv1d"}
    assert not any("backward" in event.name.lower() for event in found)
    assert [e.input_shapes[0][0] for e in found if e.name == "aten::conv1d"] == [
        3 if from_zero else 2 * 3
    ]


def test_a_layer_that_is_looked_at_is_called() -> None:
    x, lines = points(1, from_zero=False)
    module, seen = encoder(), []
    module.conv_layer_0.register_forward_hook(lambda _, given, output: seen.append(output))
    with fast_backward(module, lines):
        run(module, x, None)
    assert len(seen) == 1


def test_rows_that_left_their_lines_are_looked_at_each() -> None:
    x, lines = points(2, from_zero=False)
    curved = (x + 1e-3 * x**2).detach().requires_grad_()
    assert_same(encoder(), curved, None, lines)


def test_a_repeated_window_counts_where_it_comes_first() -> None:
    x, lines = points(1, from_zero=True)
    repeated = x.detach()
    repeated[:, 4:8] = repeated[:, :4]
    assert_same(encoder(), repeated.requires_grad_(), None, lines)


def test_gradients_agree_with_finite_differences() -> None:
    x, lines = points(1, from_zero=False)
    module = encoder("tanh")
    with fast_backward(module, lines):
        # Rows that are moved one by one are on no line any more: of all of them the same is asked.
        assert torch.autograd.gradcheck(lambda rows: module(rows, masks(5, [7])), x)


def test_a_text_shorter_than_the_widest_filter_fails_as_ever() -> None:
    x = torch.randn(2, 4, DIM, requires_grad=True)
    module = encoder()
    with pytest.raises(RuntimeError) as expected:
        module(x, None)
    with fast_backward(module), pytest.raises(RuntimeError) as found:
        module(x, None)
    assert str(found.value) == str(expected.value)


def test_gradients_by_parameters_are_there_where_they_are_wanted() -> None:
    x, lines = points(1, from_zero=True)
    module = encoder()
    module.conv_layer_1.weight.requires_grad = True
    expected = torch.autograd.grad(module(x, None).sum(), module.conv_layer_1.weight)
    with fast_backward(module, lines):
        found = torch.autograd.grad(module(x, None).sum(), module.conv_layer_1.weight)
    assert torch.equal(found[0], expected[0])


def test_other_numbers_go_the_modules_own_way() -> None:
    x, lines = points(1, from_zero=True)
    module = encoder().bfloat16()
    assert_same(module, x.detach().bfloat16().requires_grad_(), None, lines)


def test_weights_that_were_written_into_are_the_ones() -> None:
    x, lines = points(1, from_zero=False)
    module = encoder()
    assert_same(module, x, None, lines)
    module.conv_layer_0.weight.data.mul_(-1.0)
    assert_same(module, x, None, lines)


def test_without_gradients_the_module_goes_its_own_way() -> None:
    x, lines = points(2, from_zero=True)
    module = encoder()
    with torch.no_grad(), fast_backward(module, lines):
        found = module(x, None)
    assert torch.equal(found, module(x, None))


def test_lines_know_their_ends() -> None:
    lines = Lines([1, 0, 1, 0, 0, 2, 1, 0], [0.5, 1.0, 0.25, 0.2, 0.6, 0.3, 1.0, 0.4])
    ends = lines.ends(torch.float64)
    assert ends is not None
    assert ends.rows.tolist() == [3, 2, 5, 1, 6, 5]
    expected = [1 / 3, 1.0, 0.0, 0.0, 0.5, 0.0, 1.0, 0.25]
    assert ends.share.flatten().tolist() == pytest.approx(expected)


def test_lines_of_two_rows_have_nothing_between_their_ends() -> None:
    assert Lines([0, 1, 0, 1], [0.0, 0.0, 1.0, 1.0]).ends(torch.float32) is None
    assert Lines([0, 1, 2], [0.5, 0.1, 1.0]).ends(torch.float32) is None
