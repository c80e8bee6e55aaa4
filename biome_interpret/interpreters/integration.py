"""The path integral over labelled instances: points out, gradients back, products summed."""

from dataclasses import dataclass, field, replace
from typing import (
    Callable,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
    TypeVar,
    Union,
)

import torch

from biome_interpret.attribution.paths import Path, PathKey, PathMeasure, RefinedMeasure
from biome_interpret.errors import InterpretationError
from biome_interpret.models.batches import chunks
from biome_interpret.models.calls import CallKey, SiteCall
from biome_interpret.models.evaluation import Evaluation, ExplainedBatch, Points, RowsMixed
from biome_interpret.models.origins import Origins
from biome_interpret.models.rows import MEAN, close, same_gradients

# What goes through the model in one pass, in positions, where the user does not say how many rows.
POSITIONS_PER_PASS = 2048

# The length at which attention, which grows with the square of it, takes as much memory as all
# else does.
_ATTENTION_LENGTH = 256

# The same for recurrent layers, which are slow in their length and not in the number of rows.
_RECURRENT_POSITIONS_PER_PASS = 16384

# For each call of a site, something of shape (nodes, positions, embedding_dim or 1).
Terms = Dict[CallKey, torch.Tensor]

# The ends of a path, for f(x') and f(x).
AT_ORIGIN, AT_INPUT = 0.0, 1.0

# Of outputs in float32 and in bfloat16, relative to their size.
ROUNDING_OF_OUTPUTS = 1e-6
ROUNDING_OF_HALVES = 2.0**-8

Found = TypeVar("Found")


class Row(NamedTuple):
    """A point on one path of one instance; no path where the point is the input itself."""

    instance: int
    path: Optional[Path]
    node: float


@dataclass(frozen=True)
class Integrands:
    """
    What one instance's integral is made of.

    # Parameters

    measure : `PathMeasure`
        The nodes and their weights.
    terms : `Terms`
        ∂f/∂x · (x − x') at each node, in float64, for each call. Summed over the embedding
        dimension where that is asked for. Shape: (nodes, positions, embedding_dim or 1).
    estimated_error : `float`, optional
        Σ |error| / Σ |score|, where the nodes were chosen by it.
    notes : `List[str]`
        Plain statements, where refining was cut short.
    """

    measure: PathMeasure
    terms: Terms
    estimated_error: Optional[float] = None
    notes: List[str] = field(default_factory=list)

    @property
    def weights(self) -> torch.Tensor:
        """Shape: (nodes,)."""
        return torch.tensor(self.measure.weights, dtype=torch.float64)

    @property
    def elements(self) -> torch.Tensor:
        """The terms of all calls side by side. Shape: (nodes, elements)."""
        return torch.cat([term.flatten(1) for term in self.terms.values()], dim=1)

    def integral(self, call: CallKey) -> torch.Tensor:
        """Shape: (positions, embedding_dim or 1)."""
        return torch.tensordot(self.weights, self.terms[call], dims=1)


class _LookedAt:
    """The terms of one instance at all points so far, in the order in which they came."""

    def __init__(self) -> None:
        self._positions: Dict[Tuple[PathKey, float], int] = {}
        self._terms: Terms = {}

    def unknown(self, paths: Sequence[Path]) -> List[Path]:
        """The paths with those nodes alone that are new."""
        new = []
        for path in paths:
            nodes = [node for node in path.nodes if (path.key, node) not in self._positions]
            if nodes:
                new.append(replace(path, nodes=nodes, weights=()))
        return new

    def add(self, new: Sequence[Path], terms: Terms) -> None:
        for node in PathMeasure(list(new)).nodes:
            self._positions[node] = len(self._positions)
        old = self._terms
        self._terms = {k: torch.cat([old[k], t]) if old else t for k, t in terms.items()}

    def at(self, measure: PathMeasure) -> Terms:
        order = torch.tensor([self._positions[node] for node in measure.nodes])
        return {key: term[order] for key, term in self._terms.items()}


