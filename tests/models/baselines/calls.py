"""The calls of small models' embedding sites, for baselines to start from."""

from allennlp.models import Model
from allennlp.predictors import Predictor

from biome_interpret.models.embedding import SiteCall
from biome_interpret.models.embedding.finders import find_sites
from biome_interpret.models.embedding.tracing import trace
from biome_interpret.models.tensors import to_tensors


def call_of(predictor: Predictor, *sentences: str) -> SiteCall:
    """The first call of a forward pass over some texts, as one batch."""
    instances = [predictor._json_to_instance({"sentence": text}) for text in sentences]
    for instance in instances:
        predictor._dataset_reader.apply_token_indexers(instance)
    model: Model = predictor._model
    tensors = to_tensors(instances, model)
    sites = find_sites(predictor)
    found = trace(
        lambda arguments: model(**arguments), sites, instances, tensors, tensors, model.vocab
    )
    return found.calls[0]
