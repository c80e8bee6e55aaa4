"""Gaussian noise around a baseline."""

from functools import cached_property
from typing import Dict, List, Sequence, Tuple

import numpy
import torch

from biome_interpret.attribution.paths import Noise
from biome_interpret.models.alignment.token_alignment import PADDING
from biome_interpret.models.embedding.calls import SiteCall


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
