"""f and its gradients at points of a model's embedding space, many rows to a forward pass."""

import math
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence

import torch
from allennlp.data import Instance
from allennlp.models import Model

from biome_interpret.errors import InterpretationError
from biome_interpret.models.embedding.call_matching import CallMatcher, text_field_names
from biome_interpret.models.embedding.calls import CallKey, SiteCall
from biome_interpret.models.embedding.site_patching import patched_sites
from biome_interpret.models.embedding.sites import EmbeddingSite
from biome_interpret.models.embedding.tracing import trace
from biome_interpret.models.execution.layers import fast_backward
from biome_interpret.models.execution.lines import Lines
from biome_interpret.models.execution.prediction import Prediction
from biome_interpret.models.objectives import (
    LossByRows,
    NotTold,
    Objective,
    forward_arguments,
    loss_in_place_of,
)
from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.tensors import TensorDict, take_rows, to_padded_tensors, to_tensors

# How far two computations of one number may differ, relative to its size, before it is no longer
# put down to rounding.
ROUNDING = 1e-4

# For each call, a point of its embedding space for each row. Shape: (rows, positions, dim).
Points = Dict[CallKey, torch.Tensor]


class Evaluation(NamedTuple):
    """
    values : f of each row, in float64. Shape: (rows,).
    gradients : ∂f/∂point of each row, for each call; empty where none were asked for.
    """

    values: torch.Tensor
    gradients: Points


class RowsMixed(InterpretationError):
    """The rows of a batch were found to influence one another."""

    def __init__(self) -> None:
        super().__init__("the model's output cannot be told into the rows that it was given")


