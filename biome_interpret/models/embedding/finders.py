"""Finds the embedding sites of a model."""

import re
from typing import Any, Dict, Iterator, List, Optional, Tuple, Type, Union

import torch
from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError
from allennlp.models import Model
from allennlp.modules import TextFieldEmbedder, TimeDistributed
from allennlp.modules.elmo import _ElmoCharacterEncoder
from allennlp.modules.token_embedders import (
    BagOfWordCountsTokenEmbedder,
    Embedding,
    EmptyEmbedder,
    PassThroughTokenEmbedder,
    TokenEmbedder,
)
from allennlp.modules.transformer import TransformerEmbeddings
from allennlp.modules.transformer.t5 import T5, T5Stack
from allennlp.predictors import Predictor
from transformers import PreTrainedModel, XLNetPreTrainedModel

from biome_interpret.models.embedding.sites import EmbeddingSite, WordCountSite, numbered
from biome_interpret.models.registry import latest_first
from biome_interpret.stack import lookup_scale

# In the name of a module: "embed_positions", and not "prepositions".
_POSITIONS = re.compile("(?<![a-z])position")


class SiteFinder(Registrable):
    """
    Knows the embedding sites of some classes of modules. A model with embedders of its own needs
    one subclass, registered from the user's package. The finder for a module's nearest base class
    counts.

    `finds` holds the classes. A class may be given by its full name, without importing it.
    """

    finds: Tuple[Union[Type[torch.nn.Module], str], ...] = ()

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        raise NotImplementedError

    @classmethod
    def for_module(cls, module: torch.nn.Module) -> Optional["SiteFinder"]:
        finders = latest_first(cls)
        for parent in type(module).__mro__:
            full_name = f"{parent.__module__}.{parent.__qualname__}"
            for finder in finders:
                if parent in finder.finds or full_name in finder.finds:
                    return finder()
        return None


@SiteFinder.register("container")
class ContainerFinder(SiteFinder):
    """Modules that only hold or wrap others. Finds the sites inside."""

    finds = (TextFieldEmbedder, TimeDistributed)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        yield from sites_inside(name, module)


