"""Batches of small models, and the instances in them."""

from typing import Any, List, Optional, Sequence, Union

from allennlp.data import Instance
from allennlp.data.fields import LabelField
from allennlp.predictors import Predictor

from biome_interpret.models.embedding.finders import find_sites
from biome_interpret.models.evidence.evidence import Evidence
from biome_interpret.models.execution.evaluation import ExplainedBatch
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.models.objectives import objective_for
from biome_interpret.models.objectives.inference_modes import InferenceMode
from biome_interpret.models.objectives.reading import Reading


def text_of(predictor: Predictor, sentence: str) -> InputText:
    return InputText.read(predictor, {"sentence": sentence})[0]


def instances_of(
    predictor: Predictor, sentences: Sequence[str], labels: Sequence[int] = ()
) -> List[Instance]:
    """One instance for each sentence, with a label if labels are given."""
    instances = [text_of(predictor, sentence).instance for sentence in sentences]
    for instance, label in zip(instances, labels):
        instance.add_field("label", LabelField(label, skip_indexing=True))
    return instances


def batch_of(
    predictor: Predictor,
    sentences: Sequence[str],
    labels: Optional[Sequence[int]] = None,
    reading: Optional[Reading] = None,
    mode: Union[str, InferenceMode] = "logits",
    **options: Any,
) -> ExplainedBatch:
    """The sentences as one batch that explains the given labels, or label 0."""
    instances = instances_of(predictor, sentences, labels or [0] * len(sentences))
    objective = objective_for(predictor._model, instances[0], InferenceMode.of(mode), set())
    sites = find_sites(predictor)
    if reading is None and objective.logit_dims is not None:
        label = objective.label_objective
        reading = Evidence(predictor._model, sites, instances[0], label, {}).reading()
    objective.read_as(reading)
    return ExplainedBatch(predictor._model, sites, instances, objective, **options)
