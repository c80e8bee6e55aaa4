"""Evaluates the terms of path integrals for a batch of labelled instances."""

import math
from typing import Dict, List, Mapping, Optional, Sequence, Set, Union

import torch

from biome_interpret.attribution.paths import AdaptiveMeasure, Path, PathMeasure
from biome_interpret.errors import InterpretationError, is_out_of_memory
from biome_interpret.interpreters.engine.integrands import GradientCache, Integrands, Terms
from biome_interpret.interpreters.engine.points import AT_BASELINE, AT_INPUT, PathPoints, Row
from biome_interpret.interpreters.engine.settings import Settings
from biome_interpret.models.baselines.path_starts import PathStarts
from biome_interpret.models.execution.batching import run_in_passes
from biome_interpret.models.execution.comparison import HeldPasses, close, same_gradients
from biome_interpret.models.execution.evaluation import Evaluation, ExplainedBatch, RowsMixed
from biome_interpret.models.execution.probing import MEAN

# The rounding of an output, relative to its size, in float32 and in bfloat16.
_FLOAT32_ROUNDING = 1e-6
_BFLOAT16_ROUNDING = 2.0**-8


class PathIntegral:
    """
    # Parameters

    batch : `ExplainedBatch`
    starts : `PathStarts`
        Where the paths begin.
    loss_reduction : `int`, optional
        How the rows of a pass relate (see `ProbeResult`); `None` to run each row alone.
    rows_per_pass : `int`
    held : `HeldPasses`
        Of the model and the type of objective.
    settings : `Settings`
    """

    def __init__(
        self,
        batch: ExplainedBatch,
        starts: PathStarts,
        loss_reduction: Optional[int],
        rows_per_pass: int,
        held: HeldPasses,
        settings: Settings,
    ) -> None:
        self._batch = batch
        self._starts = starts
        self._loss_reduction = loss_reduction
        self._rows_per_pass = rows_per_pass
        self._held = held
        # Whether the model failed on several rows.
        self.ran_alone = False
        self._settings = settings
        self._caches = [GradientCache() for _ in batch.instances]
        # Instances that had a row with x in a pass, to compare f(x) with that of the text alone.
        self._checked: Set[int] = set()

    def integrands(self, measure: Union[PathMeasure, AdaptiveMeasure]) -> List[Integrands]:
        """
        The terms of the integral for each instance. An adaptive measure adds nodes until the
        estimated error is within its tolerance.

        # Raises

        `RowsMixed`
            If the row of the text itself does not give the output of the text alone.
        `InterpretationError`
            If a gradient is not finite.
        """
        instances = range(len(self._batch.instances))
        if isinstance(measure, AdaptiveMeasure):
            return self._refined(measure, instances)
        self._evaluate_missing({i: measure.paths for i in instances})
        return [
            Integrands(measure, self._caches[i].terms_at(measure), notes=self._notes(i))
            for i in instances
        ]

    def baseline_output(self, measure: PathMeasure, instance: int) -> float:
        """f(x') of an instance: the weighted mean over the paths."""
        outputs = self._caches[instance].baseline_outputs
        missing = {path.key: path for path in measure.paths if path.key not in outputs}
        rows = [Row(instance, path, AT_BASELINE) for path in missing.values()]
        run_in_passes(rows, self._rows_per_pass, self._evaluate_baselines)
        return sum(sum(path.weights) * outputs[path.key] for path in measure.paths)

    def _refined(self, measure: AdaptiveMeasure, instances: Sequence[int]) -> List[Integrands]:
        found: Dict[int, Integrands] = {}
        levels: Dict[int, PathMeasure] = {i: measure.initial for i in instances}
        while levels:
            self._evaluate_missing({i: level.paths for i, level in levels.items()})
            found.update(self._estimated(levels, measure))
            levels = {
                i: level
                for i in levels
                if (found[i].estimated_error or 0.0) > measure.tolerance
                for level in [measure.refined(found[i].measure)]
                if level is not None
            }
        return [found[i] for i in instances]

    def _estimated(
        self, levels: Mapping[int, PathMeasure], measure: AdaptiveMeasure
    ) -> Dict[int, Integrands]:
        """For each instance the integrand at its level, with the estimated error."""
        found: Dict[int, Integrands] = {}
        for i, level in levels.items():
            terms = self._caches[i].terms_at(level)
            level, error = measure.estimate_error(level, Integrands(level, terms).elements)
            estimated = Integrands(level, terms, notes=self._notes(i))
            share = estimated.estimated_error = self._relative_error(i, estimated, error)
            if share > measure.tolerance:
                estimated.notes.append(_cut_short(measure, share))
            found[i] = estimated
        return found

    def _relative_error(self, instance: int, found: Integrands, error: float) -> float:
        """
        Σ |error| / Σ |score|; infinite if there is no estimate. The error is at least |delta|,
        unless the nodes are random: then delta contains the sampling error.
        """
        output = self._batch.outputs[instance]
        rounding = (_BFLOAT16_ROUNDING if self._batch.autocast else _FLOAT32_ROUNDING) * abs(output)
        # Random nodes may all be where the gradient vanishes. Their standard error is 0 then.
        vanishes = found.size <= rounding
        if self._settings.adds_up and (vanishes or found.measure.strata is None):
            baseline_output = self.baseline_output(found.measure, instance)
            error = max(error, abs(output - baseline_output - found.total))
        # More nodes do not help below the rounding of f itself.
        if error <= rounding:
            return 0.0
        share = math.inf if vanishes else error / found.size
        return share if math.isfinite(share) else math.inf

    def _notes(self, instance: int) -> List[str]:
        rounded = self._caches[instance].output_in_pass
        if not self._batch.autocast or rounded is None:
            return []
        exact = self._batch.outputs[instance]
        return [f"autocast: the output is {rounded:.4g} in bfloat16, {exact:.4g} in full precision"]

    def _evaluate_missing(self, paths: Mapping[int, Sequence[Path]]) -> None:
        """Evaluates the points on each instance's paths that are not in its cache."""
        new = {i: self._caches[i].missing(paths[i]) for i in paths}
        rows = [Row(i, path, node) for i in new for path, node in new[i]]
        # The text itself joins its first pass, to be compared with the text alone.
        at_input = {row.instance for row in rows if row.node == AT_INPUT}
        unchecked = [i for i in new if i not in self._checked | at_input]
        rows = [*(Row(i, paths[i][0], AT_INPUT) for i in unchecked), *rows]
        self._checked.update(new)
        if rows:
            parts = run_in_passes(rows, self._rows_per_pass, self._evaluate_terms)
            terms = {key: torch.cat([part[key] for part in parts]) for key in parts[0]}
            self._cache(rows, terms)

    def _cache(self, rows: Sequence[Row], terms: Terms) -> None:
        places: Dict[int, List[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault(row.instance, []).append(place)
        for instance, own in places.items():
            index = torch.tensor(own)
            self._caches[instance].add(
                [rows[place] for place in own], {key: term[index] for key, term in terms.items()}
            )

    def _evaluate_baselines(self, rows: List[Row]) -> None:
        # A loss is one number for all rows. To have a value for each row, it is run alone.
        alone = self._loss_reduction is None or self._batch.objective.needs_loss
        evaluation = self._evaluate(PathPoints(rows, self._starts), False, alone)
        self._cache_values(rows, evaluation)

    def _evaluate_terms(self, rows: List[Row]) -> Terms:
        points = PathPoints(rows, self._starts)
        evaluation = self._evaluate(points, True, alone=self._loss_reduction is None)
        self._check_inputs(points, evaluation)
        self._hold(points, evaluation)
        if len(evaluation.values) == len(rows):
            self._cache_values(rows, evaluation)
        scale, settings = self._gradient_scale(len(rows)), self._settings
        terms: Terms = {}
        for key, gradients in evaluation.gradients.items():
            if settings.input_x_gradient:
                gradients = gradients * points.differences[key]
            if settings.reduction == "sum":
                gradients = gradients.sum(dim=-1, keepdim=True, dtype=torch.float64)
            terms[key] = scale * gradients.double().cpu()
            # The sum is not finite if any element is not.
            if not math.isfinite(terms[key].sum()):
                raise InterpretationError("the gradient of the explained output is not finite")
        return terms

    def _gradient_scale(self, num_rows: int) -> int:
        """The gradients of a pass times this are those of each row alone."""
        return num_rows if self._loss_reduction == MEAN else 1

    def _cache_values(self, rows: Sequence[Row], evaluation: Evaluation) -> None:
        for row, value in zip(rows, evaluation.values.tolist()):
            self._caches[row.instance].add_value(row, value)

    def _evaluate(self, points: PathPoints, want_gradients: bool, alone: bool) -> Evaluation:
        batch = self._batch
        by_call = {call.key: points.vectors(call) for call in batch.calls}
        if not alone:
            try:
                return batch.evaluate(points.instances, by_call, want_gradients)
            except RowsMixed:
                raise
            except Exception as error:
                # A model may fail on several rows of one text, such as one with a single token.
                if len(points.rows) == 1 or is_out_of_memory(error):
                    raise
                self.ran_alone = True
        return batch.evaluate_one_by_one(points.instances, by_call, want_gradients)

    def _hold(self, points: PathPoints, evaluation: Evaluation) -> None:
        """
        Holds two rows of a pass against the same rows alone, if such a pass is due.

        # Raises

        `RowsMixed`
            If they differ.
        """
        num_rows = len(points.rows)
        if self._batch.autocast or self._loss_reduction is None:
            return
        if not self._held.is_due(num_rows, len(set(points.instances))):
            return
        # At the baseline all positions may be equal, and at the text its equal words are: rounding
        # decides which one is the maximum.
        between = [
            place
            for place, row in enumerate(points.rows)
            if row.node not in (AT_BASELINE, AT_INPUT)
        ]
        if between:
            for place in {between[len(between) // 2], between[-1]}:
                self._hold_row(place, points, evaluation)

    def _hold_row(self, place: int, points: PathPoints, evaluation: Evaluation) -> None:
        row = PathPoints([points.rows[place]], self._starts)
        alone = self._evaluate(row, True, alone=True)
        num_rows = len(points.rows)
        has_values = len(evaluation.values) == num_rows
        size = float(evaluation.values.abs().max())
        if has_values and not close(alone.values[0], evaluation.values[place], size):
            raise RowsMixed
        scale = self._gradient_scale(num_rows)
        # Scores are compared by their sum: of words with equal points, rounding decides which one
        # gets the gradient of a maximum.
        scores = {key: one[0] * row.differences[key][0] for key, one in alone.gradients.items()}
        size = sum(float(one.abs().sum()) for one in scores.values())
        for key, own in scores.items():
            found = scale * evaluation.gradients[key][place] * row.differences[key][0]
            if not close(own.sum(), found.sum(), size):
                raise RowsMixed

    def _check_inputs(self, points: PathPoints, evaluation: Evaluation) -> None:
        """
        # Raises

        `RowsMixed`, `InterpretationError`
            If a row of the text itself does not give the output of the text alone.
        """
        if self._batch.autocast:  # Its rounding may be larger than what other rows change.
            return
        for place, row in enumerate(points.rows):
            if row.node == AT_INPUT and not self._agrees_with_text(place, points, evaluation):
                if self._loss_reduction is not None and len(points.rows) > 1:
                    raise RowsMixed
                raise InterpretationError(
                    "the model does not give the same output again for the text's own embedding: "
                    "it depends on more than that, such as a state or chance"
                )

    def _agrees_with_text(self, place: int, points: PathPoints, evaluation: Evaluation) -> bool:
        row, num_rows = points.rows[place], len(points.rows)
        if len(evaluation.values) == num_rows:
            # An output near 0 is rounded as much as that of another point.
            size = float(evaluation.values.abs().max())
            return close(self._batch.values[row.instance], evaluation.values[place], size)
        # A loss has one value for all rows: the gradient of the row is compared instead.
        alone = self._evaluate(PathPoints([row], self._starts), True, alone=True).gradients
        return same_gradients(alone, evaluation.gradients, place, self._gradient_scale(num_rows))


def _cut_short(measure: AdaptiveMeasure, share: float) -> str:
    """The note on an estimated error above the tolerance."""
    stopped = f"stopped at max_evaluations = {measure.max_evaluations}"
    if not math.isfinite(share):
        return (
            f"{stopped}, without an estimate of the error: the scores are about 0 although the "
            f"output changes, or there are too few samples"
        )
    return (
        f"{stopped}: the estimated error is still {share:.1%} of the scores, more than the "
        f"tolerance of {measure.tolerance:.1%}"
    )
