"""
Embedding sites: the modules of a model that turn the ids of a text into vectors. The paths run
there.
"""

import copy
import dataclasses
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Union

import torch

from biome_interpret.models.isolation.patching import patched

# Called with the tensors that a site was given and its embedding of them. Returns the embedding to
# use instead, or None to keep this one.
Replace = Callable[[Sequence[torch.Tensor], torch.Tensor], Optional[torch.Tensor]]


@dataclass(frozen=True)
class EmbeddingSite:
    """
    # Parameters

    name : `str`
        The site's path in the model, for messages.
    lookup : `torch.nn.Module`
        The module that is called with the ids of a text.
    projection : `torch.nn.Module`, optional
        The module with the embedding as input, if the lookup also projects its embedding.
    note : `str`, optional
        A statement for every result, if the site is not where one would expect it.
    output : `Union[int, str]`, optional
        Which output of the lookup is the embedding, if it returns a tuple (by default the first) or
        a dict (by default the first tensor).
    boundaries : `int`
        How many pieces the lookup itself adds before each text, and as many after it.
    transposed : `bool`
        Whether the lookup is called with ids of shape (positions, rows).
    scale : `float`
        What the lookup multiplies the rows of its matrix by. The embedding is what it multiplies.
    number : `int`
        The same for sites that share a matrix (see `numbered`).
    """

    name: str
    lookup: torch.nn.Module
    projection: Optional[torch.nn.Module] = None
    note: Optional[str] = None
    output: Optional[Union[int, str]] = None
    boundaries: int = 0
    transposed: bool = False
    scale: float = 1.0
    number: int = 0

    @property
    def weight(self) -> Optional[torch.Tensor]:
        """The embedding matrix, if it has one. Shape: (num_embeddings, embedding_dim)."""
        weight = getattr(self.lookup, "weight", None)
        return weight.detach() if isinstance(weight, torch.Tensor) and weight.dim() == 2 else None

    def run(
        self, replace: Replace, forward: Callable[..., Any], args: Any, kwargs: Dict[str, Any]
    ) -> Any:
        """
        Calls the lookup, with the embedding that `replace` returns in place of its own.

        # Parameters

        replace : `Replace`
        forward : `Callable`
            The lookup's own `forward` method.
        args, kwargs : `Any`
            The arguments of the call.
        """
        given = list(tensors_in([*args, kwargs]))
        if self.projection is not None:

            def wrapper(project: Callable[..., Any], embedding: torch.Tensor) -> Any:
                return project(_replaced(replace, given, embedding))

            with patched(self.projection, wrapper):
                return forward(*args, **kwargs)
        output = forward(*args, **kwargs)
        if self.scale != 1.0:
            replacement = replace(given, output / self.scale)
            return output if replacement is None else replacement * self.scale
        if self.transposed:
            given = [tensor.t() if tensor.dim() == 2 else tensor for tensor in given]
            return _replaced(replace, given, output.transpose(0, 1)).transpose(0, 1)
        if isinstance(output, dict):
            name = self.output
            if name is None:
                name = next((n for n, v in output.items() if isinstance(v, torch.Tensor)), None)
            if name is None:
                return output
            changed = copy.copy(output)  # Keeps a class of the model's own.
            changed[name] = _replaced(replace, given, output[name])
            return changed
        if isinstance(output, tuple):
            index = int(self.output or 0)
            embedding = _replaced(replace, given, output[index])
            return (*output[:index], embedding, *output[index + 1 :])
        return _replaced(replace, given, output)


@dataclass(frozen=True)
class WordCountSite(EmbeddingSite):
    """
    Counts the words of a text. Each token is embedded as one number, which says how often it
    counts: 1 in the text. The counts are linear in these numbers, so the scores stay complete.
    """

    def run(
        self, replace: Replace, forward: Callable[..., Any], args: Any, kwargs: Dict[str, Any]
    ) -> Any:
        embedder: Any = self.lookup
        ids = next(tensors_in([*args, kwargs]))
        counted = ids != 0
        if embedder._ignore_oov:
            counted &= ids != embedder._oov_idx
        projection = embedder._projection
        dtype = torch.float32 if projection is None else projection.weight.dtype
        # Shape: (batch_size, num_tokens, 1)
        times = _replaced(replace, [ids], counted.unsqueeze(-1).to(dtype))
        counts = times.new_zeros(ids.size(0), embedder.vocab_size)
        counts = counts.scatter_add(1, ids, times.squeeze(-1) * counted)
        return counts if projection is None else projection(counts)


def numbered(sites: Sequence[EmbeddingSite]) -> List[EmbeddingSite]:
    """The sites with a number for each matrix, and one for each site without a matrix."""
    numbers: Dict[int, int] = {}
    owners = [getattr(site.lookup, "weight", site.lookup) for site in sites]
    return [
        dataclasses.replace(site, number=numbers.setdefault(id(owner), len(numbers)))
        for site, owner in zip(sites, owners)
    ]


def _replaced(
    replace: Replace, given: Sequence[torch.Tensor], embedding: torch.Tensor
) -> torch.Tensor:
    replacement = replace(given, embedding)
    return embedding if replacement is None else replacement


# Assumed of sites without a matrix.
_USUAL_DIM = 256


def max_embedding_dim(sites: Sequence[EmbeddingSite]) -> int:
    weights = [site.weight for site in sites]
    return max((_USUAL_DIM if w is None else w.size(1) for w in weights), default=_USUAL_DIM)


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor in nested lists and dicts, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from tensors_in(item)
