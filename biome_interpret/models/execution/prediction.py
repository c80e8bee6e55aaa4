"""
The prediction pass: what a model makes of texts as they are, and the embeddings on the way. Points
of their paths may go along, which spares a pass.
"""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Callable, ContextManager, Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch
from allennlp.data import Instance
from allennlp.models import Model

from biome_interpret.errors import InterpretationError
from biome_interpret.models.embedding.calls import CallKey, SiteCall
from biome_interpret.models.embedding.site_patching import patched_sites
from biome_interpret.models.embedding.sites import EmbeddingSite, tensors_in
from biome_interpret.models.embedding.tracing import CallRecorder
from biome_interpret.models.execution.layers import fast_backward
from biome_interpret.models.execution.lines import Lines
from biome_interpret.models.isolation.patching import patched
from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.tensors import (
    TensorDict,
    share_content,
    take_rows,
    to_tensors,
    to_tensors_without_padding,
)


class Companions(NamedTuple):
    """
    Points that go through the model together with the texts that it predicts.

    # Parameters

    rows : `Sequence[int]`
        Of which text each row of the pass is. First come the texts themselves, in their order.
    points : `Callable[[SiteCall], torch.Tensor]`
        For a call with the texts, the points of all rows; of the first ones the embeddings that
        they have. Shape: (rows, positions, embedding_dim).
    lines : `Lines`
        On which they stand.
    """

    rows: Sequence[int]
    points: Callable[[SiteCall], torch.Tensor]
    lines: Lines


class RowsAlong(NamedTuple):
    """
    What the model made of texts and of the points that went along.

    # Parameters

    rows : `Sequence[int]`
        As in `Companions`.
    leaves : `Dict[CallKey, torch.Tensor]`
        The points of each call, of which gradients may be taken.
    outputs : `Outputs`
        For all rows.
    tensors : `TensorDict`
        What the model was called with for all rows.
    """

    rows: Sequence[int]
    leaves: Dict[CallKey, torch.Tensor]
    outputs: Outputs
    tensors: TensorDict


@dataclass(frozen=True)
class Prediction:
    """
    # Parameters

    instances : `Sequence[Instance]`
        The texts.
    tensors : `TensorDict`
        What the model was called with.
    outputs : `Outputs`
        What it put out, before that was made human-readable.
    calls : `List[SiteCall]`
        Its calls of embedding sites with the text of a field, in their order.
    along : `RowsAlong`, optional
        Where points went along.
    """

    instances: Sequence[Instance]
    tensors: TensorDict
    outputs: Outputs
    calls: List[SiteCall]
    along: Optional[RowsAlong] = None

    @property
    def size(self) -> int:
        return len(self.instances)

    def for_batch(
        self, rows: Sequence[int], instances: Sequence[Instance], model: Model
    ) -> Optional["Prediction"]:
        """
        The same for another batch.

        # Parameters

        rows : `Sequence[int]`
            Of which text here each row there is made.
        instances : `Sequence[Instance]`
            The rows there.

        # Returns

        `Optional[Prediction]`
            With the other batch's tensors. `None` where its texts turn out not to be what the model
            was called with, or are padded to another length.
        """
        taken = self if list(rows) == list(range(self.size)) else self._take(rows)
        tensors = taken._with_labels(instances, model) or to_tensors(instances, model)
        fields = {call.key.field for call in self.calls}
        if not all(_same(taken.tensors[name], tensors.get(name)) for name in fields):
            return None
        # A loss would be that of the texts' own labels.
        outputs = {name: value for name, value in taken.outputs.items() if name != "loss"}
        return replace(taken, instances=instances, tensors=tensors, outputs=outputs)

    def _take(self, rows: Sequence[int]) -> "Prediction":
        index = torch.tensor(rows, device=self.calls[0].embedded.device)
        return Prediction(
            [self.instances[row] for row in rows],
            take_rows(self.tensors, index, self.size),
            take_rows(self.outputs, index, self.size),
            [call.take(rows) for call in self.calls],
        )

    def _with_labels(self, instances: Sequence[Instance], model: Model) -> Optional[TensorDict]:
        """
        The tensors of labelled instances, where they have the very fields that were predicted, and
        others, such as labels, that are not padded.
        """
        names, pairs = list(instances[0].fields), list(zip(instances, self.instances))
        known = {
            name: self.tensors[name]
            for name in names
            if name in self.tensors
            and all(share_content(one.fields[name], other.fields[name]) for one, other in pairs)
        }
        others = [{n: one.fields[n] for n in names if n not in known} for one in instances]
        labels = to_tensors_without_padding(others, model)
        return {**known, **labels} if known and labels is not None else None


