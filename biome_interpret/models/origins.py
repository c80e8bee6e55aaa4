"""Where the paths of a batch begin: baseline, background text and noise, position by position."""

from functools import cached_property
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

import numpy
import torch
from allennlp.data import Instance, Vocabulary
from allennlp.models import Model

from biome_interpret.attribution.paths import Noise, Path
from biome_interpret.errors import InterpretationError
from biome_interpret.models.baselines import Baseline
from biome_interpret.models.batches import rows_at, to_tensors
from biome_interpret.models.calls import CallKey, SiteCall, trace
from biome_interpret.models.layout import PADDING, UNOWNED
from biome_interpret.models.sites import EmbeddingSite
from biome_interpret.models.vocabulary import PADDING as PADDING_WORD
from biome_interpret.models.vocabulary import special_id, special_tokens

# An instance, and a path to it.
Line = Tuple[int, Path]


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

    def vectors(self, call: SiteCall, lines: Sequence[Line]) -> torch.Tensor:
        """x' of each line. Shape: (lines, positions, embedding_dim)."""
        instances = [instance for instance, _ in lines]
        origins = self._without_noise(call, lines, instances)
        noises = [(i, path.noise) for i, path in lines if path.noise is not None]
        if noises:  # All paths of a measure have some, or none has.
            origins = origins + _drawn(call, noises)
        if call.key not in self._moving:
            self._moving[call.key] = _moving(call, self._hold_special_tokens)
        moving = rows_at(self._moving[call.key], instances).unsqueeze(-1)
        return torch.where(moving, origins, rows_at(call.embedded, instances))

    def _without_noise(
        self, call: SiteCall, lines: Sequence[Line], instances: Sequence[int]
    ) -> torch.Tensor:
        if self._background is None:
            return rows_at(self._baseline_of(call), instances)
        return torch.stack([self._start(call, instance, path) for instance, path in lines])

    def _start(self, call: SiteCall, instance: int, path: Path) -> torch.Tensor:
        """Of one line, before noise is added. Shape: (positions, embedding_dim)."""
        if path.background is None or self._background is None:
            return self._baseline_of(call)[instance]
        return self._background.vectors(path.background, call)

    def _baseline_of(self, call: SiteCall) -> torch.Tensor:
        """For each instance. Shape: as the embeddings."""
        if call.key not in self._constant:
            vectors = self._baseline.vectors(call, self._vocabulary)
            self._constant[call.key] = vectors.to(call.embedded).expand_as(call.embedded)
        return self._constant[call.key]


def _drawn(call: SiteCall, noises: Sequence[Tuple[int, Noise]]) -> torch.Tensor:
    """Some noises, each for one instance. Shape: (noises, positions, embedding_dim)."""
    texts = {instance: _TextNoise(call, instance) for instance, _ in noises}
    # A path and its mirror image share one.
    numbers: Dict[Tuple[int, Tuple[int, ...]], int] = {}
    drawn: List[torch.Tensor] = []
    for instance, noise in noises:
        if (instance, noise.seed) not in numbers:
            numbers[instance, noise.seed] = len(drawn)
            drawn.append(texts[instance].drawn(noise))
    values = torch.stack(drawn)
    signs = values.new_tensor([noise.sign for _, noise in noises]).reshape(-1, 1, 1)
    return signs * values[[numbers[instance, noise.seed] for instance, noise in noises]]


class _TextNoise:
    """
    Noise for the embedding of one text by one call. Drawn on the CPU for the text alone, without
    its padding and seeded by the path and the call's place, so that neither device nor company nor
    the order of evaluation matter.
    """

    def __init__(self, call: SiteCall, instance: int) -> None:
        self._embedded = call.embedded[instance]
        self._seeds = [call.key.site, *call.key.field.encode()]
        real = call.owners[instance] != PADDING
        self._num_real = int(real.sum())
        self._real = real.to(self._embedded.device)

    @cached_property
    def _spread(self) -> float:
        """The standard deviation of the embedding itself."""
        return float(self._embedded[self._real].std(unbiased=False))

    def drawn(self, noise: Noise) -> torch.Tensor:
        """But for its sign. Shape: (positions, embedding_dim)."""
        seed = int(numpy.random.SeedSequence([*noise.seed, *self._seeds]).generate_state(1)[0])
        generator = torch.Generator().manual_seed(seed)
        values = torch.randn(self._num_real, self._embedded.size(-1), generator=generator)
        scale = noise.std * self._spread if noise.relative else noise.std
        result = torch.zeros_like(self._embedded)
        result[self._real] = scale * values.to(self._embedded)
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
