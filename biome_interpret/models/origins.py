"""Where the paths of a batch begin: baseline, background text and noise, position by position."""

from typing import Dict, Iterable, Optional, Sequence

import numpy
import torch
from allennlp.data import Instance, Vocabulary
from allennlp.models import Model

from biome_interpret.attribution.paths import Noise, Path
from biome_interpret.errors import InterpretationError
from biome_interpret.models.baselines import Baseline
from biome_interpret.models.batches import to_tensors
from biome_interpret.models.calls import CallKey, SiteCall, trace
from biome_interpret.models.layout import PADDING, UNOWNED
from biome_interpret.models.sites import EmbeddingSite
from biome_interpret.models.vocabulary import PADDING as PADDING_WORD
from biome_interpret.models.vocabulary import special_id, special_tokens


class Background:
    """
    The embeddings of texts to start from.

    # Parameters

    instances : `Iterable[Instance]`
        Unlabelled, with their token indexers.
    """

    def __init__(
        self, model: Model, sites: Sequence[EmbeddingSite], instances: Iterable[Instance]
    ) -> None:
        self._vocabulary = model.vocab
        self._texts = [_calls_of(model, sites, instance) for instance in instances]

    def __len__(self) -> int:
        return len(self._texts)

    def vectors(self, index: int, call: SiteCall) -> torch.Tensor:
        """
        Text number `index` laid out as the given call's text: cut, or filled up with the padding
        embedding. Shape: (positions, embedding_dim).
        """
        text = self._texts[index].get(call.key)
        if text is None or len(text.grid) != len(call.grid):
            raise InterpretationError(f"background text {index + 1} lacks field '{call.key.field}'")
        dim = call.embedded.size(-1)
        filled = self._padding(call).expand(*call.grid, dim).clone()
        overlap = tuple(slice(min(sizes)) for sizes in zip(text.grid, call.grid))
        filled[overlap] = text.embedded[0].reshape(*text.grid, dim)[overlap]
        return filled.reshape(-1, dim)

    def _padding(self, call: SiteCall) -> torch.Tensor:
        index = special_id(PADDING_WORD, call.indexer, self._vocabulary)
        if index is None or call.site.weight is None:
            return call.embedded.new_zeros(call.embedded.size(-1))
        return call.site.weight[index]


def _calls_of(
    model: Model, sites: Sequence[EmbeddingSite], instance: Instance
) -> Dict[CallKey, SiteCall]:
    tensors = to_tensors([instance], model)
    calls, _ = trace(lambda arguments: model(**arguments), sites, [instance], tensors, tensors)
    return {call.key: call for call in calls}


class Origins:
    """
    Where each path of one batch begins, for every call of a site.

    Positions that are mere padding, and special tokens where they are to be held, stay what they
    are: nothing moves there, so that nothing is attributed to them.

    # Parameters

    baseline : `Baseline`
    background : `Background`, optional
    hold_special_tokens : `bool`
    vocabulary : `Vocabulary`
    """

    def __init__(
        self,
        baseline: Baseline,
        background: Optional[Background],
        hold_special_tokens: bool,
        vocabulary: Vocabulary,
    ) -> None:
        self._baseline = baseline
        self._background = background
        self._vocabulary = vocabulary
        self._hold_special_tokens = hold_special_tokens
        self._moving: Dict[CallKey, torch.Tensor] = {}
        self._constant: Dict[CallKey, torch.Tensor] = {}

    def vectors(self, call: SiteCall, instance: int, path: Path) -> torch.Tensor:
        """x' of one path for one instance. Shape: (positions, embedding_dim)."""
        if path.background is not None and self._background is not None:
            origin = self._background.vectors(path.background, call)
        else:
            origin = self._without_noise(call)[instance]
        if path.noise is not None:
            origin = origin + _drawn(path.noise, call, instance)
        if call.key not in self._moving:
            self._moving[call.key] = _moving(call, self._hold_special_tokens)
        moving = self._moving[call.key][instance].unsqueeze(-1)
        return torch.where(moving, origin, call.embedded[instance])

    def _without_noise(self, call: SiteCall) -> torch.Tensor:
        if call.key not in self._constant:
            vectors = self._baseline.vectors(call, self._vocabulary)
            self._constant[call.key] = vectors.to(call.embedded).expand_as(call.embedded)
        return self._constant[call.key]


def _drawn(noise: Noise, call: SiteCall, instance: int) -> torch.Tensor:
    """
    Drawn on the CPU for the text alone, without its padding and seeded by the path and the call's
    place, so that neither device nor company nor the order of evaluation matter.
    """
    embedded = call.embedded[instance]
    real = (call.owners[instance] != PADDING).to(embedded.device)
    seeds = [*noise.seed, call.key.site, *call.key.field.encode()]
    seed = int(numpy.random.SeedSequence(seeds).generate_state(1)[0])
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(int(real.sum()), embedded.size(-1), generator=generator)
    scale = noise.sign * noise.std
    if noise.relative:
        scale *= float(embedded[real].std(unbiased=False))
    result = torch.zeros_like(embedded)
    result[real] = scale * values.to(embedded)
    return result


def _moving(call: SiteCall, hold_special_tokens: bool) -> torch.Tensor:
    """Which positions the paths move. Shape: (instances, positions)."""
    moving = call.owners != PADDING
    if hold_special_tokens:
        moving &= call.owners != UNOWNED
        for row, texts in enumerate(call.texts):
            special = [flag for text in texts for flag in special_tokens(text.field)]
            flags = torch.tensor([*special, False])
            moving[row] &= ~flags[call.owners[row].clamp(min=-1)]
    return moving.to(call.embedded.device)
