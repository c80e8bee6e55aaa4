"""Background texts as baselines."""

from typing import Dict, Iterable, Sequence

import torch
from allennlp.data import Instance
from allennlp.models import Model

from biome_interpret.errors import InterpretationError
from biome_interpret.models.alignment.special_tokens import PADDING_TOKEN, special_token_id
from biome_interpret.models.baselines.rows import embedded_id
from biome_interpret.models.embedding.calls import CallKey, SiteCall
from biome_interpret.models.embedding.sites import EmbeddingSite
from biome_interpret.models.embedding.tracing import trace
from biome_interpret.models.tensors import to_tensors


class Background:
    """The embeddings of texts at which paths begin. The instances need their token indexers."""

    def __init__(
        self, model: Model, sites: Sequence[EmbeddingSite], instances: Iterable[Instance]
    ) -> None:
        self._vocabulary = model.vocab
        self._texts = [_calls_of(model, sites, instance) for instance in instances]

    def __len__(self) -> int:
        return len(self._texts)

    def vectors(self, index: int, call: SiteCall) -> torch.Tensor:
        """
        One of the texts in the shape of the given call's text: cut, or filled with the padding
        embedding. Shape: (positions, embedding_dim).
        """
        text = self._texts[index].get(call.key)
        if text is None or len(text.grid) != len(call.grid):
            raise InterpretationError(f"background text {index + 1} lacks field '{call.key.field}'")
        dim = call.embedded.size(-1)
        filled = call.embedded.new_zeros(*call.grid, dim)
        if any(own < size for own, size in zip(text.grid, call.grid)):
            filled += self._padding(call)
        overlap = tuple(slice(min(sizes)) for sizes in zip(text.grid, call.grid))
        filled[overlap] = text.embedded[0].reshape(*text.grid, dim)[overlap]
        return filled.reshape(-1, dim)

    def _padding(self, call: SiteCall) -> torch.Tensor:
        index = special_token_id(PADDING_TOKEN, call.indexer, self._vocabulary)
        if index is None or call.site.weight is None:
            return call.embedded.new_zeros(call.embedded.size(-1))
        return embedded_id(call, index, PADDING_TOKEN)


def _calls_of(
    model: Model, sites: Sequence[EmbeddingSite], instance: Instance
) -> Dict[CallKey, SiteCall]:
    tensors = to_tensors([instance], model)
    found = trace(
        lambda arguments: model(**arguments), sites, [instance], tensors, tensors, model.vocab
    )
    return {call.key: call for call in found.calls}
