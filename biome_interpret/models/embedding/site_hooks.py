"""Seeing, and replacing, what a model's embedding sites put out during a forward pass."""

import functools
from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Iterator, Optional, Sequence

import torch

from biome_interpret.models.embedding.sites import EmbeddingSite
from biome_interpret.models.isolation.patching import patched

# Called with the index of the site, the tensors that it was given and the embedding that it made;
# returns what is to stand in the embedding's place, or None where they are no field's.
Observer = Callable[[int, Sequence[torch.Tensor], torch.Tensor], Optional[torch.Tensor]]


@contextmanager
def observed(sites: Sequence[EmbeddingSite], observer: Observer) -> Iterator[None]:
    """
    Calls `observer` at each call of a site by this thread. Other threads that run the same model
    meanwhile see none of it. Where one site calls another, the inner one alone is observed, unless
    that was not called with a field's text.
    """
    watch = _Watch(observer)
    with ExitStack() as stack:
        for index, site in enumerate(sites):
            around = functools.partial(watch.around, index, site)
            stack.enter_context(patched(site.lookup, around))
        yield


class _Watch:
    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._wants_gradients = torch.is_grad_enabled()
        self._num_observed = 0

    def around(
        self,
        index: int,
        site: EmbeddingSite,
        forward: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        before = self._num_observed

        def observe(given: Sequence[torch.Tensor], embedding: torch.Tensor) -> Any:
            if self._num_observed > before:
                return None
            found = self._observe(index, given, embedding)
            self._num_observed += found is not None
            return found

        return site.run(observe, forward, args, kwargs)

    def _observe(
        self, index: int, given: Sequence[torch.Tensor], embedding: torch.Tensor
    ) -> Optional[torch.Tensor]:
        if self._wants_gradients and not torch.is_grad_enabled():
            # Frozen embedders run in `torch.no_grad()`. From the embedding on, gradients are
            # wanted all the same; that block puts the mode back at its end.
            torch.set_grad_enabled(True)
        if embedding.dtype not in (torch.float16, torch.bfloat16):
            return self._observer(index, given, embedding)
        # Sums over a path would lose too much.
        found = self._observer(index, given, embedding.float())
        return None if found is None else found.to(embedding.dtype)
