"""The prediction pass: what a model makes of texts as they are, and the embeddings on the way."""

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import torch
from allennlp.data import Instance
from allennlp.models import Model

from biome_interpret.errors import InterpretationError
from biome_interpret.models.batches import TensorDict, take_rows
from biome_interpret.models.calls import CallRecorder, SiteCall
from biome_interpret.models.hooks import observed
from biome_interpret.models.interception import intercepted
from biome_interpret.models.modes import Outputs
from biome_interpret.models.sites import EmbeddingSite


@dataclass(frozen=True)
class Prediction:
    """
    # Parameters

    tensors : `TensorDict`
        What the model was called with.
    outputs : `Outputs`
        What it put out, before that was made human-readable.
    calls : `List[SiteCall]`
        Its calls of embedding sites with the text of a field, in their order.
    size : `int`
        How many texts there are.
    """

    tensors: TensorDict
    outputs: Outputs
    calls: List[SiteCall]
    size: int

    def for_batch(self, rows: Sequence[int], tensors: TensorDict) -> Optional["Prediction"]:
        """
        The same for another batch.

        # Parameters

        rows : `Sequence[int]`
            Of which text here each row there is made.
        tensors : `TensorDict`
            The other batch.

        # Returns

        `Optional[Prediction]`
            `None` where its texts turn out not to be what the model was called with, or are padded
            to another length.
        """
        index = torch.tensor(rows, device=self.calls[0].embedded.device)
        taken = take_rows(self.tensors, index, self.size)
        fields = {call.key.field for call in self.calls}
        if not all(_same(taken[name], tensors.get(name)) for name in fields):
            return None
        outputs = take_rows(self.outputs, index, self.size)
        calls = [call.take(rows) for call in self.calls]
        return Prediction(tensors, outputs, calls, len(rows))


def predict(
    model: Model, sites: Sequence[EmbeddingSite], instances: Sequence[Instance]
) -> Tuple[List[Dict[str, Any]], Optional[Prediction]]:
    """
    # Returns

    `Tuple[List[Dict[str, Any]], Optional[Prediction]]`
        For each instance what `Model.forward_on_instances` returns; and what was seen on the way,
        or `None` where that is of no use: where the model was run more than once, say.
    """
    sightings: List[_Sighting] = []

    def observe(
        site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[torch.Tensor]:
        return sightings[-1].record(site, given, output) if sightings else None

    with torch.no_grad(), observed(sites, observe), _passes_seen(
        model, sites, instances, sightings
    ):
        readable = model.forward_on_instances(list(instances))
    if len(sightings) != 1 or not sightings[0].is_whole:
        return readable, None
    [seen] = sightings
    return readable, Prediction(seen.tensors, seen.outputs, seen.calls, len(instances))


class _Sighting:
    """One forward pass of a model, as it goes on."""

    def __init__(
        self, sites: Sequence[EmbeddingSite], instances: Sequence[Instance], tensors: TensorDict
    ) -> None:
        self.tensors = tensors
        self.outputs: Outputs = {}
        self._recorder = CallRecorder(sites, instances, tensors)
        self._failed = False

    def record(
        self, site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[torch.Tensor]:
        try:
            return self._recorder(site, given, output)
        except InterpretationError:  # A prediction has to come out all the same.
            self._failed = True
            return None

    @property
    def calls(self) -> List[SiteCall]:
        return self._recorder.calls

    @property
    def is_whole(self) -> bool:
        return bool(self.calls and self.outputs) and not self._failed


@contextmanager
def _passes_seen(
    model: Model,
    sites: Sequence[EmbeddingSite],
    instances: Sequence[Instance],
    sightings: List[_Sighting],
) -> Iterator[None]:
    """Adds a sighting for each forward pass by this thread."""

    def seen(forward: Callable[..., Outputs], *args: Any, **tensors: Any) -> Outputs:
        if args:
            return forward(*args, **tensors)
        sightings.append(_Sighting(sites, instances, tensors))
        outputs = forward(**tensors)
        # A copy, since making the output human-readable adds to it.
        sightings[-1].outputs = dict(outputs)
        return outputs

    with intercepted(model, seen):
        yield


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)
