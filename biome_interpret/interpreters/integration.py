"""The path integral over labelled instances: points out, gradients back, products summed."""

from dataclasses import dataclass
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

import torch

from biome_interpret.attribution.paths import Path, PathMeasure
from biome_interpret.errors import InterpretationError
from biome_interpret.models.batches import chunks
from biome_interpret.models.calls import CallKey, SiteCall
from biome_interpret.models.evaluation import Evaluation, ExplainedBatch, Points, RowsMixed
from biome_interpret.models.origins import Origins
from biome_interpret.models.rows import MEAN, close

# So many positions go through the model in one pass, where the user does not say how many rows.
POSITIONS_PER_PASS = 4096

# The ends of a path, for f(x') and f(x).
AT_ORIGIN, AT_INPUT = 0.0, 1.0


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

    terms : `Dict[CallKey, torch.Tensor]`
        ∂f/∂x · (x − x') at each node, in float64, for each call. Summed over the embedding
        dimension where that is asked for. Shape: (nodes, positions, embedding_dim or 1).
    weights : `torch.Tensor`
        Shape: (nodes,).
    """

    terms: Dict[CallKey, torch.Tensor]
    weights: torch.Tensor

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
        instances = range(len(self._batch.instances))
        nodes = [(path, node) for path in measure.paths for node in path.nodes]
        rows = [Row(i, path, node) for i in instances for path, node in nodes]
        ends = [Row(i, None, AT_INPUT) for i in instances]
        parts = [self._terms(chunk) for chunk in chunks([*ends, *rows], self._batch_size)]
        terms = {key: torch.cat([part[key] for part in parts])[len(ends) :] for key in parts[0]}
        weights = [weight for path in measure.paths for weight in path.weights]
        return [
            Integrands(
                {key: term[i * len(nodes) : (i + 1) * len(nodes)] for key, term in terms.items()},
                next(iter(terms.values())).new_tensor(weights),
            )
            for i in instances
        ]

    def origin_outputs(self, measure: PathMeasure) -> List[float]:
        """f(x') for each instance: the mean over the paths, each by its weight."""
        outputs = []
        for instance in range(len(self._batch.instances)):
            rows = [Row(instance, path, AT_ORIGIN) for path in measure.paths]
            values = torch.cat([self._values(chunk) for chunk in chunks(rows, self._batch_size)])
            weights = values.new_tensor([sum(path.weights) for path in measure.paths])
            outputs.append(float(weights @ values))
        return outputs

    def _values(self, rows: Sequence[Row]) -> torch.Tensor:
        points, _ = self._points(rows)
        # A loss is one number for all rows: each has to be run alone for a value of its own.
        alone = self.row_power is None or self._batch.objective.needs_loss
        return self._evaluate(rows, points, want_gradients=False, alone=alone).values

    def _terms(self, rows: Sequence[Row]) -> Dict[CallKey, torch.Tensor]:
        points, factors = self._points(rows)
        evaluation = self._evaluate(rows, points, True, alone=self.row_power is None)
        self._check_inputs(rows, evaluation)
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
        if len(rows) == 1 or self.row_power is None:
            return
        for position, row in enumerate(rows):
            if row.path is None and not self._agrees_with_text_alone(
                position, row, evaluation, rows
            ):
                raise RowsMixed

    def _agrees_with_text_alone(
        self, position: int, row: Row, evaluation: Evaluation, rows: Sequence[Row]
    ) -> bool:
        if not self._batch.objective.needs_loss:
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
