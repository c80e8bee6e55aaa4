"""The path integral of labelled instances: points out, gradients back, weighted sums."""

import math
from typing import Dict, List, Mapping, Optional, Sequence, Set, Union

import torch

from biome_interpret.attribution.paths import AdaptiveMeasure, Path, PathMeasure
from biome_interpret.errors import InterpretationError
from biome_interpret.interpreters.integrands import GradientCache, Integrands, Terms
from biome_interpret.interpreters.points import AT_BASELINE, AT_INPUT, PathPoints, Row
from biome_interpret.models.baselines.path_starts import PathStarts
from biome_interpret.models.execution.batching import run_in_passes
from biome_interpret.models.execution.evaluation import Evaluation, ExplainedBatch, RowsMixed
from biome_interpret.models.execution.row_independence import MEAN, close, same_gradients

# The rounding of an output, relative to its size, in float32 and in bfloat16.
OUTPUT_ROUNDING = 1e-6
HALF_ROUNDING = 2.0**-8


class PathIntegral:
    """
    # Parameters

    batch : `ExplainedBatch`
    starts : `PathStarts`
        Where the paths begin.
    loss_reduction : `int`, optional
        How the rows of a pass relate (see `row_independence`); `None` to run each row alone.
    rows_per_pass : `int`
    input_x_gradient : `bool`
        Whether gradients are multiplied by (x − x').
    sum_dimensions : `bool`
        Whether the products are summed over the embedding dimension at each node.
    """

    def __init__(
        self,
        batch: ExplainedBatch,
        starts: PathStarts,
        loss_reduction: Optional[int],
        rows_per_pass: int,
        input_x_gradient: bool,
        sum_dimensions: bool,
    ) -> None:
        self._batch = batch
        self._starts = starts
        self._loss_reduction = loss_reduction
        self._rows_per_pass = rows_per_pass
        self._input_x_gradient = input_x_gradient
        self._sum_dimensions = sum_dimensions
        self._caches = [GradientCache() for _ in batch.instances]
        # Instances with an f(x) from a shared pass that was compared with f(x) of the text alone.
        self._checked: Set[int] = set()

    def integrands(self, measure: Union[PathMeasure, AdaptiveMeasure]) -> List[Integrands]:
        """
        The terms of the integral for each instance; of an adaptive measure, at the first level with
        an estimated error within the tolerance.

        # Raises

        `RowsMixed`
            If the row of the input itself does not give the output of the text alone.
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
        """f(x') for an instance: the mean over the paths, each by its weight."""
        outputs = self._caches[instance].baseline_outputs
        missing = {p.key: Row(instance, p, AT_BASELINE) for p in measure.paths}
        rows = [row for key, row in missing.items() if key not in outputs]
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
                if not self._is_exact(found[i], measure)
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
                estimated.notes.append(
                    f"stopped at max_evaluations = {measure.max_evaluations}: the estimated error "
                    f"is still {share:.1%} of the scores, more than the tolerance of "
                    f"{measure.tolerance:.1%}"
                )
            found[i] = estimated
        return found

    def _is_exact(self, found: Integrands, measure: AdaptiveMeasure) -> bool:
        return found.estimated_error is not None and found.estimated_error <= measure.tolerance

    def _relative_error(self, instance: int, found: Integrands, error: float) -> float:
        """Σ |error| / Σ |score|; not below the delta, unless the nodes are random."""
        output = self._batch.outputs[instance]
        adds_up = self._input_x_gradient and self._sum_dimensions
        if adds_up and found.measure.strata is None:
            baseline_output = self.baseline_output(found.measure, instance)
            error = max(error, abs(output - baseline_output - found.total))
        # Nothing can be refined below the rounding of f itself.
        rounding = HALF_ROUNDING if self._batch.autocast else OUTPUT_ROUNDING
        if error <= rounding * abs(output):
            return 0.0
        return error / found.size if found.size else math.inf

    def _notes(self, instance: int) -> List[str]:
        rounded = self._caches[instance].input_output
        if not self._batch.autocast or rounded is None:
            return []
        exact = self._batch.outputs[instance]
        return [f"autocast: the output is {rounded:.4g} in bfloat16, {exact:.4g} in full precision"]

    def _evaluate_missing(self, paths: Mapping[int, Sequence[Path]]) -> None:
        """Evaluates the points on each instance's paths that are not in its cache."""
        new = {i: self._caches[i].missing(paths[i]) for i in paths}
        rows = [Row(i, path, node) for i in new for path, node in new[i]]
        # The input itself joins the first pass, to be compared with the text alone.
        at_input = {row.instance for row in rows if row.node == AT_INPUT}
        unchecked = [i for i in new if i not in self._checked | at_input]
        rows = [*(Row(i, paths[i][0], AT_INPUT) for i in unchecked), *rows]
        self._checked.update(new)
        if rows:
            parts = run_in_passes(rows, self._rows_per_pass, self._terms)
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
        # A loss is one number for all rows: a row has a value of its own only if it is run alone.
        alone = self._loss_reduction is None or self._batch.objective.needs_loss
        evaluation = self._evaluate(PathPoints(rows, self._starts), False, alone)
        self._cache_values(rows, evaluation)

    def _terms(self, rows: List[Row]) -> Terms:
        points = PathPoints(rows, self._starts)
        evaluation = self._evaluate(points, True, alone=self._loss_reduction is None)
        self._check_inputs(points, evaluation)
        if len(evaluation.values) == len(rows):
            self._cache_values(rows, evaluation)
        scale = len(rows) if self._loss_reduction == MEAN else 1
        terms: Terms = {}
        for key, gradients in evaluation.gradients.items():
            products = gradients * points.differences[key] if self._input_x_gradient else gradients
            if self._sum_dimensions:
                products = products.sum(dim=-1, keepdim=True, dtype=torch.float64)
            terms[key] = scale * products.double().cpu()
            # The sum is not finite if any element is not.
            if not math.isfinite(terms[key].sum()):
                raise InterpretationError("the gradient of the explained output is not finite")
        return terms

    def _cache_values(self, rows: Sequence[Row], evaluation: Evaluation) -> None:
        for row, value in zip(rows, evaluation.values.tolist()):
            self._caches[row.instance].add_value(row, value)

    def _evaluate(self, points: PathPoints, want_gradients: bool, alone: bool) -> Evaluation:
        batch = self._batch
        by_call = {call.key: points.of(call) for call in batch.calls}
        run = batch.evaluate_one_by_one if alone else batch.evaluate
        return run(points.instances, by_call, want_gradients)

    def _check_inputs(self, points: PathPoints, evaluation: Evaluation) -> None:
        """
        # Raises

        `RowsMixed`, `InterpretationError`
            If a row of the input itself does not give the output of the text alone.
        """
        if self._batch.autocast:  # Its rounding is larger than the traces of rows that mix.
            return
        for place, row in enumerate(points.rows):
            if row.node == AT_INPUT and not self._agrees(place, points, evaluation):
                if self._loss_reduction is not None and len(points.rows) > 1:
                    raise RowsMixed
                raise InterpretationError(
                    "the model does not give the same output again for the text's own embedding: "
                    "it depends on more than that, such as a state or chance"
                )

    def _agrees(self, place: int, points: PathPoints, evaluation: Evaluation) -> bool:
        row, num_rows = points.rows[place], len(points.rows)
        if len(evaluation.values) == num_rows:
            return close(self._batch.values[row.instance], evaluation.values[place])
        # A loss has one value for all rows: the gradient of the row is compared instead.
        alone = self._evaluate(PathPoints([row], self._starts), True, alone=True).gradients
        scale = num_rows if self._loss_reduction == MEAN else 1
        return same_gradients(alone, evaluation.gradients, place, scale)
