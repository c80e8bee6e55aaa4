"""Traces one forward pass: the calls of the sites with the text of a field."""

from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import torch
from allennlp.data import Instance

from biome_interpret.errors import InterpretationError
from biome_interpret.models.alignment.text_fields import FieldText, texts_of
from biome_interpret.models.alignment.token_alignment import PADDING, UNOWNED, owners_of_ids
from biome_interpret.models.embedding.call_matching import CallMatcher, Match, text_field_names
from biome_interpret.models.embedding.calls import SiteCall
from biome_interpret.models.embedding.site_patching import patched_sites
from biome_interpret.models.embedding.sites import EmbeddingSite
from biome_interpret.models.tensors import TensorDict


def trace(
    run: Callable[[TensorDict], Dict[str, Any]],
    sites: Sequence[EmbeddingSite],
    instances: Sequence[Instance],
    tensors: TensorDict,
    arguments: TensorDict,
) -> Tuple[List[SiteCall], Dict[str, Any]]:
    """
    The calls of the sites with the text of a field, in order, and the model's output. `tensors` is
    the batch of the instances, and `arguments` the part of it that the model is called with.

    # Raises

    `InterpretationError`
        If there are no such calls.
    """
    recorder = CallRecorder(sites, instances, tensors)

    def record(
        site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[torch.Tensor]:
        return None if recorder.record(site, given, output) is None else output

    with torch.no_grad(), patched_sites(sites, record):
        outputs = run(arguments)
    if not recorder.calls:
        names = ", ".join(site.name for site in sites)
        raise InterpretationError(f"the model never calls {names} with the text of a field")
    return recorder.calls, outputs


class CallRecorder:
    """Collects the calls of one forward pass over a batch of instances."""

    def __init__(
        self, sites: Sequence[EmbeddingSite], instances: Sequence[Instance], tensors: TensorDict
    ) -> None:
        self._sites = sites
        self._instances = instances
        fields = text_field_names(instances[0], tensors)
        self._matcher = CallMatcher(tensors, fields, len(instances))
        self._calls: List[Tuple[SiteCall, bool]] = []

    @property
    def calls(self) -> List[SiteCall]:
        """
        In order. An uncertain call does not count if the same site was also called with the field's
        own ids.
        """
        certain = {call.key[:-1] for call, is_uncertain in self._calls if not is_uncertain}
        return [
            call
            for call, is_uncertain in self._calls
            if not (is_uncertain and call.key[:-1] in certain)
        ]

    def record(
        self, site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[SiteCall]:
        """The call, or `None` if it is not one with the text of a field."""
        match = self._matcher.match(site, given)
        if match is None:
            return None
        call = _site_call(match, self._sites[site], output, self._instances)
        self._calls.append((call, match.is_uncertain))
        return call


def _site_call(
    match: Match, site: EmbeddingSite, output: torch.Tensor, instances: Sequence[Instance]
) -> SiteCall:
    """
    # Raises

    `InterpretationError`
        If the output does not have one vector for each id or token.
    """
    texts = [texts_of(instance, match.key.field) for instance in instances]
    owners = _owners(match, texts)
    grid = tuple(match.ids.shape[1:])
    embedded = None
    if output.dim() > 1 and output.size(0) % len(instances) == 0:
        # Shape: (instances, positions, embedding_dim)
        embedded = output.reshape(len(instances), -1, output.size(-1))
    reads_characters = len(grid) - len(texts[0][0].place) == 2
    if embedded is not None and embedded.size(1) != owners.size(1) and reads_characters:
        # The site puts characters together: it returns one vector for each token.
        owners = owners.reshape(len(instances), -1, grid[-1])[..., 0]
        grid = grid[:-1]
    if site.boundaries:
        length = match.positions.shape[-2 if reads_characters else -1]
        owners = _with_boundaries(owners, length, site.boundaries)
    if embedded is None or embedded.size(1) != owners.size(1):
        raise InterpretationError(
            f"the output of {site.name} has shape {tuple(output.shape)}: this is not one vector "
            f"for each token of field '{match.key.field}', with ids of shape "
            f"{tuple(match.ids.shape)}"
        )
    return SiteCall(
        key=match.key,
        site=site,
        # A copy, since some models write into their embeddings.
        embedded=embedded.detach().clone(),
        grid=grid if torch.Size(grid).numel() == embedded.size(1) else (embedded.size(1),),
        owners=owners,
        texts=texts,
    )


def _owners(match: Match, texts: Sequence[Sequence[FieldText]]) -> torch.Tensor:
    """Shape: (instances, positions)."""
    key, shape = match.key, match.ids.shape[1:]
    owners = torch.stack([owners_of_ids(t, key.indexer, key.argument, shape) for t in texts])
    # The negative positions `ADDED` and `NOWHERE` count from the end.
    owners = torch.cat([owners.flatten(), owners.new_tensor([UNOWNED, PADDING])])
    return owners[match.positions].reshape(len(texts), -1)


def _with_boundaries(owners: torch.Tensor, length: int, size: int) -> torch.Tensor:
    """
    The owners with the `size` pieces that the site itself adds before and after each text.
    (instances, texts * length) -> (instances, texts * (length + 2 * size))
    """
    by_text = owners.reshape(-1, length)
    result = torch.full((by_text.size(0), length + 2 * size), PADDING)
    result[:, size : size + length] = by_text
    lengths = (by_text != PADDING).sum(dim=1)
    texts = torch.arange(by_text.size(0))[lengths > 0]  # The others are padding of a list.
    for step in range(size):
        result[texts, step] = UNOWNED
        result[texts, size + lengths[texts] + step] = UNOWNED
    return result.reshape(owners.size(0), -1)
