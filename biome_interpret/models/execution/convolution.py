"""
AllenNLP's `CnnEncoder`, where no other gradient is wanted than that by its input: the same numbers
with fewer operations. Of each filter the maximum over all windows goes on, so that its gradient is
that of one window, instead of a convolution's; and what a filter makes of points on a straight line
is on a straight line again, so that it is asked about the ends alone.
"""

from functools import lru_cache
from typing import Any, Callable, ContextManager, List, Optional, Sequence, Tuple
from weakref import WeakKeyDictionary

import numpy
import torch
from allennlp.modules.seq2vec_encoders import CnnEncoder
from allennlp.nn.util import min_value_of_dtype
from torch.autograd.function import once_differentiable
from torch.nn import functional

from biome_interpret.models.execution.lines import Ends, Lines
from biome_interpret.models.isolation.patching import patched

# Of these it makes no difference whether they or the maximum come first, and the gradient neither.
_RISING = (torch.nn.ReLU, torch.nn.ReLU6, torch.nn.Tanh, torch.nn.Sigmoid, torch.nn.Softplus)


class _Filters:
    """
    Those of some layers, of all widths as if they were of the largest: narrow ones are filled up
    with zeros.
    """

    def __init__(self, layers: Sequence[Any]) -> None:
        self._copies = [parameter.clone() for parameter in _parameters(layers)]
        counts = [layer.out_channels for layer in layers]
        # Of each filter.
        self.widths = tuple(_width(layer) for layer in layers for _ in range(layer.out_channels))
        self.widest = max(self.widths)
        # Shape: (filters, largest width, dim).
        size = (len(self.widths), self.widest, layers[0].in_channels)
        self.weights = layers[0].weight.new_zeros(size)
        for part, layer in zip(self.weights.split(counts), layers):
            part[:, : _width(layer)].copy_(layer.weight.transpose(1, 2))
        # Shape: (filters,).
        self.bias = torch.cat([layer.bias for layer in layers])

    @classmethod
    def of(cls, module: CnnEncoder) -> "_Filters":
        """As they are now: put together anew where they have changed since the last time."""
        layers, known = _layers(module), _known.get(module)
        if known is None or not known._are_of(layers):
            known = _known[module] = cls(layers)
        return known

    def _are_of(self, layers: Sequence[Any]) -> bool:
        # By their numbers, since whoever writes into a parameter's `data` leaves no other trace.
        pairs = list(zip(_parameters(layers), self._copies))
        return all(now.dtype == then.dtype and torch.equal(now, then) for now, then in pairs)


_known: "WeakKeyDictionary[CnnEncoder, _Filters]" = WeakKeyDictionary()


def fast_way(module: CnnEncoder, lines: Optional[Lines]) -> ContextManager[None]:
    """
    # Parameters

    lines : `Lines`, optional
        On which the rows of the pass stand, where that is known. Whether they still do when they
        arrive at the module is looked at.
    """

    def around(
        forward: Callable[..., torch.Tensor], tokens: torch.Tensor, mask: Optional[torch.Tensor]
    ) -> torch.Tensor:
        # Shape of the tokens: (rows of the pass, or a multiple of them, positions, dim).
        is_faster = _is_faster(module, tokens)
        return _run(module, tokens, mask, lines) if is_faster else forward(tokens, mask)

    return patched(module, around)


def _run(
    module: CnnEncoder, tokens: torch.Tensor, mask: Optional[torch.Tensor], lines: Optional[Lines]
) -> torch.Tensor:
    """Shape: (sequences, output_dim)."""
    lengths = None if mask is None or bool(mask.all()) else mask.sum(dim=1)
    if mask is not None and lengths is not None:
        tokens = tokens * mask.unsqueeze(-1)
    filters = _Filters.of(module)
    found = module._activation(_Strongest.apply(tokens, lengths, filters, lines))
    if lengths is not None:
        found = _without_absent(found, lengths, filters)
    return found if module.projection_layer is None else module.projection_layer(found)