def predict(
    model: Model,
    sites: Sequence[EmbeddingSite],
    instances: Sequence[Instance],
    readable: bool,
    companions: Optional[Companions] = None,
) -> Tuple[List[Dict[str, Any]], Optional[Prediction]]:
    """
    # Parameters

    readable : `bool`
        Whether outputs are made human-readable, which takes some time.
    companions : `Companions`, optional
        For a model whose rows are not each other's business.

    # Returns

    `Tuple[List[Dict[str, Any]], Optional[Prediction]]`
        For each instance what `Model.forward_on_instances` returns; and what was seen on the way,
        or `None` where that is of no use: where the model was run more than once, say.

    # Raises

    `InterpretationError`
        If companions cannot go along. (The model itself may fail in any way.)
    """
    sightings: List[_Sighting] = []

    def observe(
        site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[torch.Tensor]:
        return sightings[-1].record(site, given, output) if sightings else None

    def seen(forward: Callable[..., Outputs], *args: Any, **tensors: Any) -> Outputs:
        if args:
            return forward(*args, **tensors)
        if companions is None:
            sightings.append(_Sighting(sites, instances, tensors))
        else:
            sightings.append(_SightingInCompany(sites, instances, tensors, companions))
        return sightings[-1].run(forward)

    along = companions is not None
    fast = fast_backward(model, companions.lines) if companions is not None else nullcontext()
    with torch.set_grad_enabled(along), fast:
        with patched_sites(sites, observe), patched(model, seen):
            with nullcontext() if readable else _left_as_they_are(model):
                outputs = model.forward_on_instances(list(instances))
    if len(sightings) != 1 or not sightings[0].is_whole:
        return outputs, None
    return outputs, sightings[0].prediction


def _left_as_they_are(model: Model) -> ContextManager[None]:
    """The outputs, in place of human-readable ones."""
    return patched(model, lambda method, outputs: outputs, "make_output_human_readable")


class _Sighting:
    """One forward pass of a model, as it goes on."""

    def __init__(
        self,
        sites: Sequence[EmbeddingSite],
        instances: Sequence[Instance],
        tensors: TensorDict,
        companions: Optional[Companions] = None,
    ) -> None:
        self._instances = instances
        self._tensors = self._all_tensors = tensors
        if companions is not None:
            rows = torch.tensor(companions.rows, device=next(tensors_in(tensors)).device)
            self._all_tensors = take_rows(tensors, rows, len(instances))
            instances = [instances[row] for row in companions.rows]
        self._recorder = CallRecorder(sites, instances, self._all_tensors)
        self._outputs: Outputs = {}
        self._failed = False

    def record(
        self, site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[torch.Tensor]:
        try:
            return None if self._recorder.record(site, given, output) is None else output
        except InterpretationError:  # A prediction has to come out all the same.
            self._failed = True
            return None

    def run(self, forward: Callable[..., Outputs]) -> Outputs:
        outputs = forward(**self._tensors)
        # A copy, since making the output human-readable adds to it.
        self._outputs = dict(outputs)
        return outputs

    @property
    def is_whole(self) -> bool:
        return bool(self._recorder.calls and self._outputs) and not self._failed

    @property
    def prediction(self) -> Prediction:
        return Prediction(self._instances, self._tensors, self._outputs, self._recorder.calls)


class _SightingInCompany(_Sighting):
    """One in which points go along. The caller of the model is told of the texts alone."""

    def __init__(
        self,
        sites: Sequence[EmbeddingSite],
        instances: Sequence[Instance],
        tensors: TensorDict,
        companions: Companions,
    ) -> None:
        super().__init__(sites, instances, tensors, companions)
        self._companions = companions
        self._leaves: Dict[CallKey, torch.Tensor] = {}
        self._all_outputs: Outputs = {}

    def record(
        self, site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[torch.Tensor]:
        call = self._recorder.record(site, given, output)
        if call is None:
            return None
        texts = call.take(range(len(self._instances)))
        leaf = self._companions.points(texts).detach().requires_grad_()
        self._leaves[call.key] = leaf
        # A copy, since the model may write into what it is given.
        return leaf.clone().reshape(output.shape)

    def run(self, forward: Callable[..., Outputs]) -> Outputs:
        with torch.enable_grad():
            self._all_outputs = forward(**self._all_tensors)
        with torch.no_grad():
            device = next(tensors_in(self._tensors)).device
            first = torch.arange(len(self._instances), device=device)
            self._outputs = take_rows(self._all_outputs, first, len(self._companions.rows))
        return dict(self._outputs)

    @property
    def is_whole(self) -> bool:
        # Each point has gone in where its text did, and nowhere else.
        return super().is_whole and {c.key for c in self._recorder.calls} == set(self._leaves)

    @property
    def prediction(self) -> Prediction:
        along = RowsAlong(self._companions.rows, self._leaves, self._all_outputs, self._all_tensors)
        calls = [call.take(range(len(self._instances))) for call in self._recorder.calls]
        return replace(super().prediction, calls=calls, along=along)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one is other or torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return bool(one == other)
