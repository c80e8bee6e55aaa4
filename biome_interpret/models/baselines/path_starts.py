"""Where each path of a batch begins."""

from typing import Dict, Optional, Sequence, Tuple

import torch
from allennlp.data import Vocabulary

from biome_interpret.attribution.paths import Path
from biome_interpret.models.alignment.special_tokens import special_tokens
from biome_interpret.models.alignment.token_alignment import PADDING, UNOWNED
from biome_interpret.models.baselines import Baseline
from biome_interpret.models.baselines.background import Background
from biome_interpret.models.baselines.noise import _drawn
from biome_interpret.models.embedding.calls import CallKey, SiteCall
from biome_interpret.models.tensors import rows_at

# An instance, and a path to it.
Line = Tuple[int, Path]


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