class ExplainedBatch:
    """
    Labelled instances as one batch, and what the model makes of them and of other points.

    # Parameters

    model : `Model`
        In evaluation mode.
    sites : `Sequence[EmbeddingSite]`
    instances : `Sequence[Instance]`
        Labelled, and of like kind. An objective that takes the loss wants one alone.
    objective : `Objective`
        Replaced by the loss where the model's output does not bear it.
    prediction : `Prediction`, optional
        Of the texts that the instances were labelled for, where there is one; it spares a pass.
    sources : `Sequence[int]`, optional
        Of which of those texts each instance is.
    autocast : `bool`, optional (default = `False`)
        Whether other points than the texts themselves are evaluated in bfloat16.

    # Raises

    `InterpretationError`
        If the model calls no embedding site with a field's text, or f is not a finite number.
    """

    def __init__(
        self,
        model: Model,
        sites: Sequence[EmbeddingSite],
        instances: Sequence[Instance],
        objective: Objective,
        prediction: Optional[Prediction] = None,
        sources: Sequence[int] = (),
        autocast: bool = False,
    ) -> None:
        self._model = model
        self._sites = sites
        self.autocast = autocast
        self.instances = instances
        self.given_objective = self.objective = objective
        known = None
        if prediction is not None and objective.reads_prediction:
            known = prediction.for_batch(sources, instances, model)
        self._tensors = to_tensors(instances, model) if known is None else known.tensors
        self._fields = text_field_names(instances[0], self._tensors)
        self._along = None if known is None else known.along
        self._values_along: Optional[torch.Tensor] = None
        if known is None:
            self._text_outputs = self._trace()
        else:
            self.calls, self._text_outputs = self._of_text(known.calls), known.outputs
        # f(x). Shape: (instances,).
        self.values = self._text_values_or_loss()

    @cached_property
    def outputs(self) -> List[float]:
        """The `values` as plain numbers."""
        return [*self.values.tolist()]

    @cached_property
    def calls_by_field(self) -> Dict[str, List[SiteCall]]:
        """In the order in which the model reads the fields."""
        fields: Dict[str, List[SiteCall]] = {}
        for call in self.calls:
            fields.setdefault(call.key.field, []).append(call)
        return fields

    @cached_property
    def probabilities(self) -> List[Optional[float]]:
        """The model's for each instance's target."""
        with torch.no_grad():
            found = self.objective.probabilities(self._text_outputs, self._tensors)
        return [*found] or [None] * len(self.instances)

    @cached_property
    def label_probabilities(self) -> List[Optional[Dict[str, float]]]:
        """For each instance the model's for each label."""
        with torch.no_grad():
            found = self.objective.label_probabilities(self._text_outputs, self._tensors)
        return found or [None] * len(self.instances)

    def check_loss(self, objective: LossByRows) -> None:
        """Holds the values of the texts against the loss that the model gives for them."""
        with torch.no_grad():
            objective.check(self._text_outputs, self._tensors)

    def _trace(self) -> Outputs:
        """Runs the model on the texts."""
        arguments = forward_arguments(self.objective, self._tensors)
        run, sites = self.objective.run, self._sites
        calls, outputs = trace(run, sites, self.instances, self._tensors, arguments)
        self.calls = self._of_text(calls)
        return outputs

    def _of_text(self, calls: Sequence[SiteCall]) -> List[SiteCall]:
        """Those of the text: a target sequence may be embedded by the same module."""
        return [call for call in calls if call.key.field not in self.objective.label_names]

    def _text_values_or_loss(self) -> torch.Tensor:
        """Shape: (instances,). Sets the loss as objective where the output does not tell."""
        try:
            return self._text_values()
        except NotTold:
            self.objective, self._along = loss_in_place_of(self.objective), None
            self._text_outputs = self._trace()
            return self._text_values()

    def _text_values(self) -> torch.Tensor:
        if self._along is None:
            with torch.no_grad():
                return _finite(self.objective.values(self._text_outputs, self._tensors).double())
        rows, _, outputs, tensors = self._along
        labels = {name: value for name, value in self._tensors.items() if name not in tensors}
        with torch.enable_grad():
            tensors = {**tensors, **self._rows_of(labels, rows)}
            self._values_along = self._row_values(outputs, tensors, len(rows))
        # The texts are the first rows.
        return _finite(self._values_along[: len(self.instances)].detach().double())

    @property
    def has_points_along(self) -> bool:
        """Whether points went along with the prediction that this batch is of."""
        return self._along is not None

    def padded_value(self, extra: int) -> float:
        """f(x) of the first instance with padding appended, as in a batch with a longer one."""
        tensors = to_padded_tensors(self.instances[0], self._model, extra)
        with torch.no_grad():
            outputs = self.objective.run(forward_arguments(self.objective, tensors))
            return float(self.objective.values(outputs, tensors).double())

    def evaluate(
        self,
        rows: Sequence[int],
        points: Points,
        want_gradients: bool,
        lines: Optional[Lines] = None,
    ) -> Evaluation:
        """
        One forward pass over all rows, and one gradient call on their embeddings alone.

        # Parameters

        rows : `Sequence[int]`
            Of which instance each row is.
        points : `Points`
        want_gradients : `bool`
        lines : `Lines`, optional
            On which the points stand, where that is known: some models then take less time.

        # Returns

        `Evaluation`
            For an objective that takes the loss: the value and the gradients of the batch's loss.

        # Raises

        `RowsMixed`
            If the model's output cannot be told into so many rows.
        """
        tensors = self._rows_of(self._tensors, rows)
        leaves = {
            key: point.detach().requires_grad_(want_gradients) for key, point in points.items()
        }
        matcher = CallMatcher(tensors, self._fields, len(rows))

        def replace(
            site: int, given: Sequence[torch.Tensor], output: torch.Tensor
        ) -> Optional[torch.Tensor]:
            match = matcher.match(site, given)
            leaf = None if match is None else leaves.get(match.key)
            if leaf is None:
                return None
            if leaf.numel() != output.numel():
                raise RowsMixed
            # A copy, since the model may write into what it is given.
            return leaf.clone().reshape(output.shape)

        with torch.set_grad_enabled(want_gradients), fast_backward(self._model, lines):
            with self._precision(), patched_sites(self._sites, replace):
                outputs = self.objective.run(forward_arguments(self.objective, tensors))
            values = self._row_values(outputs, tensors, len(rows))
            return self._evaluation(rows, leaves, values, want_gradients)

    def evaluate_along(self) -> Evaluation:
        """The same at the points that went along with the prediction."""
        assert self._along is not None and self._values_along is not None
        along, values = self._along, self._values_along
        # They are looked at once, and hold on to all that led to them.
        self._along = self._values_along = None
        with torch.enable_grad():
            return self._evaluation(along.rows, along.leaves, values, want_gradients=True)

    def _row_values(self, outputs: Outputs, tensors: TensorDict, num_rows: int) -> torch.Tensor:
        outputs = {name: _full_precision(value) for name, value in outputs.items()}
        values = self.objective.values(outputs, tensors)
        if values.shape != ((1,) if self.objective.needs_loss else (num_rows,)):
            raise RowsMixed
        return values

    def _evaluation(
        self, rows: Sequence[int], leaves: Points, values: torch.Tensor, want_gradients: bool
    ) -> Evaluation:
        gradients = _gradients(values, leaves, self.values[list(rows)]) if want_gradients else {}
        return Evaluation(_finite(values.detach().double()), gradients)

    def evaluate_one_by_one(
        self, rows: Sequence[int], points: Points, want_gradients: bool
    ) -> Evaluation:
        """A forward pass for each row, for models whose rows are not each other's business."""
        parts = [
            self.evaluate([row], {k: p[i : i + 1] for k, p in points.items()}, want_gradients)
            for i, row in enumerate(rows)
        ]
        return Evaluation(
            torch.cat([part.values for part in parts]),
            {key: torch.cat([part.gradients[key] for part in parts]) for key in parts[0].gradients},
        )

    @contextmanager
    def _precision(self) -> Iterator[None]:
        if not self.autocast:
            yield
            return
        device = self.calls[0].embedded.device.type
        try:
            with torch.autocast(device_type=device, dtype=torch.bfloat16):
                yield
        except TypeError as error:  # As AllenNLP's own operations raise.
            kind = type(self._model).__name__
            raise InterpretationError(f"{kind} does not run under autocast: {error}") from error

    def _rows_of(self, tensors: TensorDict, rows: Sequence[int]) -> TensorDict:
        device = self.calls[0].embedded.device
        index = torch.tensor(list(rows), dtype=torch.long, device=device)
        return take_rows(tensors, index, len(self.instances))


