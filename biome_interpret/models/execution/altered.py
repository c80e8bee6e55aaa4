"""Copies of a predictor with other weights: what explanations should, or should not, survive."""

import copy
from typing import Iterator, List, Set, Tuple

import torch
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.models.embedding.finders import find_sites


def with_shuffled_layers(
    predictor: Predictor, num_stages: int, seed: int
) -> Iterator[Tuple[float, Predictor]]:
    """
    Copies in which the entries of each parameter are shuffled, layer by layer from the output to
    the embeddings ([Adebayo et al., 2018](https://arxiv.org/abs/1810.03292), who draw the weights
    anew). The order of layers is that in which the model has registered them.

    # Returns

    `Iterator[Tuple[float, Predictor]]`
        For each stage the share of layers that are shuffled, and the predictor. In the last one all
        are. Each holds until the next is asked for.

    # Raises

    `InterpretationError`
        If the model cannot be copied.
    """
    altered = copied(predictor)
    layers = _layers(altered._model)[::-1]
    generator = torch.Generator().manual_seed(seed)
    done = 0
    for stage in range(1, min(num_stages, len(layers)) + 1):
        stop = round(stage * len(layers) / min(num_stages, len(layers)))
        for parameters in layers[done:stop]:
            for parameter in parameters:
                _shuffle(parameter, generator)
        done = stop
        yield done / len(layers), altered


def with_noisy_embeddings(predictor: Predictor, radius: float, seed: int) -> Predictor:
    """
    A copy in which each embedding matrix has uniform noise: each text moves by at most the radius
    in each dimension of its embedding, and equal words move alike.

    # Parameters

    radius : `float`
        In units of the standard deviation of the matrix.

    # Raises

    `InterpretationError`
        If the model cannot be copied, or has no embedding matrix.
    """
    altered = copied(predictor)
    generator = torch.Generator().manual_seed(seed)
    weights = [site.weight for site in find_sites(altered)]
    # Sites may share a matrix.
    matrices = {weight.data_ptr(): weight for weight in weights if weight is not None}
    if not matrices:
        raise InterpretationError("the model has no embedding matrix to add noise to")
    for weight in matrices.values():
        noise = 2 * torch.rand(weight.shape, generator=generator) - 1
        weight += radius * weight.std() * noise.to(weight)
    return altered


def copied(predictor: Predictor) -> Predictor:
    """
    The predictor with a copy of its model.

    # Raises

    `InterpretationError`
        If the model cannot be copied.
    """
    found = copy.copy(predictor)
    vocabulary = predictor._model.vocab
    try:
        # The vocabulary is not copied, since it is large and never changes.
        found._model = copy.deepcopy(predictor._model, {id(vocabulary): vocabulary})
    except Exception as error:
        name = type(predictor._model).__name__
        raise InterpretationError(f"{name} cannot be copied: {error}") from error
    return found


def _layers(model: torch.nn.Module) -> List[List[torch.nn.Parameter]]:
    """The parameters of each module that has its own, in the order of their registration."""
    found: List[List[torch.nn.Parameter]] = []
    seen: Set[int] = set()
    for module in model.modules():
        own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
        seen.update(map(id, own))
        if own:
            found.append(own)
    return found


def _shuffle(parameter: torch.nn.Parameter, generator: torch.Generator) -> None:
    order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
    with torch.no_grad():
        parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
