"""Vectors of an embedding matrix, as the model itself embeds words."""

from typing import Callable, List

import torch
from allennlp.common.checks import ConfigurationError

from biome_interpret.errors import InterpretationError
from biome_interpret.models.alignment.token_alignment import PADDING
from biome_interpret.models.embedding.calls import SiteCall

# (ids) -> (ids, embedding_dim)
_Embed = Callable[[torch.Tensor], torch.Tensor]


def embedded_id(call: SiteCall, index: int, name: str) -> torch.Tensor:
    """
    The embedding of a word with this id in the vocabulary. Shape: (embedding_dim,).

    # Raises

    `ConfigurationError`
        If the site has no embedding matrix.
    `InterpretationError`
        If the text shows that it cannot be found. The message calls it the `name` token.
    """
    weight = _matrix(call)
    own = call.ids.gather(1, call.positions.clamp(min=0).to(call.ids.device))
    is_own = ((call.positions >= 0) & _is_text(call)).to(own.device)
    if call.given.shape != own.shape or not torch.equal(own[is_own], call.given[is_own]):
        raise InterpretationError(
            f"the embedding of the {name} token cannot be found, since the model calls "
            f"{call.site.name} with other ids than those of the vocabulary: give a number, a "
            f"vector or 'mean' as the baseline, or a background text that is as long as the text"
        )
    if index >= len(weight):
        raise InterpretationError(f"{call.site.name} has no row for the {name} token")
    return _embedding(call)(torch.tensor([index], device=weight.device))[0]


def mean_embedding(call: SiteCall) -> torch.Tensor:
    """The mean over all words, with the same errors. Shape: (embedding_dim,)."""
    weight = _matrix(call)
    if _embeds_the_text(weight.__getitem__, call):
        return weight.mean(dim=0)  # Without a copy of a large matrix.
    return _embedding(call)(torch.arange(len(weight), device=weight.device)).mean(dim=0)


def _matrix(call: SiteCall) -> torch.Tensor:
    if call.site.weight is None:
        raise ConfigurationError(
            f"{call.site.name} has no embedding matrix to take a baseline from: give a number or a "
            f"tensor"
        )
    return call.site.weight


def _embedding(call: SiteCall) -> _Embed:
    """How the site embeds ids: by the rows of its matrix, or as it does when it is called."""
    weight = _matrix(call)
    if _embeds_the_text(weight.__getitem__, call):
        return weight.__getitem__

    def called(ids: torch.Tensor) -> torch.Tensor:
        found: List[torch.Tensor] = []

        def keep(given: object, embedding: torch.Tensor) -> None:
            found.append(embedding)

        with torch.no_grad():
            # Each as a text of its own: the vectors may depend on the whole text.
            call.site.run(keep, call.site.lookup.forward, (ids.unsqueeze(1),), {})
        return found[0].reshape(len(ids), -1)

    if _embeds_the_text(called, call):
        return called
    raise InterpretationError(
        f"the embedding of the text is not made of rows of the matrix of {call.site.name}, so that "
        f"no other word's can be found: give a number or a vector as the baseline"
    )


def _embeds_the_text(embed: _Embed, call: SiteCall) -> bool:
    """Whether it gives the embedding that the model made of the text."""
    if call.given.shape != call.embedded.shape[:-1]:
        return False
    weight, is_text = _matrix(call), _is_text(call).to(call.given.device)
    ids, expected = call.given[is_text], call.embedded[is_text]
    if not ids.numel():
        return True
    if int(ids.max()) >= len(weight):  # On a GPU, this error would end the process.
        return False
    try:
        found = embed(ids).to(expected)
    except Exception:  # A lookup may need more than ids.
        return False
    rounding = max(1e-5, 4 * torch.finfo(weight.dtype).eps)
    return found.shape == expected.shape and torch.allclose(
        found, expected, rtol=rounding, equal_nan=True
    )


def _is_text(call: SiteCall) -> torch.Tensor:
    """Shape: (instances, positions)."""
    return call.owners != PADDING
