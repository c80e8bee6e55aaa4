"""f and its gradients at points of the embedding space, many rows in one forward pass."""

from contextlib import contextmanager
from functools import cached_property
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import torch
from allennlp.data import Instance
from allennlp.models import Model

from biome_interpret.errors import InterpretationError
from biome_interpret.models.embedding.call_matching import CallMatcher
from biome_interpret.models.embedding.calls import SiteCall
from biome_interpret.models.embedding.placing import PointPlacer, PointsLost
from biome_interpret.models.embedding.site_patching import patched_sites
from biome_interpret.models.embedding.sites import EmbeddingSite
from biome_interpret.models.embedding.tracing import trace
from biome_interpret.models.execution.gradients import gradients_by
from biome_interpret.models.execution.prediction import Prediction
from biome_interpret.models.execution.row_values import (
    AT_POINTS,
    ROUNDING,
    Evaluation,
    PointsByCall,
    RowsMixed,
    check_finite,
)
from biome_interpret.models.isolation.lookups import checked_lookups
from biome_interpret.models.isolation.recurrent import differentiable_recurrence, recurrent_layers
from biome_interpret.models.objectives import (
    NoOutput,
    Objective,
    forward_arguments,
    loss_in_place_of,
)
from biome_interpret.models.objectives.inference_modes import Outputs
from biome_interpret.models.tensors import row_index, rows_at, take_rows, to_tensors


