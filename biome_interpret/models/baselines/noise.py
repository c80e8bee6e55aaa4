"""Gaussian noise around a baseline."""

from typing import Sequence

import numpy
import torch

from biome_interpret.models.alignment.token_alignment import PADDING
from biome_interpret.models.embedding.calls import SiteCall


def normal_vectors(call: SiteCall, instance: int, seed: Sequence[int]) -> torch.Tensor:
    """
    Standard normal noise for one text of a call, 0 at its padding. It is drawn on the CPU, for the
    text without its padding, and seeded by the path, the embedding matrix and the field: it depends
    neither on the device nor on the batch nor on the order of evaluation.
    Shape: (positions up to the last of the text, embedding_dim), on the CPU.
    """
    is_text = call.owners[instance] != PADDING
    seeds = [*seed, call.site.number, *call.key.field.encode()]
    state = int(numpy.random.SeedSequence(seeds).generate_state(1)[0])
    generator = torch.Generator().manual_seed(state)
    num_positions = int(is_text.sum())
    # Shape: (positions without padding, embedding_dim)
    values = torch.randn(num_positions, call.embedded.size(-1), generator=generator)
    if bool(is_text[:num_positions].all()):
        return values
    result = torch.zeros(len(is_text), values.size(-1))
    result[is_text] = values
    return result
