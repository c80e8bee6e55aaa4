"""Seeing, and replacing, what a model's embedding sites put out during a forward pass."""

import threading
from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Iterator, List, Optional, Sequence

import torch

from biome_interpret.models.sites import EmbeddingSite

# Called with the index of the site, the ids that it was given and the embedding that it made;
# returns what is to stand in the embedding's place, or None to leave it.
Observer = Callable[[int, Optional[torch.Tensor], torch.Tensor], Optional[torch.Tensor]]


@contextmanager
def observed(sites: Sequence[EmbeddingSite], observer: Observer) -> Iterator[None]:
    """
    Calls `observer` at each call of a site by this thread. Other threads that run the same model
    meanwhile see none of it.
    """
    with ExitStack() as handles:
        for index, site in enumerate(sites):
            for handle in _register(index, site, observer):
                handles.callback(handle.remove)
        yield


def _register(index: int, site: EmbeddingSite, observer: Observer) -> List[Any]:
    thread = threading.get_ident()
    if site.projection is None:

        def on_output(module: torch.nn.Module, inputs: tuple, output: torch.Tensor) -> Any:
            if threading.get_ident() == thread:
                return observer(index, _first_tensor(inputs), output)
            return None

        return [site.lookup.register_forward_hook(on_output)]

    ids: List[Optional[torch.Tensor]] = [None]

    def remember_ids(module: torch.nn.Module, inputs: tuple) -> None:
        if threading.get_ident() == thread:
            ids[0] = _first_tensor(inputs)

    def on_projection(module: torch.nn.Module, inputs: tuple) -> Any:
        if threading.get_ident() == thread:
            return observer(index, ids[0], inputs[0])
        return None

    return [
        site.lookup.register_forward_pre_hook(remember_ids),
        site.projection.register_forward_pre_hook(on_projection),
    ]


def _first_tensor(inputs: tuple) -> Optional[torch.Tensor]:
    return next((value for value in inputs if isinstance(value, torch.Tensor)), None)
