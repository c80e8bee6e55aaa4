"""
A model's forward and backward passes, to the embeddings only, with nothing around them: the floor
under every interpreter, and what the references are made of. Owes nothing to `biome_interpret`.
"""

from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence

import numpy
import torch
from allennlp.common import JsonDict
from allennlp.data import Instance
from allennlp.data.batch import Batch
from allennlp.nn.util import move_to_device
from allennlp.predictors import Predictor

Tensors = Dict[str, Any]

# From a model's outputs to one number for each row.
Output = Callable[[Dict[str, torch.Tensor]], torch.Tensor]


def label(predictor: Predictor, inputs: JsonDict) -> List[Instance]:
    """The text with what the model predicts of it as its labels: one instance for each."""
    return predictor.json_to_labeled_instances(inputs)


def frozen(predictor: Predictor) -> Predictor:
    """Its parameters without gradients, which no interpreter wants and which take time."""
    predictor._model.requires_grad_(False)
    return predictor


def interpreted(
    predictor: Predictor, inputs: JsonDict, nodes: int, logits: str
) -> List[torch.Tensor]:
    """
    The least that any interpreter does, from JSON: reading and indexing a text, and one pass
    forward and backward with all points of its path, of which the last one is the text as it is and
    tells the label.

    # Parameters

    predictor : `Predictor`
        Best a `frozen` one.
    nodes : `int`
        The number of points.
    logits : `str`
        Where the logits are among the outputs.

    # Returns

    `List[torch.Tensor]`
        For each call of the embedding layer the gradients. Shape: (nodes, positions, dim).
    """
    model = predictor._model
    instance = predictor._json_to_instance(inputs)
    predictor._dataset_reader.apply_token_indexers(instance)
    batch = Batch([instance])
    batch.index_instances(model.vocab)
    rows = torch.zeros(nodes, dtype=torch.long)
    alphas = torch.linspace(0, 1, nodes).reshape(-1, 1, 1)
    leaves: List[torch.Tensor] = []

    def points(module: torch.nn.Module, given: Any, output: torch.Tensor) -> torch.Tensor:
        leaves.append((alphas * output).detach().requires_grad_())
        return leaves[-1]

    handle = predictor.get_interpretable_layer().register_forward_hook(points)
    try:
        with torch.enable_grad():
            scores = model(**take_rows(batch.as_tensor_dict(), rows))[logits]
            label = int(scores[-1].argmax())
            return list(torch.autograd.grad(scores[:, label].sum(), leaves))
    finally:
        handle.remove()


def take_rows(value: Any, rows: torch.Tensor) -> Any:
    """A batch whose row r is row `rows[r]` of the given one."""
    if isinstance(value, torch.Tensor):
        return value.index_select(0, rows)
    if isinstance(value, dict):
        return {key: take_rows(item, rows) for key, item in value.items()}
    # Metadata goes by rows, a flag does not.
    return [value[row] for row in rows.tolist()] if isinstance(value, list) else value


class BareText:
    """
    Texts of one batch, ready for the model, and their embeddings.

    # Parameters

    predictor : `Predictor`
    instances : `Sequence[Instance]`
        Of the same fields. Labels and metadata are left out, unless `keep_labels`.
    keep_labels : `bool`
        For outputs that are made of the model's loss.
    """

    def __init__(
        self, predictor: Predictor, instances: Sequence[Instance], keep_labels: bool = False
    ) -> None:
        self._model = predictor._model
        self._layer = predictor.get_interpretable_layer()
        batch = Batch(list(instances))
        batch.index_instances(self._model.vocab)
        self._device = next(self._model.parameters()).device
        tensors = move_to_device(batch.as_tensor_dict(), self._device)
        texts = {name for name, value in tensors.items() if isinstance(value, dict)}
        self._tensors = {k: v for k, v in tensors.items() if keep_labels or k in texts}
        self.num_rows = len(instances)
        # One for each call of the embedding layer. Shape of each: (rows, positions, dim).
        self.embedded: List[torch.Tensor] = []
        self.predict()

    def predict(self) -> Dict[str, torch.Tensor]:
        """The prediction pass, which gives the embeddings too."""
        self.embedded = []

        def record(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> None:
            self.embedded.append(output)

        handle = self._layer.register_forward_hook(record)
        try:
            with torch.no_grad():
                return self._model(**self._tensors)
        finally:
            handle.remove()

    def gradients(
        self, points: Sequence[torch.Tensor], output: Output, rows: Optional[Sequence[int]] = None
    ) -> List[torch.Tensor]:
        """
        One forward pass with the points in place of the embeddings, one backward pass to them.

        # Parameters

        points : `Sequence[torch.Tensor]`
            One for each call of the embedding layer. Shape: (rows, positions, dim).
        output : `Output`
        rows : `Sequence[int]`, optional
            Of which text each row is; of the first, where not given.

        # Returns

        `List[torch.Tensor]`
            The gradients of the sum of all rows' outputs. Shape: as the points.
        """
        leaves = [point.detach().requires_grad_() for point in points]
        waiting = iter(leaves)
        handle = self._layer.register_forward_hook(lambda *_: next(waiting))
        try:
            with torch.enable_grad(), _trainable(self._model):
                places = rows if rows is not None else [0] * len(points[0])
                index = torch.tensor(places, device=self._device)
                outputs = self._model(**take_rows(self._tensors, index))
                return list(torch.autograd.grad(output(outputs).sum(), leaves))
        finally:
            handle.remove()

    def terms(
        self, nodes: Sequence[float], output: Output, rows_per_pass: int
    ) -> Iterator[numpy.ndarray]:
        """
        Gradient times embedding at points on the way from zero to the first text, summed over the
        embedding dimension; the positions of all calls side by side. Yields one array for each
        pass. Shape: (nodes of the pass, positions).
        """
        for start in range(0, len(nodes), rows_per_pass):
            alphas = torch.tensor(nodes[start : start + rows_per_pass]).float().reshape(-1, 1, 1)
            points = [alphas * x[:1] for x in self.embedded]
            found = self.gradients(points, output)
            products = [(g * x[:1]).sum(dim=-1) for g, x in zip(found, self.embedded)]
            yield torch.cat(products, dim=1).double().numpy()

    def integral(
        self,
        nodes: numpy.ndarray,
        weights: numpy.ndarray,
        output: Output,
        rows_per_pass: Optional[int] = None,
    ) -> numpy.ndarray:
        """Integrated Gradients from zero, of the first text. Shape: (positions,)."""
        parts = list(self.terms(nodes.tolist(), output, rows_per_pass or self.default_rows()))
        return weights @ numpy.concatenate(parts)

    def default_rows(self, positions_per_pass: int = 4096) -> int:
        """So many rows in one pass."""
        return max(1, positions_per_pass // sum(x.size(1) for x in self.embedded))


@contextmanager
def _trainable(model: torch.nn.Module) -> Iterator[None]:
    """On a GPU, recurrent layers take gradients in training mode only."""
    layers = [m for m in model.modules() if isinstance(m, torch.nn.RNNBase)]
    layers = [layer for layer in layers if next(layer.parameters()).is_cuda]
    dropouts = [layer.dropout for layer in layers]
    for layer in layers:
        layer.training, layer.dropout = True, 0.0
    try:
        yield
    finally:
        for layer, dropout in zip(layers, dropouts):
            layer.training, layer.dropout = False, dropout
