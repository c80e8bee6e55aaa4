"""AllenNLP's interpreter with as many steps as wanted, and Captum as a careful user wires it."""

from typing import Any, Callable, Dict, List, Tuple

import numpy
import torch
from allennlp.common import JsonDict
from allennlp.data import Instance
from allennlp.data.batch import Batch
from allennlp.interpret.saliency_interpreters import IntegratedGradient as AllenNLPs
from allennlp.predictors import Predictor
from captum.attr import GradientShap, LayerIntegratedGradients


class AllenNLPSteps(AllenNLPs):
    """
    AllenNLP's interpreter, whose number of steps is fixed in its code, made of the same parts.

    # Parameters

    predictor : `Predictor`
    steps : `int`
        10 gives the interpreter itself.
    """

    def __init__(self, predictor: Predictor, steps: int = 10) -> None:
        super().__init__(predictor)
        self.steps = steps

    def _integrate_gradients(self, instance: Instance) -> Dict[str, numpy.ndarray]:
        embedded: List[torch.Tensor] = []
        offsets: List[torch.Tensor] = []
        sums: Dict[str, Any] = {}
        for step in range(self.steps):
            handles = self._register_hooks(step / self.steps, embedded, offsets)
            try:
                gradients, _ = self.predictor.get_gradients([instance])
            finally:
                for handle in handles:
                    handle.remove()
            sums = {key: sums.get(key, 0) + gradient for key, gradient in gradients.items()}
        vectors = self._aggregate_token_embeddings(embedded[::-1], offsets[::-1])
        return {
            key: sums[key] / self.steps * vector
            for key, vector in zip((f"grad_input_{i}" for i in range(1, len(sums) + 1)), vectors)
        }

    def signed_scores(self, instance: Instance) -> List[float]:
        """In the order in which the model reads its texts; positive: speaks for the label."""
        fields = self._integrate_gradients(instance)
        names = sorted(fields, key=lambda name: -int(name.split("_")[-1]))
        # The loss falls where the label's score rises.
        return [-float(score) for name in names for score in fields[name][0].sum(axis=-1)]


class CaptumModel:
    """
    A classifier of one text as Captum wants it: a function of ids that gives logits.

    The embedding matrix gets a row of zeros, whose id serves as the baseline. So the path begins at
    the zero vector, as AllenNLP's and ours do, and the mask, which is made of the ids, stays.

    # Parameters

    predictor : `Predictor`
        Its own: the embedding is changed.
    log_probabilities : `bool`
        Whether to give these in place of logits: AllenNLP's loss, but for the sign.
    """

    def __init__(self, predictor: Predictor, log_probabilities: bool = False) -> None:
        self._predictor, self._model = predictor, predictor._model
        self._log_probabilities = log_probabilities
        self.layer: Any = predictor.get_interpretable_layer()
        matrix = self.layer.weight.detach()
        self._zero_id = len(matrix)
        self.layer.weight = torch.nn.Parameter(torch.cat([matrix, torch.zeros_like(matrix[:1])]))

    def read(self, inputs: JsonDict) -> Tuple[torch.Tensor, Tuple[torch.Tensor, ...], int]:
        """A text's ids, the other tensors that go with them, and the predicted label."""
        instance = self._predictor._json_to_instance(inputs)
        self._predictor._dataset_reader.apply_token_indexers(instance)
        batch = Batch([instance])
        batch.index_instances(self._model.vocab)
        arguments = batch.as_tensor_dict()["tokens"]["tokens"]
        self._names = list(arguments)
        ids, *others = arguments.values()
        with torch.no_grad():
            target = int(self.logits(ids, *others).argmax())
        return ids, tuple(others), target

    def logits(self, ids: torch.Tensor, *others: torch.Tensor) -> torch.Tensor:
        arguments = dict(zip(self._names, (ids, *others)))
        logits = self._model(tokens={"tokens": arguments})["logits"]
        return logits.log_softmax(dim=-1) if self._log_probabilities else logits

    def baseline(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.full_like(ids, self._zero_id)

    def logits_of_embedded(
        self, embedded: torch.Tensor, ids: torch.Tensor, *others: torch.Tensor
    ) -> torch.Tensor:
        """The same from given embeddings; the ids are for the mask."""
        handle = self.layer.register_forward_hook(lambda *_: embedded)
        try:
            return self.logits(ids, *others)
        finally:
            handle.remove()


def captum_integrated_gradients(model: CaptumModel) -> Callable[..., List[float]]:
    """`LayerIntegratedGradients` with its default rule, Gauss-Legendre: inputs, nodes -> scores."""
    method = LayerIntegratedGradients(model.logits, model.layer)

    def scores(inputs: JsonDict, n_steps: int = 50) -> List[float]:
        ids, others, target = model.read(inputs)
        found = method.attribute(
            ids,
            baselines=model.baseline(ids),
            target=target,
            additional_forward_args=others,
            n_steps=n_steps,
        )
        return found.sum(dim=-1)[0].tolist()

    return scores


def captum_gradient_shap(model: CaptumModel) -> Callable[..., List[float]]:
    """
    Captum's `GradientShap` on the embeddings: inputs, samples, relative noise -> scores. The noise
    is where ours is: its distribution of baselines is as many draws around zero as there are
    samples.
    """
    method = GradientShap(model.logits_of_embedded)

    def scores(inputs: JsonDict, n_samples: int, noise: float) -> List[float]:
        ids, others, target = model.read(inputs)
        with torch.no_grad():
            embedded = model.layer(ids)
        deviation = noise * embedded.std(unbiased=False)
        found = method.attribute(
            embedded,
            baselines=lambda x: deviation * torch.randn(n_samples, *x.shape[1:]),
            n_samples=n_samples,
            target=target,
            additional_forward_args=(ids, *others),
        )
        return found.sum(dim=-1)[0].tolist()

    return scores