def _gradients(values: torch.Tensor, leaves: Points, inputs: torch.Tensor) -> Points:
    """
    # Parameters

    inputs : `torch.Tensor`
        f(x) of each row's instance. Shape: (rows,).

    # Raises

    `InterpretationError`
        If f does not hang together with any leaf and yet is not f(x).
    """
    found: Sequence[Optional[torch.Tensor]] = [None] * len(leaves)
    if values.requires_grad:
        found = torch.autograd.grad(values.sum(), list(leaves.values()), allow_unused=True)
    if all(gradient is None for gradient in found) and len(values) == len(inputs):
        if not torch.allclose(values.double(), inputs.to(values.device), rtol=ROUNDING, atol=0.0):
            raise InterpretationError(
                "the model's output changes with the text's embedding but has no gradient by it: "
                "the model cuts it off, by `detach()` or a function that is not differentiable"
            )
    return {
        key: torch.zeros_like(leaf) if gradient is None else gradient
        for (key, leaf), gradient in zip(leaves.items(), found)
    }


def _full_precision(value: Any) -> Any:
    """What autocast left in bfloat16, for sums and logarithms to be taken in float32."""
    is_half = isinstance(value, torch.Tensor) and value.dtype == torch.bfloat16
    return value.float() if is_half else value


def _finite(values: torch.Tensor) -> torch.Tensor:
    numbers = values.tolist()
    if not all(map(math.isfinite, numbers)):
        raise InterpretationError(f"the explained output is not finite: {numbers}")
    return values
