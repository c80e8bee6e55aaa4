"""Traces one forward pass: which site was called with which tensor of the batch."""

from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import torch
from allennlp.data import Instance

from biome_interpret.errors import InterpretationError
from biome_interpret.models.alignment.text_fields import NO_INDEXER, texts_of
from biome_interpret.models.embedding.calls import CallKey, SiteCall, _Match, site_call
from biome_interpret.models.embedding.matching import (
    ADDED,
    is_view,
    positions_by_value,
    positions_in_view,
    same_layout,
)
from biome_interpret.models.embedding.site_hooks import observed
from biome_interpret.models.embedding.sites import EmbeddingSite
from biome_interpret.models.tensors import TensorDict

# What an indexer hands over beside the ids of a text.
_NOT_IDS = {
    "mask",
    "wordpiece_mask",
    "segment_concat_mask",
    "type_ids",
    "offsets",
    "attention_mask",
    "special_tokens_mask",
    "token_type_ids",
    "offsets_mapping",
}


class CallMatcher:
    """
    Recognises, pass by pass, which tensor of the batch a site was called with: the very object or
    a view of it, else one made of it.
    """

    def __init__(self, tensors: TensorDict, field_names: Sequence[str], num_rows: int) -> None:
        self._num_rows = num_rows
        self._leaves = {
            (field, indexer, argument): leaf.contiguous()
            for field in field_names
            for indexer, argument, leaf in _id_tensors(tensors[field])
        }
        self._occurrences: Dict[Tuple[Any, ...], int] = {}

    def match(self, site: int, given: Sequence[torch.Tensor]) -> Optional[_Match]:
        """The call, or `None` where no tensor is a field's (but a label's embedding, say)."""
        for tensor in given:
            for name, leaf in self._leaves.items():
                if is_view(leaf, tensor):
                    positions = (
                        None if same_layout(leaf, tensor) else positions_in_view(leaf, tensor)
                    )
                    return self._count(site, name, positions, False)
        for tensor in given:
            match = self._match_by_value(site, tensor)
            if match is not None:
                return match
        return None

    def _match_by_value(self, site: int, given: torch.Tensor) -> Optional[_Match]:
        candidates = {
            name: positions
            for name, leaf in self._leaves.items()
            for positions in [positions_by_value(leaf, given, self._num_rows)]
            if positions is not None
        }
        if not candidates:
            return None

        def rank(name: Tuple[str, str, str]) -> Tuple[bool, int]:
            partial = candidates[name].numel() != self._leaves[name].numel()
            return partial, self._occurrences.get((site, *name), 0)

        best = min(candidates, key=rank)
        self._check_alone(best, given, candidates[best])
        return self._count(site, best, candidates[best], given.numel() == self._num_rows)

    def _check_alone(
        self, name: Tuple[str, str, str], given: torch.Tensor, positions: torch.Tensor
    ) -> None:
        """
        # Raises

        `InterpretationError`
            If among the numbers that are not the field's stand those of another field.
        """
        added = given.reshape(-1)[positions.reshape(-1).to(given.device) == ADDED].tolist()
        for other, leaf in self._leaves.items():
            ids = leaf[leaf != 0].tolist() if other[0] != name[0] and added else []
            starts = range(len(added) - len(ids) + 1) if len(ids) > 1 else ()
            if any(added[start : start + len(ids)] == ids for start in starts):
                raise InterpretationError(
                    f"the model puts fields '{name[0]}' and '{other[0]}' together before it embeds "
                    f"them, and which score is whose cannot be told: embed each of them apart, or "
                    f"make them one field"
                )

    def _count(
        self,
        site: int,
        name: Tuple[str, str, str],
        positions: Optional[torch.Tensor],
        may_be_chance: bool,
    ) -> _Match:
        occurrence = self._occurrences.get((site, *name), 0)
        self._occurrences[(site, *name)] = occurrence + 1
        key = CallKey(site, *name, occurrence)
        return _Match(key, self._leaves[name], positions, may_be_chance)


def _id_tensors(field_tensors: Dict[str, Any]) -> Iterator[Tuple[str, str, torch.Tensor]]:
    """
    The tensors of a field that stand for its tokens, by indexer and argument. A
    `TransformerTextField` has no indexers.
    """
    for indexer, arguments in field_tensors.items():
        if isinstance(arguments, torch.Tensor):
            arguments, indexer = {indexer: arguments}, NO_INDEXER
        for argument, leaf in arguments.items():
            if argument not in _NOT_IDS and isinstance(leaf, torch.Tensor):
                yield indexer, argument, leaf


def text_field_names(instance: Instance, tensors: TensorDict) -> List[str]:
    return [name for name in instance.fields if name in tensors and texts_of(instance, name)]


class CallRecorder:
    """
    Observes one forward pass and keeps the calls of the sites with the text of a field.

    # Parameters

    sites : `Sequence[EmbeddingSite]`
    instances : `Sequence[Instance]`
        The texts that are the first rows of the batch; mostly all of them.
    tensors : `TensorDict`
        The batch.
    num_rows : `int`
        Its size.
    """

    def __init__(
        self,
        sites: Sequence[EmbeddingSite],
        instances: Sequence[Instance],
        tensors: TensorDict,
        num_rows: int,
    ) -> None:
        self._sites = sites
        self._instances = instances
        self._num_rows = num_rows
        fields = text_field_names(instances[0], tensors)
        self._matcher = CallMatcher(tensors, fields, num_rows)
        self._calls: List[Tuple[SiteCall, bool]] = []

    @property
    def calls(self) -> List[SiteCall]:
        """
        Without those that equal a text of one token by chance, such as a label's: where the site
        is also called with that text itself.
        """
        sure = {call.key[:-1] for call, may_be_chance in self._calls if not may_be_chance}
        return [
            call
            for call, may_be_chance in self._calls
            if not (may_be_chance and call.key[:-1] in sure)
        ]

    def record(
        self, site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[SiteCall]:
        """The call, where it is one with the text of a field."""
        match = self._matcher.match(site, given)
        if match is None:
            return None
        count = len(self._instances)
        if count < self._num_rows:
            match = match.of_first(count, self._num_rows)
            output = output[: output.size(0) // self._num_rows * count]
        call = site_call(match, self._sites[site], output, self._instances)
        self._calls.append((call, match.may_be_chance))
        return call


def trace(
    run: Callable[[TensorDict], Dict[str, Any]],
    sites: Sequence[EmbeddingSite],
    instances: Sequence[Instance],
    tensors: TensorDict,
    arguments: TensorDict,
) -> Tuple[List[SiteCall], Dict[str, Any]]:
    """
    Runs the model on texts as they are.

    # Parameters

    run : `Callable[[TensorDict], Dict[str, Any]]`
        The model's forward pass.
    tensors : `TensorDict`
        The instances' batch.
    arguments : `TensorDict`
        What of it the model is called with.

    # Returns

    `Tuple[List[SiteCall], Dict[str, Any]]`
        The calls of the sites with the text of a field, in their order, and the model's output.

    # Raises

    `InterpretationError`
        If there is no such call.
    """
    recorder = CallRecorder(sites, instances, tensors, len(instances))

    def observe(
        site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[torch.Tensor]:
        return None if recorder.record(site, given, output) is None else output

    with torch.no_grad(), observed(sites, observe):
        outputs = run(arguments)
    if not recorder.calls:
        names = ", ".join(site.name for site in sites)
        raise InterpretationError(f"the model never calls {names} with the text of a field")
    return recorder.calls, outputs
