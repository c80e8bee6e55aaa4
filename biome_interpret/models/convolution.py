"""
AllenNLP's `CnnEncoder`, where no other gradient is wanted than that by its input: the same numbers
with fewer operations. Of each filter the maximum over all windows goes on, so that its gradient is
that of one window, instead of a convolution's; and what a filter makes of points on a straight line
is on a straight line again, so that it is asked about the ends alone.
"""

from typing import Any, Callable, ContextManager, List, Optional, Tuple

import numpy
import torch
from allennlp.modules.seq2vec_encoders import CnnEncoder
from allennlp.nn.util import min_value_of_dtype
from torch.autograd.function import once_differentiable
from torch.nn import functional

from biome_interpret.models.interception import intercepted
from biome_interpret.models.lines import Ends, Lines

# Of these it makes no difference whether they or the maximum come first, and the gradient neither.
_RISING = (torch.nn.ReLU, torch.nn.ReLU6, torch.nn.Tanh, torch.nn.Sigmoid, torch.nn.Softplus)


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

    return intercepted(module, around)


def _run(
    module: CnnEncoder, tokens: torch.Tensor, mask: Optional[torch.Tensor], lines: Optional[Lines]
) -> torch.Tensor:
    """Shape: (sequences, output_dim)."""
    lengths = None if mask is None or bool(mask.all()) else mask.sum(dim=1)
    if mask is not None and lengths is not None:
        tokens = tokens * mask.unsqueeze(-1)
    layers = _layers(module)
    found = module._activation(_Strongest.apply(tokens, lengths, layers, lines))
    if lengths is not None:
        found = _without_absent(found, lengths, layers)
    return found if module.projection_layer is None else module.projection_layer(found)


def _is_faster(module: CnnEncoder, tokens: torch.Tensor) -> bool:
    """Whether there is another way to what the module would give."""
    if type(module) is not CnnEncoder or type(module._activation) not in _RISING:
        return False
    if not torch.is_grad_enabled() or not tokens.requires_grad:
        return False
    if tokens.is_cuda or torch.is_autocast_cpu_enabled():
        return False
    layers = _layers(module)
    if any(parameter.requires_grad for layer in layers for parameter in layer.parameters()):
        return False
    return tokens.size(1) >= max(_width(layer) for layer in layers)


def _layers(module: CnnEncoder) -> List[Any]:
    """One for each width of filters."""
    count = len(module._convolution_layers)
    return [getattr(module, f"conv_layer_{number}") for number in range(count)]


def _width(layer: torch.nn.Conv1d) -> int:
    return layer.kernel_size[0]


def _without_absent(
    found: torch.Tensor, lengths: torch.Tensor, layers: List[torch.nn.Conv1d]
) -> torch.Tensor:
    """Zeros from filters that are wider than a text: they find nothing in it."""
    widths = [_width(layer) for layer in layers for _ in range(layer.out_channels)]
    if int(lengths.min()) >= max(widths):
        return found
    return found.masked_fill(lengths.unsqueeze(1) < torch.tensor(widths), 0.0)