class PathIntegral:
    """
    # Parameters

    batch : `ExplainedBatch`
    origins : `Origins`
    row_power : `int`, optional
        How rows of one pass relate to one another (see `models.rows`); `None` to run each alone.
    batch_size : `int`, optional
        Rows in one pass; `None` to choose by the length of the text.
    input_x_gradient : `bool`
        Whether the factor (x − x') is taken.
    sum_dimensions : `bool`
        Whether the products are summed over the embedding dimension node by node.
    """

    def __init__(
        self,
        batch: ExplainedBatch,
        origins: Origins,
        row_power: Optional[int],
        batch_size: Optional[int],
        input_x_gradient: bool,
        sum_dimensions: bool,
    ) -> None:
        self._batch = batch
        self._origins = origins
        self.row_power = row_power
        self._batch_size = batch_size or self._default_batch_size()
        self._input_x_gradient = input_x_gradient
        self._sum_dimensions = sum_dimensions
        self._adds_up = input_x_gradient and sum_dimensions
        # f(x') by instance and path, as far as it is known.
        self._origin_outputs: Dict[Tuple[int, PathKey], float] = {}
        # f(x) again, by instance, from the pass in which it went along.
        self._input_outputs: Dict[int, float] = {}
        self._seen: Set[int] = set()

    def integrands(self, measure: Union[PathMeasure, RefinedMeasure]) -> List[Integrands]:
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
        if isinstance(measure, RefinedMeasure):
            return self._refined(measure, instances)
        terms = self._terms_at({i: measure.paths for i in instances})
        return [Integrands(measure, terms[i], notes=self._notes(i)) for i in instances]

    def _refined(self, measure: RefinedMeasure, instances: Sequence[int]) -> List[Integrands]:
        found: Dict[int, Integrands] = {}
        looked_at: Dict[int, _LookedAt] = {i: _LookedAt() for i in instances}
        levels: Dict[int, PathMeasure] = {i: measure.first for i in instances}
        while levels:
            new = {i: looked_at[i].unknown(level.paths) for i, level in levels.items()}
            terms = self._terms_at(new)
            for i, level in levels.items():
                looked_at[i].add(new[i], terms[i])
                found[i] = self._judged(i, Integrands(level, looked_at[i].at(level)), measure)
            levels = {
                i: level
                for i in levels
                if not self._is_exact(found[i], measure)
                for level in [measure.following(found[i].measure)]
                if level is not None
            }
        return [found[i] for i in instances]

    def _judged(self, instance: int, found: Integrands, measure: RefinedMeasure) -> Integrands:
        level, error = measure.judged(found.measure, found.elements)
        judged = Integrands(level, found.terms, notes=self._notes(instance))
        share = self._share(instance, judged, error)
        if share > measure.tolerance:
            judged.notes.append(
                f"stopped at max_evaluations = {measure.max_evaluations}: the estimated error is "
                f"still {share:.1%} of the scores, more than the tolerance of "
                f"{measure.tolerance:.1%}"
            )
        return replace(judged, estimated_error=share)

    def _is_exact(self, found: Integrands, measure: RefinedMeasure) -> bool:
        return found.estimated_error is not None and found.estimated_error <= measure.tolerance

    def _share(self, instance: int, found: Integrands, error: float) -> float:
        """
        Σ |error| / Σ |score|: where nothing is random, the error is no less than what is left over.
        """
        scores = found.weights @ found.elements
        size = float(scores.abs().sum())
        output = float(self._batch.values[instance])
        if self._adds_up and found.measure.strata is None:
            difference = output - self.origin_output(found.measure, instance)
            error = max(error, abs(difference - float(scores.sum())))
        # Rounding in f itself sets a floor below which there is nothing to refine.
        rounding = ROUNDING_OF_HALVES if self._batch.autocast else ROUNDING_OF_OUTPUTS
        return 0.0 if error <= rounding * abs(output) else error / size if size else float("inf")

    def _notes(self, instance: int) -> List[str]:
        if not self._batch.autocast or instance not in self._input_outputs:
            return []
        exact, rounded = float(self._batch.values[instance]), self._input_outputs[instance]
        return [f"autocast: the output is {rounded:.4g} in bfloat16, {exact:.4g} in full precision"]

    def _terms_at(self, paths: Mapping[int, Sequence[Path]]) -> Dict[int, Terms]:
        """For each instance the terms on its paths, in the order of these and of their nodes."""
        rows = [Row(i, path, node) for i in paths for path in paths[i] for node in path.nodes]
        # The input itself goes along once, where it is not among the nodes.
        at_input = {row.instance for row in rows if row.node == AT_INPUT}
        ends = [Row(i, None, AT_INPUT) for i in paths if i not in self._seen | at_input]
        self._seen.update(paths)
        parts = self._in_passes([*ends, *rows], self._terms)
        terms = {key: torch.cat([part[key] for part in parts])[len(ends) :] for key in parts[0]}
        sizes = [sum(len(path.nodes) for path in paths[i]) for i in paths]
        return {
            i: dict(zip(terms, of_instance))
            for i, of_instance in zip(paths, zip(*(term.split(sizes) for term in terms.values())))
        }

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
        known = self._origin_outputs
        rows = [
            Row(instance, p, AT_ORIGIN) for p in measure.paths if (instance, p.key) not in known
        ]
        self._in_passes(rows, self._origin_values)
        return sum(sum(p.weights) * known[instance, p.key] for p in measure.paths)

    def _origin_values(self, rows: Sequence[Row]) -> None:
        points, _ = self._points(rows)
        # A loss is one number for all rows: each has to be run alone for a value of its own.
        alone = self.row_power is None or self._batch.objective.needs_loss
        self._remember(rows, self._evaluate(rows, points, want_gradients=False, alone=alone).values)

    def _remember(self, rows: Sequence[Row], values: torch.Tensor) -> None:
        for row, value in zip(rows, values.tolist()):
            if row.path is not None and row.node == AT_ORIGIN:
                self._origin_outputs[row.instance, row.path.key] = value
            elif row.node == AT_INPUT:
                self._input_outputs[row.instance] = value

    def _terms(self, rows: Sequence[Row]) -> Terms:
        points, factors = self._points(rows)
        evaluation = self._evaluate(rows, points, True, alone=self.row_power is None)
        self._check_inputs(rows, evaluation)
        if len(evaluation.values) == len(rows):
            self._remember(rows, evaluation.values)
        scale = len(rows) if self.row_power == MEAN else 1
        terms = {}
        for key, gradients in evaluation.gradients.items():
            products = gradients * factors[key] if self._input_x_gradient else gradients
            if self._sum_dimensions:
                products = products.sum(dim=-1, keepdim=True, dtype=torch.float64)
            terms[key] = scale * products.double().cpu()
            if not torch.isfinite(terms[key]).all():
                raise InterpretationError("the gradient of the explained output is not finite")
        return terms

    def _evaluate(
        self, rows: Sequence[Row], points: Points, want_gradients: bool, alone: bool
    ) -> Evaluation:
        evaluate = self._batch.evaluate_one_by_one if alone else self._batch.evaluate
        return evaluate([row.instance for row in rows], points, want_gradients)

    def _points(self, rows: Sequence[Row]) -> Tuple[Points, Points]:
        """Each row's point x' + node · (x − x'), and its factor x − x'."""
        instances = torch.tensor([row.instance for row in rows])
        nodes = torch.tensor([row.node for row in rows], dtype=torch.float64).reshape(-1, 1, 1)
        points, factors = {}, {}
        for call in self._batch.calls:
            embedded = call.embedded[instances.to(call.embedded.device)]
            origins = self._origins_of(rows, call)
            factors[call.key] = embedded - origins
            points[call.key] = torch.lerp(origins, embedded, nodes.to(embedded))
        return points, factors

    def _origins_of(self, rows: Sequence[Row], call: SiteCall) -> torch.Tensor:
        """Shape: (rows, positions, embedding_dim). A row without a path stays at the input."""
        beginnings: Dict[Tuple[int, Optional[PathKey]], int] = {}
        vectors: List[torch.Tensor] = []
        for row in rows:
            key = (row.instance, None if row.path is None else row.path.key)
            if key in beginnings:
                continue
            beginnings[key] = len(vectors)
            vectors.append(
                call.embedded[row.instance]
                if row.path is None
                else self._origins.vectors(call, row.instance, row.path)
            )
        keys = [(row.instance, None if row.path is None else row.path.key) for row in rows]
        index = torch.tensor([beginnings[key] for key in keys], device=call.embedded.device)
        return torch.stack(vectors)[index]

    def _check_inputs(self, rows: Sequence[Row], evaluation: Evaluation) -> None:
        if self._batch.autocast:  # Which rounds by more than rows that mix would show.
            return
        for position, row in enumerate(rows):
            if row.node == AT_INPUT and not self._agrees(position, row, evaluation, rows):
                if self.row_power is not None and len(rows) > 1:
                    raise RowsMixed
                raise InterpretationError(
                    "the model does not give the same output again for the text's own embedding: "
                    "it depends on more than that, such as a state or chance"
                )

    def _agrees(self, position: int, row: Row, evaluation: Evaluation, rows: Sequence[Row]) -> bool:
        if len(evaluation.values) == len(rows):
            return close(self._batch.values[row.instance], evaluation.values[position])
        # A loss has no rows to compare: its gradient by the input's row has to serve.
        alone = self._evaluate([row], self._points([row])[0], True, alone=True).gradients
        scale = len(rows) if self.row_power == MEAN else 1
        return same_gradients(alone, evaluation.gradients, position, scale)

    def _default_batch_size(self) -> int:
        longest = max(call.embedded.size(1) for call in self._batch.calls)
        if self._batch.is_recurrent:
            return max(1, _RECURRENT_POSITIONS_PER_PASS // longest)
        return max(1, int(POSITIONS_PER_PASS / (longest * (1 + longest / _ATTENTION_LENGTH))))


def _is_out_of_memory(error: BaseException) -> bool:
    """CUDA's and the CPU allocator's own messages, since neither has a class in every release."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in said or "can't allocate" in said
