"""The path integral over labelled instances: points out, gradients back, products summed."""

import math
from typing import (
    Any,
    Callable,
    Dict,
    List,
    Mapping,
    Optional,
    Sequence,
    Set,
    TypeVar,
    Union,
)

import torch

from biome_interpret.attribution.paths import AdaptiveMeasure, Path, PathMeasure
from biome_interpret.errors import InterpretationError
from biome_interpret.interpreters.integrands import Integrands, Terms, _LookedAt
from biome_interpret.interpreters.points import AT_INPUT, AT_ORIGIN, Points, Row, RowSet
from biome_interpret.models.baselines.path_starts import Origins
from biome_interpret.models.execution.evaluation import (
    ROUNDING,
    Evaluation,
    ExplainedBatch,
    RowsMixed,
)
from biome_interpret.models.execution.row_independence import MEAN, close, same_gradients
from biome_interpret.models.tensors import chunks

# Of outputs in float32 and in bfloat16, relative to their size.
ROUNDING_OF_OUTPUTS = 1e-6
ROUNDING_OF_HALVES = 2.0**-8

# Where scores miss the difference that they explain by more than this share of their size, it may
# be that rows which went along with the prediction have changed it.
_IN_DOUBT = 0.5

Found = TypeVar("Found")


class SumsInDoubt(InterpretationError):
    """Scores of texts that were predicted together with points of their paths do not add up."""

    def __init__(self) -> None:
        super().__init__("the scores do not add up to the difference that they explain")


