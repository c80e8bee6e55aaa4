"""Reads and replaces the embeddings of a model's sites during a forward pass."""

import functools
from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Iterator, Optional, Sequence

import torch

from biome_interpret.models.embedding.sites import EmbeddingSite
from biome_interpret.models.isolation.patching import patched

# Called with the index of a site, the tensors that it was given and its embedding of them. Returns
# the embedding to go on with, or None if the tensors are not ids of a text field.
ReplaceAt = Callable[[int, Sequence[torch.Tensor], torch.Tensor], Optional[torch.Tensor]]


@contextmanager
def patched_sites(sites: Sequence[EmbeddingSite], replace: ReplaceAt) -> Iterator[None]:
    """
    Calls `replace` at each call of a site by this thread. Calls by other threads are left alone. If
    one site calls another with the text of a field, `replace` gets the inner call only.
    """
    patches = _SitePatches(replace)
    with ExitStack() as stack:
        for index, site in enumerate(sites):
            wrapper = functools.partial(patches.run, index, site)
            stack.enter_context(patched(site.lookup, wrapper))
        yield


class _SitePatches:
    def __init__(self, replace: ReplaceAt) -> None:
        self._replace = replace
        self._wants_gradients = torch.is_grad_enabled()
        self._num_replaced = 0

    def run(
        self,
        index: int,
        site: EmbeddingSite,
        forward: Callable[..., Any],
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        num_before = self._num_replaced

        def replace(given: Sequence[torch.Tensor], embedding: torch.Tensor) -> Any:
            if self._num_replaced > num_before:
                return None
            found = self._in_full_precision(index, given, embedding)
            self._num_replaced += found is not None
            return found

        return site.run(replace, forward, args, kwargs)

    def _in_full_precision(
        self, index: int, given: Sequence[torch.Tensor], embedding: torch.Tensor
    ) -> Optional[torch.Tensor]:
        if self._wants_gradients and not torch.is_grad_enabled():
            # Frozen embedders run in `torch.no_grad()`, which restores the mode at its end.
            torch.set_grad_enabled(True)
        if embedding.dtype not in (torch.float16, torch.bfloat16):
            return self._replace(index, given, embedding)
        # Sums over a path would lose too much in half precision.
        found = self._replace(index, given, embedding.float())
        return None if found is None else found.to(embedding.dtype)
