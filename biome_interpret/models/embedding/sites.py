"""
Embedding sites: the modules of a model at which a text turns from numbers of words into vectors,
and where the paths therefore run.
"""

import copy
from dataclasses import dataclass
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    Optional,
    Sequence,
    Union,
)

import torch

from biome_interpret.models.isolation.patching import patched

# Called with the tensors that a site was given and the embedding that it made of them; returns what
# is to stand in the embedding's place, or None to leave it.
Observe = Callable[[Sequence[torch.Tensor], torch.Tensor], Optional[torch.Tensor]]


@dataclass(frozen=True)
class EmbeddingSite:
    """
    # Parameters

    name : `str`
        The site's path in the model, for messages.
    lookup : `torch.nn.Module`
        The module that is called with the ids of the text.
    projection : `torch.nn.Module`, optional
        Where the lookup's own output is not its embedding, since it goes on to project it: the
        module whose input is the embedding.
    note : `str`, optional
        A plain statement for the result, where the site is less than one would wish.
    output : `Union[int, str]`, optional
        Which of the lookup's outputs is the embedding, where it gives a tuple or a dict: the first
        where nothing is said.
    boundaries : `int`
        How many pieces the lookup itself sets before each text, and behind it.
    transposed : `bool`
        Whether the lookup is called with ids of shape (positions, rows).
    """

    name: str
    lookup: torch.nn.Module
    projection: Optional[torch.nn.Module] = None
    note: Optional[str] = None
    output: Optional[Union[int, str]] = None
    boundaries: int = 0
    transposed: bool = False

    @property
    def weight(self) -> Optional[torch.Tensor]:
        """The embedding matrix, where there is one. Shape: (num_embeddings, embedding_dim)."""
        weight = getattr(self.lookup, "weight", None)
        return weight.detach() if isinstance(weight, torch.Tensor) and weight.dim() == 2 else None

    def run(
        self, observe: Observe, forward: Callable[..., Any], args: Any, kwargs: Dict[str, Any]
    ) -> Any:
        """
        A call of the lookup, in which `observe` sees the embedding and may put another in its
        place.

        # Parameters

        observe : `Observe`
        forward : `Callable`
            The lookup's own `forward` method.
        args, kwargs : `Any`
            What it was called with.
        """
        given = list(tensors_in([*args, kwargs]))
        if self.projection is not None:

            def around(project: Callable[..., Any], embedding: torch.Tensor) -> Any:
                return project(_replaced(observe, given, embedding))

            with patched(self.projection, around):
                return forward(*args, **kwargs)
        output = forward(*args, **kwargs)
        if self.transposed:
            given = [tensor.t() if tensor.dim() == 2 else tensor for tensor in given]
            return _replaced(observe, given, output.transpose(0, 1)).transpose(0, 1)
        if isinstance(output, dict):
            name = self.output
            if name is None:
                name = next((n for n, v in output.items() if isinstance(v, torch.Tensor)), None)
            if name is None:
                return output
            changed = copy.copy(output)  # Which may be of a class of the model's own.
            changed[name] = _replaced(observe, given, output[name])
            return changed
        if isinstance(output, tuple):
            which = int(self.output or 0)
            embedding = _replaced(observe, given, output[which])
            return (*output[:which], embedding, *output[which + 1 :])
        return _replaced(observe, given, output)


# Of embeddings that do not tell how wide they are.
_USUAL_DIM = 256


def widest(sites: Sequence[EmbeddingSite]) -> int:
    """The largest embedding dimension, as far as the sites' matrices tell."""
    weights = [site.weight for site in sites]
    return max((_USUAL_DIM if w is None else w.size(1) for w in weights), default=_USUAL_DIM)


def _replaced(
    observe: Observe, given: Sequence[torch.Tensor], embedding: torch.Tensor
) -> torch.Tensor:
    replacement = observe(given, embedding)
    return embedding if replacement is None else replacement


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor in nested lists and dicts, in their order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from tensors_in(item)


@dataclass(frozen=True)
class WordCountSite(EmbeddingSite):
    """
    Where a text is a count of its words, each token is embedded as one number: how many times it
    counts. It is 1 in the text. The counts are linear in these numbers, so that nothing is lost.
    """

    def run(
        self, observe: Observe, forward: Callable[..., Any], args: Any, kwargs: Dict[str, Any]
    ) -> Any:
        embedder: Any = self.lookup
        ids = next(tensors_in([*args, kwargs]))
        counted = ids != 0
        if embedder._ignore_oov:
            counted &= ids != embedder._oov_idx
        projection = embedder._projection
        dtype = torch.float32 if projection is None else projection.weight.dtype
        # Shape: (batch_size, num_tokens, 1)
        times = _replaced(observe, [ids], counted.unsqueeze(-1).to(dtype))
        counts = times.new_zeros(ids.size(0), embedder.vocab_size)
        counts = counts.scatter_add(1, ids, times.squeeze(-1) * counted)
        return counts if projection is None else projection(counts)