class _Strongest(torch.autograd.Function):
    """Each filter's maximum over the windows of each sequence."""

    @staticmethod
    def forward(
        ctx: Any,
        tokens: torch.Tensor,
        lengths: Optional[torch.Tensor],
        layers: List[torch.nn.Conv1d],
        lines: Optional[Lines],
    ) -> torch.Tensor:
        """
        tokens : (sequences, positions, dim). lengths : (sequences,), all of their size if not
        given. Returns (sequences, filters).
        """
        ends = None if lines is None else lines.ends_of(tokens)
        if ends is None:
            values, windows = _responses(tokens, lengths, layers).max(dim=-1)
        else:
            values, windows = _between(ends, tokens, lengths, layers)
        ctx.windows, ctx.layers, ctx.shape = windows, layers, tokens.shape
        return values

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[Any, ...]:
        (num_sequences, length, dim), num_filters = ctx.shape, gradient.size(1)
        weights = _weights(ctx.layers)
        # The first position of each filter's window, those of all sequences in one count.
        starts = ctx.windows + length * torch.arange(num_sequences).unsqueeze(1)
        starts = starts.flatten().numpy()
        # Of small numbers NumPy's sort is by far the fastest.
        is_small = num_sequences * length < 2**15
        order = starts.astype(numpy.int16 if is_small else numpy.int32).argsort(kind="stable")
        counts = numpy.bincount(starts, minlength=num_sequences * length)
        order = torch.from_numpy(order)
        # What the windows that begin at a position say, put together.
        by_start = functional.embedding_bag(
            order % num_filters,
            weights.flatten(1),
            torch.from_numpy(counts.cumsum() - counts),
            mode="sum",
            per_sample_weights=gradient.flatten().index_select(0, order),
        )
        by_start = by_start.reshape(num_sequences, length, -1, dim)
        found = by_start[:, :, 0].contiguous()
        for step in range(1, by_start.size(2)):
            found[:, step:].add_(by_start[:, :-step, step])
        return found, None, None, None


def _weights(layers: List[torch.nn.Conv1d]) -> torch.Tensor:
    """
    Of all filters, narrow ones filled up with zeros. Shape: (filters, width of the widest, dim).
    """
    counts = [layer.out_channels for layer in layers]
    widest, dim = max(_width(layer) for layer in layers), layers[0].in_channels
    found = layers[0].weight.new_zeros(sum(counts), widest, dim)
    for part, layer in zip(found.split(counts), layers):
        part[:, : _width(layer)].copy_(layer.weight.transpose(1, 2))
    return found


def _responses(
    tokens: torch.Tensor, lengths: Optional[torch.Tensor], layers: List[torch.nn.Conv1d]
) -> torch.Tensor:
    """
    What each filter makes of the window that begins at each position; the least number there is,
    where it reaches beyond the text. Shape: (sequences, filters, positions).
    """
    lines, counts = tokens.transpose(1, 2), [layer.out_channels for layer in layers]
    least = min_value_of_dtype(tokens.dtype)
    found = tokens.new_full((tokens.size(0), sum(counts), tokens.size(1)), least)
    for part, layer in zip(found.split(counts, dim=1), layers):
        windows = part[..., : tokens.size(1) - _width(layer) + 1]
        windows.copy_(layer(lines))
        if lengths is not None:
            last = (lengths - _width(layer)).reshape(-1, 1, 1)
            windows.masked_fill_(torch.arange(windows.size(2)) > last, least)
    return found


def _between(
    ends: Ends,
    tokens: torch.Tensor,
    lengths: Optional[torch.Tensor],
    layers: List[torch.nn.Conv1d],
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Maxima and where they are, by the ends of lines. Shapes: (sequences, filters)."""
    found = _responses(ends.of(tokens), None if lengths is None else ends.of(lengths), layers)
    # Shape: (lines, filters of all sequences of a row, positions).
    low, high = found.reshape(2, len(ends.low), -1, found.size(-1))
    lowest, low_windows = low.max(dim=-1)
    highest, high_windows = high.max(dim=-1)
    # Where a window is the first at both ends, it is so between them.
    low_there = low.gather(-1, high_windows.unsqueeze(-1)).squeeze(-1)
    values, windows = ends.between(low_there, highest), high_windows[ends.line]
    changing = low_there != lowest
    if changing.any():
        rows, places = changing[ends.line].nonzero(as_tuple=True)
        line = ends.line[rows]
        share = ends.share[rows].to(low)
        between = torch.lerp(low[line, places], high[line, places], share)
        values[rows, places], windows[rows, places] = between.max(dim=-1)
    # Where several are the first, at the end itself, it is the same one as without all this.
    windows[ends.low] = low_windows
    num_filters = found.size(1)
    return values.reshape(-1, num_filters), windows.reshape(-1, num_filters)
