"""Where each path of a batch begins."""

from typing import Dict, Optional, Sequence, Tuple

import torch
from allennlp.data import Vocabulary

from biome_interpret.attribution.paths import Path
from biome_interpret.models.alignment.special_tokens import special_tokens
from biome_interpret.models.alignment.token_alignment import PADDING, UNOWNED
from biome_interpret.models.baselines.background import Background
from biome_interpret.models.baselines.baseline import Baseline
from biome_interpret.models.baselines.noise import noise_vectors
from biome_interpret.models.embedding.calls import CallKey, SiteCall
from biome_interpret.models.tensors import rows_at

# The index of an instance, and a path to it.
InstancePath = Tuple[int, Path]


class PathStarts:
    """
    The points x' at which the paths of one batch begin.

    Paths do not move padding, nor special tokens that are held: these start as they are, and so
    get no score.
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
        self._hold_special_tokens = hold_special_tokens
        self._vocabulary = vocabulary
        self._baseline_vectors: Dict[CallKey, torch.Tensor] = {}

    def vectors(self, call: SiteCall, paths: Sequence[InstancePath]) -> torch.Tensor:
        """x' of each path. Shape: (paths, positions, embedding_dim)."""
        instances = [instance for instance, _ in paths]
        starts = torch.stack([self._start(call, instance, path) for instance, path in paths])
        moving = rows_at(self._moving(call), instances).unsqueeze(-1)
        return torch.where(moving, starts, rows_at(call.embedded, instances))

    def _start(self, call: SiteCall, instance: int, path: Path) -> torch.Tensor:
        """Shape: (positions, embedding_dim)."""
        if path.background is None or self._background is None:
            start = self._baseline_of(call)[instance]
        else:
            start = self._background.vectors(path.background, call)
        return start if path.noise is None else start + noise_vectors(call, instance, path.noise)

    def _baseline_of(self, call: SiteCall) -> torch.Tensor:
        """Shape: (instances, positions, embedding_dim)."""
        if call.key not in self._baseline_vectors:  # The mean of a matrix takes long.
            vectors = self._baseline.vectors(call, self._vocabulary).to(call.embedded)
            self._baseline_vectors[call.key] = vectors.expand_as(call.embedded)
        return self._baseline_vectors[call.key]

    def _moving(self, call: SiteCall) -> torch.Tensor:
        """Which positions the paths move. Shape: (instances, positions)."""
        moving = call.owners != PADDING
        if self._hold_special_tokens:
            moving &= call.owners != UNOWNED
            for row, texts in enumerate(call.texts):
                special = [flag for text in texts for flag in special_tokens(text.field)]
                flags = torch.tensor([*special, False])
                moving[row] &= ~flags[call.owners[row].clamp(min=-1)]
        return moving.to(call.embedded.device)
