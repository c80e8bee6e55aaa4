"""Predicts texts, and traces the pass: its arguments, outputs and embeddings."""

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import torch
from allennlp.data import Instance
from allennlp.models import Model

from biome_interpret.models.embedding.calls import SiteCall
from biome_interpret.models.embedding.site_patching import patched_sites
from biome_interpret.models.embedding.sites import EmbeddingSite
from biome_interpret.models.embedding.tracing import CallRecorder
from biome_interpret.models.isolation.patching import patched
from biome_interpret.models.objectives import Objective
from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.tensors import TensorDict, fresh, row_index, take_rows, to_tensors


@dataclass(frozen=True)
class Prediction:
    """
    The trace of a prediction pass.

    # Parameters

    tensors : `TensorDict`
        The arguments of the model.
    outputs : `Outputs`
        The model's output before it was made human-readable.
    calls : `List[SiteCall]`
        The calls of embedding sites with the text of a field, in order.
    """

    tensors: TensorDict
    outputs: Outputs
    calls: List[SiteCall]

    def for_batch(
        self, rows: Sequence[int], instances: Sequence[Instance], objective: Objective
    ) -> Optional["Prediction"]:
        """
        The trace of labelled instances with the same inputs. It saves them a forward pass.

        # Parameters

        rows : `Sequence[int]`
            The row of this prediction for each instance.
        instances : `Sequence[Instance]`

        # Returns

        `Optional[Prediction]`
            With the tensors of the instances. `None` if the model was called with other tensors
            than labels, or with the same ones in another padded length.
        """
        size = len(self.calls[0].embedded)
        index = row_index(rows, self.calls[0].embedded.device)
        predicted = take_rows(self.tensors, rows, index, size)
        tensors = to_tensors(instances, objective.model)
        texts = {call.key.field for call in self.calls}
        labels = {*objective.label_names, *objective.other_labels} - texts
        others = {name for name in tensors if isinstance(tensors[name], (torch.Tensor, dict))}
        names = texts | (others & predicted.keys()) - labels
        if not all(_equal(predicted[name], tensors.get(name)) for name in names):
            return None
        outputs = take_rows(self.outputs, rows, index, size)
        # A loss would be that of the labels that the texts were read with.
        outputs.pop("loss", None)
        return Prediction(tensors, outputs, [call.take(rows) for call in self.calls])


def predict(
    model: Model, sites: Sequence[EmbeddingSite], instances: Sequence[Instance]
) -> Tuple[List[Dict[str, Any]], Optional[Prediction]]:
    """
    Runs `Model.forward_on_instances`, and traces the forward pass.

    # Returns

    `Tuple[List[Dict[str, Any]], Optional[Prediction]]`
        The output for each instance, and the trace; `None` if the model was run more than once, or
        in a way that cannot be traced.
    """
    traces: List[_Trace] = []

    def observe(
        site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[torch.Tensor]:
        return traces[-1].record(site, given, output) if traces else None

    def traced(forward: Callable[..., Outputs], *args: Any, **tensors: Any) -> Outputs:
        if args:
            return forward(*args, **tensors)
        traces.append(_Trace(sites, instances, tensors))
        return traces[-1].run(forward)

    with torch.no_grad(), patched_sites(sites, observe), patched(model, traced):
        outputs = model.forward_on_instances(list(instances))
    return outputs, traces[0].prediction if len(traces) == 1 else None


class _Trace:
    """One forward pass in progress."""

    def __init__(
        self, sites: Sequence[EmbeddingSite], instances: Sequence[Instance], tensors: TensorDict
    ) -> None:
        self._tensors = tensors
        self._arguments = fresh(tensors)
        self._recorder = CallRecorder(sites, instances, tensors, self._arguments)
        self._outputs: Outputs = {}
        self._failed = False

    def record(
        self, site: int, given: Sequence[torch.Tensor], output: torch.Tensor
    ) -> Optional[torch.Tensor]:
        try:
            return self._recorder.record(site, given, output)
        except Exception:
            # A model may call its sites with other rows. It must predict all the same.
            self._failed = True
            return None

    def run(self, forward: Callable[..., Outputs]) -> Outputs:
        outputs = forward(**self._arguments)
        # Copies: `make_output_human_readable` may change values.
        self._outputs = {
            name: value.clone() if isinstance(value, torch.Tensor) else value
            for name, value in outputs.items()
        }
        return outputs

    @property
    def prediction(self) -> Optional[Prediction]:
        calls = self._recorder.calls
        if self._failed or not calls or not self._outputs or not self._recorder.is_certain:
            return None
        return Prediction(self._tensors, self._outputs, calls)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return bool(one == other)
