"""Captum's LayerIntegratedGradients, wired as a careful user does it."""

from typing import Any, Dict, List, NamedTuple, Sequence

import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance
from allennlp.data.batch import Batch
from allennlp.data.fields import TextField
from allennlp.nn import util
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.evaluation.methods.base import Outcome, Row, Scores, Text, one_by_one
from biome_interpret.evaluation.methods.theirs import words_of_tokens
from biome_interpret.models.execution.altered import copied
from biome_interpret.models.isolation.isolated import run_isolated
from biome_interpret.models.isolation.recurrent import differentiable_recurrence, recurrent_layers
from biome_interpret.models.tensors import device_of

NAME = "captum-layer-integrated-gradients"
_STEPS = 50


class _Input(NamedTuple):
    """
    name : the argument of the model that holds the text.
    tensors : of its only indexer, the ids first.
    """

    name: str
    indexer: str
    tensors: Dict[str, torch.Tensor]


class CaptumRow(Row):
    """
    The path integral of the target's logit from the zero vector, at Captum's 50 Gauss-Legendre
    nodes, for a classifier of one text. A copy of the model gets one more row in its embedding
    matrix, of zeros, whose id is the baseline: the mask stays that of the text.

    # Raises

    `ConfigurationError`
        If Captum is not installed, or if the model has no embedding matrix of words.
    `InterpretationError`
        If the model cannot be copied.
    """

    def __init__(self, predictor: Predictor) -> None:
        super().__init__(NAME, f"{_STEPS} nodes, from the zero vector")
        try:
            from captum.attr import LayerIntegratedGradients
        except ImportError as error:
            raise ConfigurationError("Captum is not installed: pip install captum") from error
        self._predictor = predictor
        self._model: Any = copied(predictor)._model
        layer = _embedding(self._model)
        matrix = layer.weight.detach()
        self._zero_id = len(matrix)
        layer.weight = torch.nn.Parameter(torch.cat([matrix, torch.zeros_like(matrix[:1])]))
        self._method = LayerIntegratedGradients(self._logits, layer)

    def scores(self, texts: Sequence[Text]) -> List[Outcome]:
        return one_by_one(texts, self._of)

    def _of(self, text: Text) -> Scores:
        if isinstance(text.inputs, Instance):
            instance = text.inputs.duplicate()
        else:
            instance = self._predictor._json_to_instance(dict(text.inputs))
        return run_isolated(self._model, lambda: self._attributed(text, instance))

    def _attributed(self, text: Text, instance: Instance) -> Scores:
        read = self._read(instance)
        ids, *others = read.tensors.values()
        self._input = read
        with torch.no_grad():
            target = self._index(text, self._logits(ids, *others))
        # Shape: (1, tokens, embedding_dim)
        with differentiable_recurrence(recurrent_layers(self._model)):  # A GPU needs this.
            found, delta = self._method.attribute(
                ids,
                baselines=torch.full_like(ids, self._zero_id),
                target=target,
                additional_forward_args=tuple(others),
                n_steps=_STEPS,
                return_convergence_delta=True,
            )
        # Captum's is Σ scores − (f(x) − f(x')).
        delta = -float(delta)
        [name] = text.units.fields
        scores = found.detach().sum(dim=-1)[0].tolist()
        values = words_of_tokens(instance, name, scores, text.units.fields[name])
        return Scores([values], _STEPS, delta)

    def _read(self, instance: Instance) -> _Input:
        self._predictor._dataset_reader.apply_token_indexers(instance)
        names = [name for name, field in instance.fields.items() if isinstance(field, TextField)]
        batch = Batch([instance])
        batch.index_instances(self._model.vocab)
        tensors = util.move_to_device(batch.as_tensor_dict(), device_of(self._model))
        if len(names) != 1 or len(tensors[names[0]]) != 1:
            raise InterpretationError("this row needs a model of one text with one indexer")
        [(indexer, arguments)] = tensors[names[0]].items()
        first = next(iter(arguments.values()))
        if first.dim() != 2 or first.dtype != torch.long:
            raise InterpretationError("this row needs an indexer that gives each token an id")
        return _Input(names[0], indexer, arguments)

    def _logits(self, ids: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        arguments = dict(zip(self._input.tensors, (ids, *others)))
        outputs = self._model(**{self._input.name: {self._input.indexer: arguments}})
        logits = outputs.get("logits")
        # Shape: (nodes, labels)
        if not isinstance(logits, torch.Tensor) or logits.dim() != 2 or logits.size(1) < 2:
            raise InterpretationError(
                "this row needs a classifier with the output 'logits', with a number for each label"
            )
        return logits

    def _index(self, text: Text, logits: torch.Tensor) -> int:
        if text.target is None:
            return int(logits.argmax())
        if isinstance(text.target, int):
            return text.target
        namespace = getattr(self._model, "_label_namespace", "labels")
        return int(self._model.vocab.get_token_index(text.target, namespace))


def _embedding(model: torch.nn.Module) -> Any:
    try:
        layer = util.find_embedding_layer(model)
    except RuntimeError as error:
        raise ConfigurationError(f"the model has no embedding layer: {error}") from error
    weight = getattr(layer, "weight", None)
    if not isinstance(weight, torch.Tensor) or weight.dim() != 2:
        raise ConfigurationError("the model's embedding layer has no matrix of words")
    return layer
