"""Evaluates the terms of path integrals for a batch of labelled instances."""

import math
from typing import Dict, List, Mapping, Sequence, Set, Union

import torch

from biome_interpret.attribution.paths import AdaptiveMeasure, Path, PathMeasure
from biome_interpret.errors import InterpretationError
from biome_interpret.interpreters.engine.rows.checked_rows import CheckedRows
from biome_interpret.interpreters.engine.rows.integrands import (
    GradientCache,
    Integrands,
    Pass,
    Terms,
)
from biome_interpret.interpreters.engine.rows.overlap import Task
from biome_interpret.interpreters.engine.rows.points import AT_BASELINE, AT_INPUT, Row
from biome_interpret.interpreters.engine.rows.settings import Settings
from biome_interpret.models.execution.batching import run_in_passes
from biome_interpret.models.execution.row_values import AT_POINTS, check_finite

# The rounding of an output, relative to its size, in float32 and in bfloat16.
_FLOAT32_ROUNDING = 1e-6
_BFLOAT16_ROUNDING = 2.0**-8


class PathIntegral:
    """
    # Parameters

    rows : `CheckedRows`
    rows_per_pass : `int`
    settings : `Settings`
    """

    def __init__(self, rows: CheckedRows, rows_per_pass: int, settings: Settings) -> None:
        self._rows = rows
        self._batch = rows.batch
        self._rows_per_pass = rows_per_pass
        self._settings = settings
        self._caches = [GradientCache() for _ in self._batch.instances]
        # Instances that had a row with x in a pass, to compare f(x) with that of the text alone.
        self._checked: Set[int] = set()

    def integrands(self, measure: Union[PathMeasure, AdaptiveMeasure]) -> Task[List[Integrands]]:
        """
        The terms of the integral for each instance. An adaptive measure adds nodes until the
        estimated error is within its tolerance.

        This is a generator. It stops whenever the device has passes to run, whose results it needs
        next.

        # Raises

        `RowsMixed`
            If the row of the text itself does not give the output of the text alone.
        `InterpretationError`
            If the output or its gradient is not finite.
        """
        instances = range(len(self._batch.instances))
        if isinstance(measure, AdaptiveMeasure):
            return (yield from self._refined(measure, instances))
        yield from self._evaluate_missing({i: measure.paths for i in instances})
        return [
            Integrands(measure, self._caches[i].terms_at(measure), notes=self._notes(i))
            for i in instances
        ]

    def baseline_outputs(self, measures: Mapping[int, PathMeasure]) -> Dict[int, float]:
        """f(x') of some instances: the weighted mean over the paths of a measure."""
        rows = [
            Row(i, path, AT_BASELINE)
            for i, measure in measures.items()
            for path in {path.start_key: path for path in measure.paths}.values()
            if path.start_key not in self._caches[i].baseline_outputs
        ]
        run_in_passes(rows, self._rows_per_pass, self._evaluate_baselines)
        return {
            i: sum(
                sum(path.weights) * self._caches[i].baseline_outputs[path.start_key]
                for path in measure.paths
            )
            for i, measure in measures.items()
        }

    def _refined(
        self, measure: AdaptiveMeasure, instances: Sequence[int]
    ) -> Task[List[Integrands]]:
        found: Dict[int, Integrands] = {}
        levels: Dict[int, PathMeasure] = {i: measure.initial for i in instances}
        while levels:
            yield from self._evaluate_missing({i: level.paths for i, level in levels.items()})
            found.update(self._estimated(levels, measure))
            left = [i for i in levels if (found[i].estimated_error or 0.0) > measure.tolerance]
            refined = measure.refined([found[i].measure for i in left])
            levels = {i: level for i, level in zip(left, refined) if level is not None}
        return [found[i] for i in instances]

    def _estimated(
        self, levels: Mapping[int, PathMeasure], measure: AdaptiveMeasure
    ) -> Dict[int, Integrands]:
        """For each instance the integrand at its level, with the estimated error."""
        found: Dict[int, Integrands] = {}
        at_levels = [
            Integrands(level, self._caches[i].terms_at(level)) for i, level in levels.items()
        ]
        estimates = measure.estimate_errors(
            [one.measure for one in at_levels], [one.elements for one in at_levels]
        )
        for i, one, (level, error) in zip(levels, at_levels, estimates):
            estimated = Integrands(level, one.terms, notes=self._notes(i))
            share = estimated.estimated_error = self._relative_error(i, estimated, error)
            if share > measure.tolerance:
                estimated.notes.append(measure.cut_short(share))
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
            baseline_output = self.baseline_outputs({instance: found.measure})[instance]
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

    def _evaluate_missing(self, paths: Mapping[int, Sequence[Path]]) -> Task[None]:
        """Evaluates the points on each instance's paths that are not in its cache."""
        new = {i: self._caches[i].missing(paths[i]) for i in paths}
        rows = [Row(i, path, node) for i in new for path, node in new[i]]
        # The text itself joins its first pass, to be compared with the text alone.
        at_input = {row.instance for row in rows if row.is_input}
        unchecked = [i for i in new if i not in self._checked | at_input]
        rows = [*(Row(i, _to_text(paths[i][0]), AT_INPUT) for i in unchecked), *rows]
        self._checked.update(new)
        if rows:
            passes = run_in_passes(rows, self._rows_per_pass, self._launch)
            yield
            self._collect(rows, passes)

    def _collect(self, rows: Sequence[Row], passes: Sequence[Pass]) -> None:
        """Fetches what was evaluated, checks it, and puts it into the caches."""
        terms = {
            key: torch.cat([one.terms[key] for one in passes]).cpu().double()
            for key in passes[0].terms
        }
        # A pass of a loss has one value for all its rows.
        counts = [len(one.values) for one in passes]
        values = torch.cat([one.values for one in passes]).cpu()
        check_finite(values, AT_POINTS)
        # The sum is not finite if any element is not.
        if not all(math.isfinite(term.sum()) for term in terms.values()):
            raise InterpretationError("the gradient of the explained output is not finite")
        first = 0
        for its_values, num_rows in zip(values.split(counts), [one.num_rows for one in passes]):
            if len(its_values) == num_rows:
                own = rows[first : first + num_rows]
                self._rows.check_inputs(own, its_values)
                self._cache_values(own, its_values)
            first += num_rows
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
        values = self._rows.launch_values(rows).values
        check_finite(values, AT_POINTS)
        self._cache_values(rows, values)

    def _launch(self, rows: List[Row]) -> Pass:
        """Starts a pass. Its results stay on the device."""
        points, evaluation = self._rows.launch(rows)
        scale, settings = self._rows.gradient_scale(len(rows)), self._settings
        terms: Terms = {}
        for key, gradients in evaluation.gradients.items():
            if settings.input_x_gradient:
                gradients = gradients * points.differences[key]
            if settings.reduction == "sum":
                gradients = gradients.sum(dim=-1, keepdim=True, dtype=torch.float64)
            terms[key] = scale * gradients
        return Pass(len(rows), evaluation.values, terms)

    def _cache_values(self, rows: Sequence[Row], values: torch.Tensor) -> None:
        for row, value in zip(rows, values.tolist()):
            self._caches[row.instance].add_value(row, value)


def _to_text(path: Path) -> Path:
    """A path that ends at the text itself."""
    return Path([AT_INPUT], [0.0]) if path.ends_in_noise else path
