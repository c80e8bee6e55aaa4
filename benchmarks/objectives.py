"""The explained output of each kind of model, written out: what the predicted label's score is."""

from typing import Callable, Dict, List

import torch
from allennlp.data import Instance
from allennlp.models import Model
from allennlp.predictors import Predictor

from benchmarks.bare import Output
from benchmarks.models import BenchModel

# Where the logits are among a model's outputs.
_LOGITS = {"esim": "label_logits"}


def logits_of(model: BenchModel) -> str:
    return _LOGITS.get(model.name, "logits")


def logit(model: BenchModel, predictor: Predictor, instance: Instance) -> Output:
    """The predicted label's logit; of a span of tags the sum of theirs."""
    if model.name == "tagger":
        return _span_logits(predictor._model, instance)
    name, index = logits_of(model), _label(predictor._model, instance)
    return lambda outputs: outputs[name][:, index]


def minus_loss(model: BenchModel, predictor: Predictor, instance: Instance) -> Output:
    """What AllenNLP's own interpreter differentiates, with the sign that speaks for the label."""
    if model.name == "tagger":
        # The sum over the rows; needs the labels among the tensors.
        return lambda outputs: -outputs["loss"].reshape(1)
    name, index = logits_of(model), _label(predictor._model, instance)
    return lambda outputs: outputs[name].log_softmax(dim=-1)[:, index]


OBJECTIVES: Dict[str, Callable[[BenchModel, Predictor, Instance], Output]] = {
    "logits": logit,
    "loss": minus_loss,
}


def _label(model: Model, instance: Instance) -> int:
    field = instance["label"]
    return model.vocab.get_token_index(field.label, "labels") if _is_name(field) else field.label


def _is_name(field: object) -> bool:
    return isinstance(getattr(field, "label", None), str)


def _span_logits(model: Model, instance: Instance) -> Output:
    tags: List[str] = instance["tags"].labels
    places = [i for i, tag in enumerate(tags) if tag != "O"]
    indices = [model.vocab.get_token_index(tags[i], "labels") for i in places]
    where, which = torch.tensor(places), torch.tensor(indices)
    return lambda outputs: outputs["logits"][:, where, which].sum(dim=-1)
