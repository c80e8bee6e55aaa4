"""Runs the rows of a pass, and checks that other rows do not change them."""

from typing import List, Optional, Sequence, Tuple

import torch
from allennlp.common.checks import ConfigurationError

from biome_interpret.errors import InterpretationError, is_out_of_memory, reason_of
from biome_interpret.interpreters.engine.rows.points import PathPoints, Row
from biome_interpret.interpreters.engine.rows.units import BatchUnits
from biome_interpret.models.baselines.path_starts import PathStarts
from biome_interpret.models.execution.comparison import (
    HeldPasses,
    close,
    is_close,
    same_gradients,
    size_of,
)
from biome_interpret.models.execution.evaluation import ExplainedBatch
from biome_interpret.models.execution.probing import MEAN
from biome_interpret.models.execution.row_values import Evaluation, RowsMixed


class CheckedRows:
    """
    # Parameters

    batch : `ExplainedBatch`
    starts : `PathStarts`
        Where the paths begin.
    loss_reduction : `int`, optional
        How the rows of a pass relate (see `ProbeResult`); `None` to run each row alone.
    held : `HeldPasses`
        Of the model and the type of objective.
    units : `BatchUnits`, optional
        Required if some rows move only some units.
    """

    def __init__(
        self,
        batch: ExplainedBatch,
        starts: PathStarts,
        loss_reduction: Optional[int],
        held: HeldPasses,
        units: Optional[BatchUnits] = None,
    ) -> None:
        self.batch = batch
        self._starts = starts
        self._loss_reduction = loss_reduction
        self._held = held
        self._units = units
        # Whether the model failed on several rows.
        self.ran_alone = False

    def launch(self, rows: List[Row]) -> Tuple[PathPoints, Evaluation]:
        """
        Starts a pass with gradients. Its results stay on the device.

        # Raises

        `RowsMixed`
            If rows that were run alone too give something else.
        """
        points = self._points(rows)
        evaluation = self._evaluate(points, True, alone=self._loss_reduction is None)
        self._hold(points, evaluation)
        if len(evaluation.values) != len(rows):
            self._check_gradients_at_inputs(points, evaluation)
        return points, evaluation

    def launch_values(self, rows: List[Row], want_probabilities: bool = False) -> Evaluation:
        """Starts a pass without gradients."""
        # A loss is one number for all rows. To have a value for each row, it is run alone.
        alone = self._loss_reduction is None or self.batch.objective.needs_loss
        return self._evaluate(self._points(rows), False, alone, want_probabilities)

    def gradient_scale(self, num_rows: int) -> int:
        """The gradients of a pass times this are those of each row alone."""
        return num_rows if self._loss_reduction == MEAN else 1

    def check_inputs(self, rows: Sequence[Row], values: torch.Tensor) -> None:
        """
        # Raises

        `RowsMixed`, `InterpretationError`
            If a row of the text itself does not give the output of the text alone.
        """
        if self.batch.autocast:  # Its rounding may be larger than what other rows change.
            return
        places = [place for place, row in enumerate(rows) if row.is_input]
        expected = [self.batch.outputs[rows[place].instance] for place in places]
        size = size_of(values, self.batch.objective)
        for one, found in zip(expected, values[places].tolist()):
            if not is_close(one, found, size):
                raise self._wrong_at_input(len(rows))

    def _points(self, rows: Sequence[Row]) -> PathPoints:
        return PathPoints(rows, self._starts, self._units)

    def _evaluate(
        self,
        points: PathPoints,
        want_gradients: bool,
        alone: bool,
        want_probabilities: bool = False,
    ) -> Evaluation:
        try:
            return self._run(points, want_gradients, alone, want_probabilities)
        except (InterpretationError, ConfigurationError, MemoryError):
            raise
        except Exception as error:  # Of the model's own.
            if is_out_of_memory(error) or not self._runs_at_text(
                points.instances[0], want_gradients
            ):
                raise
            raise InterpretationError(
                f"{type(self.batch.objective.model).__name__} runs on the text, but fails at a "
                f"point between the baseline and the text ({reason_of(error)}): choose another "
                f"`baseline`, such as 'unknown'"
            ) from error

    def _runs_at_text(self, instance: int, want_gradients: bool) -> bool:
        batch = self.batch
        own = {call.key: call.embedded[instance : instance + 1] for call in batch.calls}
        try:
            batch.launch([instance], own, want_gradients)
        except Exception:  # Not only at a point of the path: the caller raises its own error.
            return False
        return True

    def _run(
        self, points: PathPoints, want_gradients: bool, alone: bool, want_probabilities: bool
    ) -> Evaluation:
        batch, wanted = self.batch, (want_gradients, want_probabilities)
        by_call = {call.key: points.vectors(call) for call in batch.calls}
        if not alone:
            try:
                return batch.launch(points.instances, by_call, *wanted)
            except RowsMixed:
                raise
            except Exception as error:
                # A model may fail on several rows of one text, such as one with a single token.
                if len(points.rows) == 1 or is_out_of_memory(error):
                    raise
                self.ran_alone = True
        return batch.evaluate_one_by_one(points.instances, by_call, *wanted)

    def _hold(self, points: PathPoints, evaluation: Evaluation) -> None:
        """
        Holds two rows of a pass against the same rows alone, if such a pass is due.

        # Raises

        `RowsMixed`
            If they differ.
        """
        num_rows = len(points.rows)
        if self.batch.autocast or self._loss_reduction is None:
            return
        if not self._held.is_due(num_rows, len(set(points.instances))):
            return
        # At the baseline all positions may be equal, and at the text its equal words are: rounding
        # decides which one is the maximum.
        between = [
            place
            for place, row in enumerate(points.rows)
            if not row.is_baseline and not row.is_input
        ]
        if between:
            for place in {between[len(between) // 2], between[-1]}:
                self._hold_row(place, points, evaluation)

    def _hold_row(self, place: int, points: PathPoints, evaluation: Evaluation) -> None:
        row = self._points([points.rows[place]])
        alone = self._evaluate(row, True, alone=True)
        num_rows = len(points.rows)
        has_values = len(evaluation.values) == num_rows
        size = size_of(evaluation.values, self.batch.objective)
        if has_values and not close(alone.values[0], evaluation.values[place], size):
            raise RowsMixed
        scale = self.gradient_scale(num_rows)
        # Scores are compared by their sum: of words with equal points, rounding decides which one
        # gets the gradient of a maximum.
        scores = {key: one[0] * row.differences[key][0] for key, one in alone.gradients.items()}
        size = sum(float(one.abs().sum()) for one in scores.values())
        for key, own in scores.items():
            found = scale * evaluation.gradients[key][place] * row.differences[key][0]
            if not close(own.sum(), found.sum(), size):
                raise RowsMixed

    def _check_gradients_at_inputs(self, points: PathPoints, evaluation: Evaluation) -> None:
        """As `check_inputs`. A loss has one value for all rows: gradients are compared instead."""
        if self.batch.autocast:
            return
        num_rows = len(points.rows)
        for place, row in enumerate(points.rows):
            if row.is_input:
                alone = self._evaluate(self._points([row]), True, alone=True).gradients
                scale = self.gradient_scale(num_rows)
                if not same_gradients(alone, evaluation.gradients, place, scale):
                    raise self._wrong_at_input(num_rows)

    def _wrong_at_input(self, num_rows: int) -> InterpretationError:
        if self._loss_reduction is not None and num_rows > 1:
            return RowsMixed()
        return InterpretationError(
            "the model does not give the same output again for the text's own embedding: it "
            "depends on more than that, such as a state, chance, or whether gradients are computed"
        )