class ExplainedBatch:
    """
    Labelled instances as one batch. Evaluates f at their embeddings and at other points.

    # Parameters

    model : `Model`
        In evaluation mode.
    sites : `Sequence[EmbeddingSite]`
    instances : `Sequence[Instance]`
        Labelled, and with objectives of the same type. Only one if the objective needs the loss.
    objective : `Objective`
        Replaced by the loss if the model's output lacks the explained number.
    prediction : `Prediction`, optional
        Of the same texts. It may save a forward pass.
    prediction_rows : `Sequence[int]`, optional
        The row of the prediction for each instance.
    autocast : `bool`, optional (default = `False`)
        Whether points other than the texts are evaluated in bfloat16.
    verify : `bool`, optional (default = `False`)
        Whether the trace is verified (see `models.embedding.verification`).

    # Raises

    `InterpretationError`
        If the model calls no embedding site with the text of a field, or f is not finite.
    """

    def __init__(
        self,
        model: Model,
        sites: Sequence[EmbeddingSite],
        instances: Sequence[Instance],
        objective: Objective,
        prediction: Optional[Prediction] = None,
        prediction_rows: Sequence[int] = (),
        autocast: bool = False,
        verify: bool = False,
    ) -> None:
        self._model = model
        self._verify = verify
        self._outputs_for_other_words: Optional[Outputs] = None
        self._sites = sites
        self._recurrent = recurrent_layers(model)
        self.autocast = autocast
        self.instances = instances
        # `self.objective` is replaced by the loss if the output lacks f.
        self.given_objective = self.objective = objective
        reused = None
        if prediction is not None and objective.reads_prediction:
            reused = prediction.for_batch(prediction_rows, instances, objective)
        self._tensors = to_tensors(instances, model) if reused is None else reused.tensors
        if reused is None:
            self._run_on_texts()
        else:
            labels = self.objective.label_names
            self.calls = [call for call in reused.calls if call.key.field not in labels]
            self._model_outputs = reused.outputs
        # f(x). Shape: (instances,)
        self.values = self._text_values_or_loss()
        if verify and reused is not None:
            self._run_on_texts()

    @cached_property
    def outputs(self) -> List[float]:
        """f(x) of each instance."""
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
        """The model's probability for each instance's target."""
        with torch.no_grad():
            found = self.objective.probabilities(self._model_outputs, self._tensors)
        return [None] * len(self.instances) if found is None else [*found.tolist()]

    @cached_property
    def label_probabilities(self) -> List[Optional[Dict[str, float]]]:
        """For each instance the model's probability for each label."""
        with torch.no_grad():
            found = self.objective.label_probabilities(self._model_outputs, self._tensors)
        return found or [None] * len(self.instances)

    def _run_on_texts(self) -> None:
        arguments = forward_arguments(self.objective, self._tensors)
        run, sites = self.objective.run, self._sites
        # The same module may embed the text and a label, such as a target sequence.
        labels, vocabulary = self.objective.label_names, self._model.vocab
        found = trace(
            run, sites, self.instances, self._tensors, arguments, vocabulary, labels, self._verify
        )
        self.calls, self._model_outputs = found.calls, found.outputs
        self._outputs_for_other_words = found.outputs_for_other_words

    def _text_values_or_loss(self) -> torch.Tensor:
        """Shape: (instances,). If the output lacks f, the loss becomes the objective."""
        try:
            return self._text_values()
        except NoOutput:
            self.objective = loss_in_place_of(self.objective)
            self._run_on_texts()
            return self._text_values()

    def _text_values(self) -> torch.Tensor:
        labels = self.objective.label_objective
        # Passes at other points have the labels of these texts.
        labels.has_checked_labels = False
        with torch.no_grad():
            values = self.objective.values(self._model_outputs, self._tensors).double()
        check_finite(values)
        labels.has_checked_labels = True
        return values

    @property
    def bypasses_embeddings(self) -> bool:
        """Whether f(x) changes if only the ids of the words do. False if this was not verified."""
        other = self._outputs_for_other_words
        if other is None or self.objective.needs_loss:
            return False
        with torch.no_grad():
            values = self.objective.values(other, self._tensors).double()
        return not torch.allclose(values, self.values, rtol=ROUNDING, atol=0.0)

    def padded_values(self, padding: int) -> Tuple[float, Optional[float]]:
        """
        f(x) and the probability of the first instance with this much padding, as if the batch had a
        longer one.
        """
        tensors = to_tensors(self.instances[:1], self._model, padding)
        with torch.no_grad(), checked_lookups(self.device):
            outputs = self.objective.run(forward_arguments(self.objective, tensors))
            value = float(self.objective.values(outputs, tensors).double())
            probabilities = self.objective.probabilities(outputs, tensors)
        return value, None if probabilities is None else float(probabilities[0])

    def uneven_points(self, multiples: Sequence[float]) -> PointsByCall:
        """
        The embedding of the first text times each of some numbers. Equal words get other vectors:
        of equal numbers, rounding decides which one is the maximum.
        """
        return {
            call.key: torch.stack([multiple * _uneven(call.embedded[0]) for multiple in multiples])
            for call in self.calls
        }

    def evaluate(
        self, rows: Sequence[int], points: PointsByCall, want_gradients: bool
    ) -> Evaluation:
        """
        One forward pass over all rows, and one gradient call on their embeddings.

        # Parameters

        rows : `Sequence[int]`
            The instance of each row.
        points : `PointsByCall`
            Replace the embeddings of the rows.
        want_gradients : `bool`

        # Returns

        `Evaluation`
            If the objective needs the loss, it has one value: minus the loss of the batch.

        # Raises

        `RowsMixed`
            If the model's output cannot be split into the rows.
        `InterpretationError`
            If f is not finite.
        """
        found = self.launch(rows, points, want_gradients)
        check_finite(found.values, AT_POINTS)
        return found

    def launch(
        self,
        rows: Sequence[int],
        points: PointsByCall,
        want_gradients: bool,
        want_probabilities: bool = False,
    ) -> Evaluation:
        """
        As `evaluate`, but f may not be finite. That is not looked at, since it would wait for the
        device: one that works by itself may still be at it.
        """
        try:
            return self._launch(rows, points, want_gradients, want_probabilities)
        except PointsLost as error:
            if len(rows) == 1:
                raise
            raise RowsMixed(str(error)) from error

    def _launch(
        self,
        rows: Sequence[int],
        points: PointsByCall,
        want_gradients: bool,
        want_probabilities: bool,
    ) -> Evaluation:
        index = row_index(rows, self.device)
        tensors = take_rows(self._tensors, rows, index, len(self.instances))
        leaves = {
            key: point.detach().requires_grad_(want_gradients) for key, point in points.items()
        }
        arguments = forward_arguments(self.objective, tensors)
        matcher = CallMatcher(self.instances[0], tensors, arguments, len(rows))
        placer = PointPlacer(self.calls, leaves, rows, matcher)
        with torch.set_grad_enabled(want_gradients), differentiable_recurrence(self._recurrent):
            with patched_sites(self._sites, placer.replace):
                with self._precision():
                    outputs = self.objective.run(arguments)
                placer.check()
                outputs = {name: _full_precision(value) for name, value in outputs.items()}
                values = self.objective.values(outputs, tensors)
                if values.shape != ((1,) if self.objective.needs_loss else (len(rows),)):
                    raise RowsMixed
                gradients: PointsByCall = {}
                if want_gradients:
                    gradients = gradients_by(leaves, values, rows_at(self.values, rows))
        probabilities = None
        if want_probabilities:
            probabilities = self.objective.probabilities(outputs, tensors)
        return Evaluation(values.detach().double(), gradients, probabilities)

    def evaluate_one_by_one(
        self,
        rows: Sequence[int],
        points: PointsByCall,
        want_gradients: bool,
        want_probabilities: bool = False,
    ) -> Evaluation:
        """One forward pass for each row, for a model with rows that depend on each other."""
        parts = []
        for i, row in enumerate(rows):
            own = {key: points_of_call[i : i + 1] for key, points_of_call in points.items()}
            parts.append(self.launch([row], own, want_gradients, want_probabilities))
            check_finite(parts[-1].values, AT_POINTS)
        probabilities = [part.probabilities for part in parts if part.probabilities is not None]
        return Evaluation(
            torch.cat([part.values for part in parts]),
            {key: torch.cat([part.gradients[key] for part in parts]) for key in parts[0].gradients},
            torch.cat(probabilities) if len(probabilities) == len(rows) else None,
        )

    @property
    def device(self) -> torch.device:
        return self.calls[0].embedded.device

    @contextmanager
    def _precision(self) -> Iterator[None]:
        if not self.autocast:
            yield
            return
        try:
            with torch.autocast(device_type=self.device.type, dtype=torch.bfloat16):
                yield
        except TypeError as error:  # Raised by operations of AllenNLP.
            name = type(self._model).__name__
            raise InterpretationError(f"{name} does not run under autocast: {error}") from error


def _full_precision(value: Any) -> Any:
    """
    float32 in place of autocast's bfloat16, for sums and logarithms. On a GPU, recurrent layers
    give float16.
    """
    is_half = isinstance(value, torch.Tensor) and value.dtype in (torch.bfloat16, torch.float16)
    return value.float() if is_half else value


def _uneven(embedded: torch.Tensor) -> torch.Tensor:
    """Shape: (positions, dim)."""
    places = torch.arange(embedded.size(0)).to(embedded)
    return embedded * (1 + 0.1 * (places + 1).sin()).unsqueeze(-1)
