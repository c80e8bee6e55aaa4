"""
Starts every forward pass from the same states of stateful encoders, such as ELMo's.

By themselves, these start from the states that earlier texts left: the same text gets another
vector each time.
"""

from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple

import torch
from allennlp.models import Model
from allennlp.modules.encoder_base import _EncoderBase

from biome_interpret.models.isolation.patching import patched

# In the form in which an encoder keeps them. Shape of each: (layers, texts, size).
States = Tuple[torch.Tensor, ...]


@contextmanager
def fixed_encoder_states(model: Model, modules: Sequence[torch.nn.Module]) -> Iterator[None]:
    """
    Every forward pass of this thread starts from the present states of the model's stateful
    encoders. Each row of a batch starts from the states that a text alone would start from. The
    encoders' own states do not change, and other threads keep using them.
    """
    encoders = [
        _ThreadStates(module)
        for module in modules
        if isinstance(module, _EncoderBase) and module.stateful
    ]

    def restarted(forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        num_rows = _num_rows([*args, kwargs]) or 1
        for encoder in encoders:
            encoder.restart(num_rows)
        return forward(*args, **kwargs)

    with ExitStack() as stack:
        for encoder in encoders:
            for name in ("_get_initial_states", "_update_states", "reset_states"):
                stack.enter_context(patched(encoder.encoder, getattr(encoder, name), name))
        if encoders:
            stack.enter_context(patched(model, restarted))
        yield


class _ThreadStates:
    """The states of one encoder for one thread: one for each text of each row of the batch."""

    def __init__(self, encoder: _EncoderBase) -> None:
        self.encoder = encoder
        self._initial: Optional[States] = encoder._states
        # Shape of each: (layers, rows, texts of a row, size).
        self._states: Optional[List[torch.Tensor]] = None
        self._num_rows = 1
        self.restart(1)

    def restart(self, num_rows: int) -> None:
        self._num_rows = num_rows
        self._states = None
        if self._initial is not None:
            self._states = [
                state.detach().unsqueeze(1).expand(-1, num_rows, -1, -1).clone()
                for state in self._initial
            ]

    def _get_initial_states(self, method: Any, batch_size: int, *args: Any) -> Any:
        # Runs the encoder's own code on these states.
        holder: Any = SimpleNamespace(_states=self._flat(batch_size))
        return type(self.encoder)._get_initial_states(holder, batch_size, *args)

    def _update_states(self, method: Any, final_states: States, restoration_indices: Any) -> None:
        """
        As the encoder's own method, but without its `detach`: gradients flow from a text of a row,
        such as a hypothesis, to the text before it, such as its premise.
        """
        new = [state.index_select(1, restoration_indices) for state in final_states]
        batch_size = int(restoration_indices.numel())
        old = self._flat(batch_size)
        if old is not None:
            # The new state of a text of padding is all zeros: the old one is kept.
            used = [(state[0].sum(dim=-1) != 0.0).view(1, -1, 1) for state in new]
            new = [torch.where(u, n, n + o) for u, n, o in zip(used, new, old)]
        self._keep(tuple(new), batch_size)

    def reset_states(self, method: Any, mask: Any = None) -> None:
        if mask is None:
            self._states = None
            return
        holder: Any = SimpleNamespace(_states=self._flat(mask.numel()))
        type(self.encoder).reset_states(holder, mask)
        self._keep(holder._states, mask.numel())

    def _keep(self, states: States, batch_size: int) -> None:
        """Replaces the states of the first texts of each row, as many as the batch has."""
        per_row = self._texts_per_row(batch_size)
        new = [state.reshape(state.size(0), -1, per_row, state.size(2)) for state in states]
        if self._states is not None:
            new = [torch.cat([n, old[:, :, per_row:]], 2) for n, old in zip(new, self._states)]
        self._states = new

    def _texts_per_row(self, batch_size: int) -> int:
        return max(1, batch_size // self._num_rows)

    def _flat(self, batch_size: int) -> Optional[States]:
        """The states of a batch of texts, row by row; zeros for a text without a state."""
        if self._states is None:
            return None
        per_row = self._texts_per_row(batch_size)
        result = []
        for state in self._states:
            layers, rows, texts, size = state.shape
            missing = state.new_zeros(layers, rows, max(0, per_row - texts), size)
            fitting = torch.cat([state, missing], 2)[:, :, :per_row]
            result.append(fitting.reshape(layers, -1, size))
        return tuple(result)


def _num_rows(arguments: Any) -> int:
    """The size of the first dimension of a model's arguments. Tensors of texts are tried first."""
    values = list(arguments.values()) if isinstance(arguments, dict) else list(arguments)
    for value in sorted(values, key=lambda value: not isinstance(value, (dict, list))):
        if isinstance(value, torch.Tensor) and value.dim():
            return value.size(0)
        if isinstance(value, (dict, list)):
            found = _num_rows(value)
            if found:
                return found
    return 0