def _is_faster(module: CnnEncoder, tokens: torch.Tensor) -> bool:
    """Whether there is another way to what the module would give."""
    if type(module) is not CnnEncoder or type(module._activation) not in _RISING:
        return False
    if not torch.is_grad_enabled() or not tokens.requires_grad:
        return False
    if tokens.is_cuda or torch.is_autocast_cpu_enabled():
        return False
    # PyTorch sums weights in these alone.
    if tokens.dtype not in (torch.float32, torch.float64):
        return False
    layers = _layers(module)
    if any(type(layer) is not torch.nn.Conv1d for layer in layers):
        return False
    if any(parameter.requires_grad for parameter in _parameters(layers)):
        return False
    # Who looks at a layer's output, or makes its weights anew each time, wants it to be called.
    if any(layer._forward_hooks or layer._forward_pre_hooks for layer in layers):
        return False
    return tokens.size(1) >= max(map(_width, layers))


def _layers(module: CnnEncoder) -> List[Any]:
    """One for each width of filters."""
    count = len(module._convolution_layers)
    return [getattr(module, f"conv_layer_{number}") for number in range(count)]


def _parameters(layers: Sequence[Any]) -> List[torch.Tensor]:
    return [parameter for layer in layers for parameter in (layer.weight, layer.bias)]


def _width(layer: Any) -> int:
    return layer.kernel_size[0]


def _without_absent(found: torch.Tensor, lengths: torch.Tensor, filters: _Filters) -> torch.Tensor:
    """Zeros from filters that are wider than a text: they find nothing in it."""
    if int(lengths.min()) >= filters.widest:
        return found
    return found.masked_fill(lengths.unsqueeze(1) < torch.tensor(filters.widths), 0.0)


class _Strongest(torch.autograd.Function):
    """Each filter's maximum over the windows of each sequence."""

    @staticmethod
    def forward(
        ctx: Any,
        tokens: torch.Tensor,
        lengths: Optional[torch.Tensor],
        filters: _Filters,
        lines: Optional[Lines],
    ) -> torch.Tensor:
        """
        tokens : (sequences, positions, dim). lengths : (sequences,), all of their size if not
        given. Returns (sequences, filters).
        """
        found = None if lines is None else _between(lines, tokens, lengths, filters)
        if found is None:
            found = _responses(tokens, lengths, filters).max(dim=-1)
        values, windows = found
        ctx.windows, ctx.weights, ctx.shape = windows, filters.weights, tokens.shape
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[Any, ...]:
        (num_sequences, length, dim), num_filters = ctx.shape, gradient.size(1)
        # The first position of each filter's window, those of all sequences in one count.
        first = length * numpy.arange(num_sequences)
        starts = (ctx.windows.numpy() + first[:, None]).ravel()
        counts = numpy.bincount(starts, minlength=num_sequences * length)
        # Of small numbers NumPy's sort is by far the fastest.
        small = numpy.int16 if num_sequences * length < 2**15 else numpy.int32
        order = torch.from_numpy(starts.astype(small).argsort(kind="stable"))
        # What the windows that begin at a position say, put together.
        by_start = functional.embedding_bag(
            order % num_filters,
            ctx.weights.flatten(1),
            torch.from_numpy(counts.cumsum() - counts),
            mode="sum",
            per_sample_weights=gradient.flatten().index_select(0, order),
        )
        by_start = by_start.reshape(num_sequences, length, -1, dim)
        found = by_start[:, :, 0].contiguous()
        for step in range(1, by_start.size(2)):
            found[:, step:].add_(by_start[:, :-step, step])
        return found, None, None, None


def _responses(
    tokens: torch.Tensor, lengths: Optional[torch.Tensor], filters: _Filters
) -> torch.Tensor:
    """
    What each filter makes of the window that begins at each position; the least number there is,
    where it reaches beyond the text. Shape: (sequences, filters, positions).
    """
    length = tokens.size(1)
    padded = functional.pad(tokens, (0, 0, 0, filters.widest - 1)).transpose(1, 2)
    found = functional.conv1d(padded, filters.weights.transpose(1, 2), filters.bias)
    if lengths is None:
        beyond = _beyond(length, filters.widths)
    else:
        last = lengths.unsqueeze(1) - torch.tensor(filters.widths)
        beyond = torch.arange(length) > last.unsqueeze(2)
    return found.masked_fill_(beyond, min_value_of_dtype(found.dtype))