class PathIntegral:
    """
    # Parameters

    batch : `ExplainedBatch`
    origins : `Origins`
    row_power : `int`, optional
        How rows of one pass relate to one another (see `models.rows`); `None` to run each alone.
    batch_size : `int`
        Rows in one pass.
    input_x_gradient : `bool`
        Whether the factor (x − x') is taken.
    sum_dimensions : `bool`
        Whether the products are summed over the embedding dimension node by node.
    along : `Points`, optional
        Those that went along with the prediction.
    """

    def __init__(
        self,
        batch: ExplainedBatch,
        origins: Origins,
        row_power: Optional[int],
        batch_size: int,
        input_x_gradient: bool,
        sum_dimensions: bool,
        along: Optional[Points] = None,
    ) -> None:
        self._batch = batch
        self._origins = origins
        self.row_power = row_power
        self._batch_size = batch_size
        self._input_x_gradient = input_x_gradient
        self._sum_dimensions = sum_dimensions
        self._adds_up = input_x_gradient and sum_dimensions
        self._looked_at = [_LookedAt() for _ in batch.instances]
        # f(x) again, by instance, from the pass in which it went along.
        self._input_outputs: Dict[int, float] = {}
        # Of which instances f(x) has been held against what the model gave for the text alone.
        self._seen: Set[int] = set()
        self._along = along
        if along is not None:
            self._seen.update(range(len(batch.instances)))
            self._take_in(along.rows.rows, self._terms_of(along, batch.evaluate_along()))

    def integrands(self, measure: Union[PathMeasure, AdaptiveMeasure]) -> List[Integrands]:
        """
        For each instance, all terms of its integral; of a measure that is refined, at the first
        level whose estimated error is small enough.

        # Raises

        `RowsMixed`
            If the row of the input itself, which goes along, does not give what the model gave
            for the text alone.
        `InterpretationError`
            If a gradient is not finite.
        """
        instances = range(len(self._batch.instances))
        if isinstance(measure, AdaptiveMeasure):
            found = self._refined(measure, instances)
        else:
            self._look_at({i: measure.paths for i in instances})
            found = [
                Integrands(measure, self._looked_at[i].at(measure), notes=self._notes(i))
                for i in instances
            ]
        if self._along is not None:
            self._check_sums(found)
        return found

    def _refined(self, measure: AdaptiveMeasure, instances: Sequence[int]) -> List[Integrands]:
        found: Dict[int, Integrands] = {}
        levels: Dict[int, PathMeasure] = {i: measure.initial for i in instances}
        while levels:
            self._look_at({i: level.paths for i, level in levels.items()})
            found.update(self._judged(levels, measure))
            levels = {
                i: level
                for i in levels
                if not self._is_exact(found[i], measure)
                for level in [measure.refined(found[i].measure)]
                if level is not None
            }
        return [found[i] for i in instances]

    def _judged(
        self, levels: Mapping[int, PathMeasure], measure: AdaptiveMeasure
    ) -> Dict[int, Integrands]:
        """For each instance, its level with what that comes to and how far it may be off."""
        looked_at = {
            i: Integrands(level, self._looked_at[i].at(level)) for i, level in levels.items()
        }
        found: Dict[int, Integrands] = {}
        for i in levels:
            level, error = measure.estimate_error(levels[i], looked_at[i].elements)
            judged = Integrands(level, looked_at[i].terms, notes=self._notes(i))
            share = self._share(i, judged, error)
            if share > measure.tolerance:
                judged.notes.append(
                    f"stopped at max_evaluations = {measure.max_evaluations}: the estimated error "
                    f"is still {share:.1%} of the scores, more than the tolerance of "
                    f"{measure.tolerance:.1%}"
                )
            judged.estimated_error = share
            found[i] = judged
        return found

    def _is_exact(self, found: Integrands, measure: AdaptiveMeasure) -> bool:
        return found.estimated_error is not None and found.estimated_error <= measure.tolerance

    def _share(self, instance: int, found: Integrands, error: float) -> float:
        """
        Σ |error| / Σ |score|: where nothing is random, the error is no less than what is left over.
        """
        size, output = found.size, self._batch.outputs[instance]
        if self._adds_up and found.measure.strata is None:
            delta = output - self.origin_output(found.measure, instance) - found.total
            error = max(error, abs(delta))
        # Rounding in f itself sets a floor below which there is nothing to refine.
        rounding = ROUNDING_OF_HALVES if self._batch.autocast else ROUNDING_OF_OUTPUTS
        return 0.0 if error <= rounding * abs(output) else error / size if size else float("inf")

    def _notes(self, instance: int) -> List[str]:
        if not self._batch.autocast or instance not in self._input_outputs:
            return []
        exact, rounded = self._batch.outputs[instance], self._input_outputs[instance]
        return [f"autocast: the output is {rounded:.4g} in bfloat16, {exact:.4g} in full precision"]

    def _check_sums(self, found: Sequence[Integrands]) -> None:
        """
        # Raises

        `SumsInDoubt`
            If they are far from the differences that they explain.
        """
        for instance, integrands in enumerate(found):
            output = self._batch.outputs[instance]
            guess = self._looked_at[instance].guessed_origin_output
            origin_output = _mean_over_paths(integrands.measure, guess)
            size = max(integrands.size, ROUNDING * abs(output))
            if abs(output - origin_output - integrands.total) > _IN_DOUBT * size:
                raise SumsInDoubt

    def _look_at(self, paths: Mapping[int, Sequence[Path]]) -> None:
        """Evaluates the points on each instance's paths, as far as they are not known."""
        new = {i: self._looked_at[i].unknown(paths[i]) for i in paths}
        rows = [Row(i, path, node) for i in new for path, node in new[i]]
        # The input itself goes along once, where it is not among the nodes.
        seen = {row.instance for row in rows if row.node == AT_INPUT} | self._seen
        rows = [*(Row(i, paths[i][0], AT_INPUT) for i in new if i not in seen), *rows]
        self._seen.update(new)
        if rows:
            parts = self._in_passes(rows, self._terms)
            self._take_in(rows, {key: torch.cat([part[key] for part in parts]) for key in parts[0]})

    def _take_in(self, rows: Sequence[Row], terms: Terms) -> None:
        if len(self._looked_at) == 1:
            self._looked_at[0].add(rows, terms)
            return
        places: Dict[int, List[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault(row.instance, []).append(place)
        index = torch.tensor([place for own in places.values() for place in own])
        sizes = [len(own) for own in places.values()]
        parts = {key: term[index].split(sizes) for key, term in terms.items()}
        for k, (i, own) in enumerate(places.items()):
            of_instance = {key: part[k] for key, part in parts.items()}
            self._looked_at[i].add([rows[place] for place in own], of_instance)

    def _in_passes(self, rows: Sequence[Row], run: Callable[[Sequence[Row]], Found]) -> List[Found]:
        """What `run` makes of the rows, pass by pass: fewer at a time where memory runs out."""
        found: List[Found] = []
        for chunk in chunks(list(rows), self._batch_size):
            try:
                found.append(run(chunk))
                continue
            except (RuntimeError, MemoryError) as error:
                if len(chunk) == 1 or not _is_out_of_memory(error):
                    raise
            # Out here nothing of the pass that failed is held on to any more.
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self._batch_size = (len(chunk) + 1) // 2
            found += self._in_passes(chunk, run)
        return found

    def origin_output(self, measure: PathMeasure, instance: int) -> float:
        """f(x') for an instance: the mean over the paths, each by its weight."""
        looked_at = self._looked_at[instance]
        unknown = [path for path in measure.paths if looked_at.origin_output(path) is None]
        if unknown:
            rows = {path.key: Row(instance, path, AT_ORIGIN) for path in unknown}
            self._in_passes(list(rows.values()), self._origin_values)
        return _mean_over_paths(measure, looked_at.origin_output)

    def _origin_values(self, rows: Sequence[Row]) -> None:
        # A loss is one number for all rows: each has to be run alone for a value of its own.
        alone = self.row_power is None or self._batch.objective.needs_loss
        points = Points(RowSet(rows), self._origins)
        self._remember(rows, self._evaluate(points, want_gradients=False, alone=alone).values)

    def _remember(self, rows: Sequence[Row], values: torch.Tensor) -> None:
        for row, value in zip(rows, values.tolist()):
            self._looked_at[row.instance].remember(row, value)
            if row.node == AT_INPUT:
                self._input_outputs[row.instance] = value

    def _terms(self, rows: Sequence[Row]) -> Terms:
        points = Points(RowSet(rows), self._origins)
        evaluation = self._evaluate(points, want_gradients=True, alone=self.row_power is None)
        self._check_inputs(points, evaluation)
        return self._terms_of(points, evaluation)

    def _terms_of(self, points: Points, evaluation: Evaluation) -> Terms:
        rows = points.rows.rows
        if len(evaluation.values) == len(rows):
            self._remember(rows, evaluation.values)
        scale = len(rows) if self.row_power == MEAN else 1
        terms = {}
        for key, gradients in evaluation.gradients.items():
            products = gradients * points.factors[key] if self._input_x_gradient else gradients
            if self._sum_dimensions:
                products = products.sum(dim=-1, keepdim=True, dtype=torch.float64)
            terms[key] = scale * products.double().cpu()
            # What is not finite stays so in a sum.
            if not math.isfinite(terms[key].sum()):
                raise InterpretationError("the gradient of the explained output is not finite")
        return terms

    def _evaluate(self, points: Points, want_gradients: bool, alone: bool) -> Evaluation:
        batch, rows = self._batch, points.rows
        where = {call.key: points.of(call) for call in batch.calls}
        if alone:
            return batch.evaluate_one_by_one(rows.instances, where, want_gradients)
        return batch.evaluate(rows.instances, where, want_gradients, rows.lines)

    def _check_inputs(self, points: Points, evaluation: Evaluation) -> None:
        if self._batch.autocast:  # Which rounds by more than rows that mix would show.
            return
        for place, row in enumerate(points.rows.rows):
            if row.node == AT_INPUT and not self._agrees(place, points, evaluation):
                if self.row_power is not None and len(points.rows) > 1:
                    raise RowsMixed
                raise InterpretationError(
                    "the model does not give the same output again for the text's own embedding: "
                    "it depends on more than that, such as a state or chance"
                )

    def _agrees(self, place: int, points: Points, evaluation: Evaluation) -> bool:
        row, count = points.rows.rows[place], len(points.rows)
        if len(evaluation.values) == count:
            return close(self._batch.values[row.instance], evaluation.values[place])
        # A loss has no rows to compare: its gradient by the input's row has to serve.
        alone = self._evaluate(Points(RowSet([row]), self._origins), True, alone=True).gradients
        scale = count if self.row_power == MEAN else 1
        return same_gradients(alone, evaluation.gradients, place, scale)


def _mean_over_paths(measure: PathMeasure, output: Callable[[Path], Any]) -> float:
    """Of f(x'), each path by its weight."""
    return sum(sum(path.weights) * output(path) for path in measure.paths)


def _is_out_of_memory(error: BaseException) -> bool:
    """CUDA's and the CPU allocator's own messages, since neither has a class in every release."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in said or "can't allocate" in said
