"""The path integral over labelled instances: points out, gradients back, products summed."""

from dataclasses import dataclass, replace
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

import torch

from biome_interpret.attribution.nested import estimated_error
from biome_interpret.attribution.paths import AdaptiveMeasure, Path, PathKey, PathMeasure
from biome_interpret.errors import InterpretationError
from biome_interpret.models.batches import chunks
from biome_interpret.models.calls import CallKey, SiteCall
from biome_interpret.models.evaluation import Evaluation, ExplainedBatch, Points, RowsMixed
from biome_interpret.models.origins import Origins
from biome_interpret.models.rows import MEAN, close

# So many positions go through the model in one pass, where the user does not say how many rows.
POSITIONS_PER_PASS = 4096

# For each call of a site, something of shape (nodes, positions, embedding_dim or 1).
Terms = Dict[CallKey, torch.Tensor]

# The ends of a path, for f(x') and f(x).
AT_ORIGIN, AT_INPUT = 0.0, 1.0


# Of outputs in float32, relative to their size.
ROUNDING_OF_OUTPUTS = 1e-6


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

    terms : `Terms`
        ∂f/∂x · (x − x') at each node, in float64, for each call. Summed over the embedding
        dimension where that is asked for. Shape: (nodes, positions, embedding_dim or 1).
    weights : `torch.Tensor`
        Shape: (nodes,).
    estimated_error : `float`, optional
        Σ |error| / Σ |score|, where the nodes were chosen by it.
    note : `str`, optional
        A plain statement, where refining was cut short.
    """

    terms: Terms
    weights: torch.Tensor
    estimated_error: Optional[float] = None
    note: Optional[str] = None

    def integral(self, call: CallKey) -> torch.Tensor:
        """Shape: (positions, embedding_dim or 1)."""
        return torch.einsum("n,npd->pd", self.weights, self.terms[call])


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
        self._seen: Set[int] = set()

    def integrands(self, measure: PathMeasure) -> List[Integrands]:
        """
        For each instance, all terms of its integral.

        # Raises

        `RowsMixed`
            If the row of the input itself, which goes along, does not give what the model gave
            for the text alone.
        `InterpretationError`
            If a gradient is not finite.
        """
        terms = self._terms_at(range(len(self._batch.instances)), measure.paths)
        return [Integrands(terms[i], _weights(measure, terms[i])) for i in terms]

    def refined_integrands(self, measure: AdaptiveMeasure) -> List[Integrands]:
        """
        The same, for each instance at the first level whose estimated error is small enough.

        # Raises

        As `integrands`.
        """
        found: Dict[int, Integrands] = {}
        terms: Dict[int, Terms] = {}
        waiting = list(range(len(self._batch.instances)))
        for level in measure.levels():
            new = self._terms_at(waiting, level.paths if not terms else _every_other(level.paths))
            for i in waiting:
                terms[i] = (
                    _interleaved(terms[i], new[i], len(level.paths)) if i in terms else new[i]
                )
                error = self._error(i, terms[i], level)
                found[i] = Integrands(
                    terms[i], _weights(level, terms[i]), error, _note(error, measure)
                )
            waiting = [i for i in waiting if found[i].note is not None]
            if not waiting:
                break
        return [found[i] for i in sorted(found)]

    def _error(self, instance: int, terms: Terms, level: PathMeasure) -> float:
        """Σ |error| / Σ |score|, the larger of two: by coarser rules, and by what is left over."""
        by_path = [t.reshape(len(level.paths), -1, t[0].numel()) for t in terms.values()]
        error = estimated_error(torch.cat(by_path, dim=-1))
        integrands = Integrands(terms, _weights(level, terms))
        scores = [integrands.integral(key) for key in terms]
        size = float(sum(score.abs().sum() for score in scores))
        if self._adds_up:
            total = float(sum(score.sum() for score in scores))
            difference = float(self._batch.values[instance]) - self.origin_output(level, instance)
            error = max(error, abs(difference - total))
        # Rounding in f itself sets a floor below which there is nothing to refine.
        negligible = ROUNDING_OF_OUTPUTS * abs(float(self._batch.values[instance]))
        return 0.0 if error <= negligible else error / size if size else float("inf")

    def _terms_at(self, instances: Sequence[int], paths: Sequence[Path]) -> Dict[int, Terms]:
        """All terms of some instances, in the order of the paths and of their nodes."""
        nodes = [(path, node) for path in paths for node in path.nodes]
        rows = [Row(i, path, node) for i in instances for path, node in nodes]
        # The input itself goes along once, where it is not among the nodes.
        ends = [Row(i, None, AT_INPUT) for i in instances if i not in self._seen]
        if AT_INPUT in paths[0].nodes:
            ends = []
        self._seen.update(instances)
        parts = [self._terms(chunk) for chunk in chunks([*ends, *rows], self._batch_size)]
        terms = {key: torch.cat([part[key] for part in parts])[len(ends) :] for key in parts[0]}
        return {
            i: {key: term[k * len(nodes) : (k + 1) * len(nodes)] for key, term in terms.items()}
            for k, i in enumerate(instances)
        }

    def origin_output(self, measure: PathMeasure, instance: int) -> float:
        """f(x') for an instance: the mean over the paths, each by its weight."""
        known = self._origin_outputs
        rows = [
            Row(instance, p, AT_ORIGIN) for p in measure.paths if (instance, p.key) not in known
        ]
        for chunk in chunks(rows, self._batch_size):
            self._remember_origins(chunk, self._values(chunk))
        return sum(sum(p.weights) * known[instance, p.key] for p in measure.paths)

    def _remember_origins(self, rows: Sequence[Row], values: torch.Tensor) -> None:
        for row, value in zip(rows, values.tolist()):
            if row.path is not None and row.node == AT_ORIGIN:
                self._origin_outputs[row.instance, row.path.key] = value

    def _values(self, rows: Sequence[Row]) -> torch.Tensor:
        points, _ = self._points(rows)
        # A loss is one number for all rows: each has to be run alone for a value of its own.
        alone = self.row_power is None or self._batch.objective.needs_loss
        return self._evaluate(rows, points, want_gradients=False, alone=alone).values

    def _terms(self, rows: Sequence[Row]) -> Dict[CallKey, torch.Tensor]:
        points, factors = self._points(rows)
        evaluation = self._evaluate(rows, points, True, alone=self.row_power is None)
        self._check_inputs(rows, evaluation)
        if len(evaluation.values) == len(rows):
            self._remember_origins(rows, evaluation.values)
        scale = len(rows) if self.row_power == MEAN else 1
        terms = {}
        for key, gradients in evaluation.gradients.items():
            if not torch.isfinite(gradients).all():
                raise InterpretationError("the gradient of the explained output is not finite")
            products = scale * gradients.double()
            if self._input_x_gradient:
                products *= factors[key].double()
            terms[key] = products.sum(dim=-1, keepdim=True) if self._sum_dimensions else products
        return terms

    def _evaluate(
        self, rows: Sequence[Row], points: Points, want_gradients: bool, alone: bool
    ) -> Evaluation:
        evaluate = self._batch.evaluate_one_by_one if alone else self._batch.evaluate
        return evaluate([row.instance for row in rows], points, want_gradients)

    def _points(self, rows: Sequence[Row]) -> Tuple[Points, Points]:
        """Each row's point x' + node · (x − x'), and its factor x − x'."""
        points, factors = {}, {}
        for call in self._batch.calls:
            embedded = call.embedded[[row.instance for row in rows]]
            origins = self._origins_of(rows, call)
            nodes = embedded.new_tensor([row.node for row in rows]).reshape(-1, 1, 1)
            factors[call.key] = embedded - origins
            points[call.key] = torch.lerp(origins, embedded, nodes)
        return points, factors

    def _origins_of(self, rows: Sequence[Row], call: SiteCall) -> torch.Tensor:
        """Shape: (rows, positions, embedding_dim). A row without a path stays at the input."""
        cache: Dict[Tuple[int, int], torch.Tensor] = {}
        for row in rows:
            key = (row.instance, id(row.path))
            if key not in cache:
                cache[key] = (
                    call.embedded[row.instance]
                    if row.path is None
                    else self._origins.vectors(call, row.instance, row.path)
                )
        return torch.stack([cache[row.instance, id(row.path)] for row in rows])

    def _check_inputs(self, rows: Sequence[Row], evaluation: Evaluation) -> None:
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
        return all(
            close(alone[key][0], scale * gradients[position])
            for key, gradients in evaluation.gradients.items()
        )

    def _default_batch_size(self) -> int:
        longest = max(call.embedded.size(1) for call in self._batch.calls)
        return max(1, POSITIONS_PER_PASS // max(1, longest))


def _weights(measure: PathMeasure, terms: Terms) -> torch.Tensor:
    weights = [weight for path in measure.paths for weight in path.weights]
    return next(iter(terms.values())).new_tensor(weights)


def _every_other(paths: Sequence[Path]) -> List[Path]:
    """The nodes that are new on a level."""
    return [replace(path, nodes=path.nodes[1::2], weights=path.weights[1::2]) for path in paths]


def _interleaved(old: Terms, new: Terms, num_paths: int) -> Terms:
    """The terms of a level in the order of its nodes: old, new, old, ..., old on each path."""
    result = {}
    for key, term in old.items():
        olds, news = (t.reshape(num_paths, -1, *t.shape[1:]) for t in (term, new[key]))
        both = term.new_empty(num_paths, olds.size(1) + news.size(1), *term.shape[1:])
        both[:, 0::2], both[:, 1::2] = olds, news
        result[key] = both.flatten(0, 1)
    return result


def _note(error: float, measure: AdaptiveMeasure) -> Optional[str]:
    """What is to be said where an error is still too large."""
    if error <= measure.tolerance:
        return None
    return (
        f"stopped at max_evaluations = {measure.max_evaluations}: the estimated error is still "
        f"{error:.1%} of the scores, more than the tolerance of {measure.tolerance:.1%}"
    )
