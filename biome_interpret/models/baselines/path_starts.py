"""Where each path of a batch begins."""

from typing import Dict, Optional, Sequence, Tuple

import torch
from allennlp.data import Vocabulary

from biome_interpret.attribution.paths import Path
from biome_interpret.models.alignment.special_tokens import special_tokens
from biome_interpret.models.alignment.token_alignment import PADDING, UNOWNED
from biome_interpret.models.baselines.background import Background
from biome_interpret.models.baselines.baseline import Baseline
from biome_interpret.models.baselines.noise import normal_vectors
from biome_interpret.models.embedding.calls import CallKey, SiteCall
from biome_interpret.models.tensors import on_device, rows_at

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
        # Which positions the paths move. Shape: (instances, positions)
        self._moving: Dict[CallKey, torch.Tensor] = {}
        # The standard deviations of the embeddings of texts.
        self._spreads: Dict[Tuple[CallKey, int], float] = {}

    def vectors(self, call: SiteCall, paths: Sequence[InstancePath]) -> torch.Tensor:
        """x' of each path. Shape: (paths, positions, embedding_dim)."""
        instances = [instance for instance, _ in paths]
        starts = self._without_noise(call, paths)
        if any(path.noise is not None and not path.ends_in_noise for _, path in paths):
            starts = starts + self._noise(call, paths, at_input=False)
        moving = rows_at(self._moving_in(call), instances).unsqueeze(-1)
        return torch.where(moving, starts, rows_at(call.embedded, instances))

    def noisy_texts(self, call: SiteCall, paths: Sequence[InstancePath]) -> torch.Tensor:
        """The end of each path: x, with noise if it ends in noise. Shape as that of `vectors`."""
        instances = [instance for instance, _ in paths]
        embedded = rows_at(call.embedded, instances)
        moving = rows_at(self._moving_in(call), instances).unsqueeze(-1)
        return torch.where(moving, embedded + self._noise(call, paths, at_input=True), embedded)

    def _without_noise(self, call: SiteCall, paths: Sequence[InstancePath]) -> torch.Tensor:
        """Shape: (paths, positions, embedding_dim)."""
        background = self._background
        if background is None:
            return rows_at(self._baseline_of(call), [instance for instance, _ in paths])
        return torch.stack(
            [
                self._baseline_of(call)[instance]
                if path.background is None
                else background.vectors(path.background, call)
                for instance, path in paths
            ]
        )

    def _noise(self, call: SiteCall, paths: Sequence[InstancePath], at_input: bool) -> torch.Tensor:
        """Of all paths in one copy to the device. Shape: (paths, positions, embedding_dim)."""
        noise = torch.zeros(len(paths), *call.embedded.shape[1:])
        # A path and its mirror image share a draw.
        drawn: Dict[Tuple[int, Tuple[int, ...]], torch.Tensor] = {}
        for row, (instance, path) in zip(noise, paths):
            if path.noise is not None and path.noise.at_input == at_input:
                key = (instance, path.noise.seed)
                if key not in drawn:
                    drawn[key] = normal_vectors(call, instance, path.noise.seed)
                spread = self._spread(call, instance) if path.noise.relative else 1.0
                scale = path.noise.sign * path.noise.std * spread
                torch.mul(drawn[key], scale, out=row[: len(drawn[key])])
        return on_device(noise.to(call.embedded.dtype), call.embedded.device)

    def _spread(self, call: SiteCall, instance: int) -> float:
        key = (call.key, instance)
        if key not in self._spreads:
            is_text = (call.owners[instance] != PADDING).to(call.embedded.device)
            self._spreads[key] = float(call.embedded[instance][is_text].std(unbiased=False))
        return self._spreads[key]

    def _baseline_of(self, call: SiteCall) -> torch.Tensor:
        """Shape: (instances, positions, embedding_dim)."""
        if call.key not in self._baseline_vectors:  # The mean of a matrix takes long.
            vectors = self._baseline.vectors(call, self._vocabulary).to(call.embedded)
            self._baseline_vectors[call.key] = vectors.expand_as(call.embedded)
        return self._baseline_vectors[call.key]

    def _moving_in(self, call: SiteCall) -> torch.Tensor:
        if call.key not in self._moving:
            self._moving[call.key] = on_device(self._movable(call), call.embedded.device)
        return self._moving[call.key]

    def _movable(self, call: SiteCall) -> torch.Tensor:
        """Shape: (instances, positions), on the CPU."""
        moving = call.owners != PADDING
        if self._hold_special_tokens:
            moving &= call.owners != UNOWNED
            for row, texts in enumerate(call.texts):
                special = [flag for text in texts for flag in special_tokens(text.field)]
                flags = torch.tensor([*special, False])
                moving[row] &= ~flags[call.owners[row].clamp(min=-1)]
        return moving
