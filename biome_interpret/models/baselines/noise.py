"""Gaussian noise around a baseline."""

import numpy
import torch

from biome_interpret.attribution.paths import Noise
from biome_interpret.models.alignment.token_alignment import PADDING
from biome_interpret.models.embedding.calls import SiteCall


def noise_vectors(call: SiteCall, instance: int, noise: Noise) -> torch.Tensor:
    """
    Noise for one text of a call. It is drawn on the CPU, for the text without its padding, and
    seeded by the path, the embedding matrix and the field: it depends neither on the device nor on
    the batch nor on the order of evaluation. Shape: (positions, embedding_dim).
    """
    embedded, is_text = call.embedded[instance], call.owners[instance] != PADDING
    num_positions, is_text = int(is_text.sum()), is_text.to(embedded.device)
    seeds = [*noise.seed, call.site.number, *call.key.field.encode()]
    seed = int(numpy.random.SeedSequence(seeds).generate_state(1)[0])
    generator = torch.Generator().manual_seed(seed)
    # Shape: (positions without padding, embedding_dim)
    values = torch.randn(num_positions, embedded.size(-1), generator=generator)
    std = noise.std
    if noise.relative:
        std *= float(embedded[is_text].std(unbiased=False))
    result = torch.zeros_like(embedded)
    result[is_text] = noise.sign * std * values.to(embedded)
    return result