@SiteFinder.register("embedding")
class EmbeddingFinder(SiteFinder):
    finds = (Embedding,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        yield EmbeddingSite(name, module, projection=module._projection)  # type: ignore[arg-type]


@SiteFinder.register("transformer")
class TransformerFinder(SiteFinder):
    """The word embeddings of any Hugging Face model, below position and type embeddings."""

    finds: Tuple[Any, ...] = (PreTrainedModel,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        try:
            lookup = module.get_input_embeddings()  # type: ignore[operator]
        except NotImplementedError:
            lookup = None
        if not isinstance(lookup, torch.nn.Module):
            # Some encoders do not know their embeddings without the whole model.
            yield from sites_inside(name, module, also=(torch.nn.Embedding,))
            return
        transposed = isinstance(module, XLNetPreTrainedModel)
        for part in [lookup, *_sharing_its_matrix(module, lookup)]:
            yield _lookup_site(_path(name, module, part), part, transposed=transposed)


@SiteFinder.register("transformer_embeddings")
class TransformerEmbeddingsFinder(SiteFinder):
    """The same for AllenNLP's own transformers."""

    finds = (TransformerEmbeddings, T5, T5Stack)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        lookup: Any = (
            module.token_embeddings
            if isinstance(module, (T5, T5Stack))
            else module.embeddings["word_embeddings"]  # type: ignore[index]
        )
        yield EmbeddingSite(_path(name, module, lookup), lookup)


@SiteFinder.register("elmo")
class ElmoFinder(SiteFinder):
    """ELMo's words: the output of its network over characters, below the recurrent layers."""

    finds = (_ElmoCharacterEncoder,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        yield EmbeddingSite(name, module, output="token_embedding", boundaries=1)


@SiteFinder.register("bag_of_word_counts")
class WordCountFinder(SiteFinder):
    finds = (BagOfWordCountsTokenEmbedder,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        yield WordCountSite(name, module)


@SiteFinder.register("pass_through")
class PassThroughFinder(SiteFinder):
    """Vectors from the dataset reader: the output is the input."""

    finds = (PassThroughTokenEmbedder,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        yield EmbeddingSite(name, module)


@SiteFinder.register("empty")
class EmptyFinder(SiteFinder):
    finds = (EmptyEmbedder,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        return iter(())


@SiteFinder.register("token_embedder")
class TokenEmbedderFinder(SiteFinder):
    """
    Any other token embedder: the sites and embedding matrices inside it. If the text goes to none
    of them, its output, which may lie above a contextualiser.
    """

    finds = (TokenEmbedder,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        yield from sites_inside(name, module, also=(torch.nn.Embedding,))
        note = f"explained at the output of {name} ({type(module).__name__}), not below it"
        yield EmbeddingSite(name, module, note=note)


def sites_inside(
    name: str,
    module: torch.nn.Module,
    also: Tuple[Type[torch.nn.Module], ...] = (),
    without: Tuple[Type[torch.nn.Module], ...] = (),
) -> Iterator[EmbeddingSite]:
    """
    The sites of the modules inside another. Modules of the classes `also` are sites if they have no
    finder. Modules of the classes `without` are left out, unless a finder looks inside what holds
    them. An embedding of positions is no site: some are called with the ids of the words.
    """
    for child_name, child in module.named_children():
        path = f"{name}.{child_name}" if name else child_name
        finder = SiteFinder.for_module(child)
        if isinstance(child, without):
            continue
        if finder is not None:
            yield from finder.sites(path, child)
        elif isinstance(child, also):
            if not _POSITIONS.search(child_name):
                yield _lookup_site(path, child)
        else:
            yield from sites_inside(path, child, also, without)


def _lookup_site(name: str, lookup: torch.nn.Module, transposed: bool = False) -> EmbeddingSite:
    return EmbeddingSite(name, lookup, transposed=transposed, scale=lookup_scale(lookup))


def _sharing_its_matrix(
    module: torch.nn.Module, lookup: torch.nn.Module
) -> Iterator[torch.nn.Embedding]:
    """The other embeddings with the matrix of the lookup. Newer BARTs call these and not it."""
    for part in module.modules():
        is_other = isinstance(part, torch.nn.Embedding) and part is not lookup
        if is_other and part.weight is getattr(lookup, "weight", None):
            yield part  # type: ignore[misc]


def _path(name: str, module: torch.nn.Module, part: torch.nn.Module) -> str:
    inner = next((path for path, found in module.named_modules() if found is part), "")
    return ".".join(filter(None, [name, inner]))


def find_sites(predictor: Predictor) -> List[EmbeddingSite]:
    """
    The embedding sites of a predictor's model. If the predictor overrides
    `get_interpretable_layer`, that layer. Otherwise the sites of every text field embedder, every
    transformer and every other module with a finder. If there are none, every embedding matrix.

    # Raises

    `ConfigurationError`
        If the model has no sites, or is not an AllenNLP `Model`.
    """
    if not isinstance(predictor._model, Model):
        raise ConfigurationError(
            f"the predictor's model is a {type(predictor._model).__name__}, which is not an "
            f"AllenNLP Model: if it wraps one, set `predictor._model = predictor._model.module`"
        )
    if type(predictor).get_interpretable_layer is not Predictor.get_interpretable_layer:
        layer = predictor.get_interpretable_layer()
        return [EmbeddingSite(type(layer).__name__, layer)]
    model = predictor._model
    finder = SiteFinder.for_module(model)
    if finder is not None:
        found = list(finder.sites("", model))
    else:
        # An embedding outside of these may be one of labels, tags or positions.
        found = list(sites_inside("", model, without=(Embedding,)))
        found = found or list(sites_inside("", model, also=(torch.nn.Embedding,)))
    if not found:
        raise ConfigurationError(
            f"{type(model).__name__} has no TextFieldEmbedder, no transformer and no embedding "
            f"matrix: override `get_interpretable_layer` in its predictor to name the embedding "
            f"layer, or register a `SiteFinder` for it"
        )
    distinct: Dict[int, EmbeddingSite] = {}
    for site in found:
        distinct.setdefault(id(site.lookup), site)
    return numbered(list(distinct.values()))


def has_pretrained_transformer(model: torch.nn.Module) -> bool:
    return any(isinstance(module, PreTrainedModel) for module in model.modules())
