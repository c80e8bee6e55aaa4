"""
Scores without hooks and without gradients.

With a zero baseline the point x' + α (x − x') is the text with the rows of its words scaled by α
in the embedding matrix. The score of a word is the integral over α of the change of f when its row
alone is scaled further. That is a central difference of the model's own output. A word that
stands twice gets a spare id with the same row for the second time, so that each token has its own.
"""

import copy
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy
import torch
from allennlp.common import JsonDict
from allennlp.data import Batch, Instance
from allennlp.predictors import Predictor

from tests.kinds.others.records import Other, Outputs, Said, Says

_STEP = 1e-6


class Expected(NamedTuple):
    """The ids and the scores are those of the fields one after the other."""

    label: Optional[str]
    probability: Optional[float]
    output: float
    fields: List[str]
    ids: List[int]
    scores: List[float]


Points = Sequence[Tuple[float, float]]


def gauss_legendre(n: int) -> Points:
    """The nodes on [0, 1] and their weights."""
    nodes, weights = numpy.polynomial.legendre.leggauss(n)
    return [(float(node + 1) / 2, float(weight) / 2) for node, weight in zip(nodes, weights)]


def expected(
    kind: Other, predictor: Predictor, inputs: JsonDict, says: Says, points: Points
) -> List[Expected]:
    """One for each result."""
    return [
        one
        for instance in kind.instances(predictor, inputs)
        for one in _expected_of(kind, predictor, instance, says, points)
    ]


def tensors_of(predictor: Predictor, instance: Instance) -> Dict[str, Any]:
    predictor._dataset_reader.apply_token_indexers(instance)
    batch = Batch([instance])
    batch.index_instances(predictor._model.vocab)
    return dict(batch.as_tensor_dict())


def outputs_of(kind: Other, predictor: Predictor, tensors: Dict[str, Any]) -> Outputs:
    kind.reset(predictor._model)
    with torch.no_grad():  # Copies: some models write into their arguments.
        outputs: Outputs = predictor._model(**copy.deepcopy(tensors))
    return outputs


def said(kind: Other, predictor: Predictor, tensors: Dict[str, Any], says: Says) -> List[Said]:
    outputs = outputs_of(kind, predictor, tensors)
    return says(predictor, predictor._model.make_output_human_readable(dict(outputs)))


def _expected_of(
    kind: Other, predictor: Predictor, instance: Instance, says: Says, points: Points
) -> List[Expected]:
    tensors = tensors_of(predictor, instance)
    results = said(kind, predictor, tensors, says)
    values = [_value(one, outputs_of(kind, predictor, tensors)) for one in results]
    fields = kind.ids(tensors)
    own = [index for ids in fields.values() for index in ids[0].tolist()]
    rows = _Rows(kind, predictor, own)
    try:
        distinct = own if kind.shared_rows else rows.separate()
        _put(distinct, fields)
        scores = [[0.0] * len(own) for _ in results]
        for node, weight in points:
            for position, slopes in enumerate(rows.slopes(tensors, results, distinct, node)):
                for k, slope in enumerate(slopes):
                    scores[k][position] += weight * slope
    finally:
        rows.restore()
        _put(own, fields)
    return [
        Expected(one.label, one.probability, value, [*fields], own, found)
        for one, value, found in zip(results, values, scores)
    ]


def _put(ids: List[int], fields: Dict[str, torch.Tensor]) -> None:
    """Into the tensors, one after the other."""
    parts = torch.tensor(ids).split([tensor.size(1) for tensor in fields.values()])
    for part, tensor in zip(parts, fields.values()):
        tensor[0] = part.to(tensor)


def _value(one: Said, outputs: Outputs) -> float:
    return float(one.explained(outputs))


class _Rows:
    """The rows of the words of a text, in all matrices."""

    def __init__(self, kind: Other, predictor: Predictor, own: List[int]) -> None:
        self._kind = kind
        self._predictor = predictor
        self._own = own
        self._matrices = [one.data for one in kind.matrices(predictor._model)]
        self._before = [one.clone() for one in self._matrices]

    def separate(self) -> List[int]:
        """Another id for each token. Spare ids get the rows of the words they stand for."""
        row_of, spares = self._kind.row_of, self._kind.spares(self._predictor)
        distinct: List[int] = []
        for index in self._own:
            if index in distinct:
                spare = spares.pop()
                for matrix in self._matrices:
                    matrix[row_of(spare)] = matrix[row_of(index)]
                index = spare
            distinct.append(index)
        self._values = [one.clone() for one in self._matrices]
        return distinct

    def slopes(
        self, tensors: Dict[str, Any], results: Sequence[Said], ids: List[int], node: float
    ) -> List[List[float]]:
        """For each token the change of each f when its row is scaled. 0 for a row seen before."""
        rows = [self._kind.row_of(index) for index in ids]
        factors = dict.fromkeys([*rows, *self._kind.rows_besides], node)
        found: List[List[float]] = []
        for position, row in enumerate(rows):
            if row in rows[:position]:
                found.append([0.0] * len(results))
                continue
            ends = []
            for sign in (1, -1):
                outputs = self._at(tensors, {**factors, row: node + sign * _STEP})
                ends.append([_value(one, outputs) for one in results])
            found.append([(up - down) / (2 * _STEP) for up, down in zip(*ends)])
        return found

    def _at(self, tensors: Dict[str, Any], factors: Dict[int, float]) -> Outputs:
        values = getattr(self, "_values", self._before)
        for matrix, value in zip(self._matrices, values):
            for row, factor in factors.items():
                matrix[row] = factor * value[row]
        return outputs_of(self._kind, self._predictor, tensors)

    def restore(self) -> None:
        for matrix, value in zip(self._matrices, self._before):
            matrix.copy_(value)
        self._kind.reset(self._predictor._model)


def by_row(kind: Other, ids: Sequence[int], scores: Sequence[float]) -> List[float]:
    """The scores of the tokens of each row are summed at its first token, if words share rows."""
    if not kind.shared_rows:
        return list(scores)
    rows = [kind.row_of(index) for index in ids]
    sums = [sum(s for r, s in zip(rows, scores) if r == row) for row in rows]
    return [0.0 if row in rows[:k] else sums[k] for k, row in enumerate(rows)]