@lru_cache(maxsize=32)
def _beyond(length: int, widths: Tuple[int, ...]) -> torch.Tensor:
    """Which windows reach beyond a text without padding. Shape: (filters, positions)."""
    return torch.arange(length) > (length - torch.tensor(widths)).unsqueeze(1)


@lru_cache(maxsize=32)
def _direction(dim: int, dtype: torch.dtype) -> torch.Tensor:
    """Of the space of embeddings, along no axis and no diagonal. Shape: (dim,)."""
    return (2.4 * torch.arange(dim, dtype=torch.float64)).cos().to(dtype)


def _between(
    lines: Lines, tokens: torch.Tensor, lengths: Optional[torch.Tensor], filters: _Filters
) -> Optional[Tuple[torch.Tensor, torch.Tensor]]:
    """
    Maxima and where they are, by the ends of lines; `None` where the tokens are not on them.
    Shapes: (sequences, filters).
    """
    ends, num_rows = lines.ends(tokens.dtype), len(lines)
    if ends is None or len(tokens) % num_rows:
        return None
    # Several sequences may be made of one row, as the characters of its words are. In a direction
    # that is none of the model's, what bends anywhere is seen to.
    seen = tokens @ _direction(tokens.size(2), tokens.dtype)
    if not ends.are_straight(seen.reshape(num_rows, -1)):
        return None
    at_ends = ends.of(tokens.reshape(num_rows, -1))
    # Of nothing each window of a filter gives the same, its bias: there is no need to ask.
    from_zero = not bool(at_ends[: ends.num_lines].any())
    if from_zero:
        at_ends = at_ends[ends.num_lines :]
    if lengths is not None:
        lengths = ends.of(lengths.reshape(num_rows, -1))[-len(at_ends) :].flatten()
    found = _responses(at_ends.reshape(-1, *tokens.shape[1:]), lengths, filters)
    # Shape: (ends, filters of all sequences of a row, positions).
    found = found.reshape(len(at_ends), -1, found.size(-1))
    values, windows = (
        _from_zero(ends, found, filters.bias) if from_zero else _from_both(ends, found)
    )
    num_filters = len(filters.widths)
    return values.reshape(-1, num_filters), windows.reshape(-1, num_filters)


def _from_zero(
    ends: Ends, high: torch.Tensor, bias: torch.Tensor
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Shapes: (rows, filters of all sequences of a row)."""
    highest, high_windows = high.max(dim=-1)
    low = bias.repeat(highest.size(1) // len(bias)).expand_as(highest)
    return ends.between(low, highest), _windows(ends, torch.zeros_like(high_windows), high_windows)


def _from_both(ends: Ends, found: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Shapes: as above."""
    low, high = found.chunk(2)
    lowest, highest, low_windows, high_windows = (
        part for parts in found.max(dim=-1) for part in parts.chunk(2)
    )
    # A window that is the first at both ends is so between them.
    low_there = low.gather(-1, high_windows.unsqueeze(-1)).squeeze(-1)
    values, windows = ends.between(low_there, highest), _windows(ends, low_windows, high_windows)
    if not torch.equal(low_there, lowest):
        rows, places = (low_there != lowest)[ends.line].nonzero(as_tuple=True)
        line = ends.line[rows]
        between = torch.lerp(low[line, places], high[line, places], ends.share[rows])
        values[rows, places], windows[rows, places] = between.max(dim=-1)
    return values, windows


def _windows(ends: Ends, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """
    Those of the high ends; at the low ends themselves theirs, which where several are the first
    are the same as without all this.
    """
    windows = high.index_select(0, ends.line)
    return windows.index_copy_(0, ends.rows[: ends.num_lines], low)
