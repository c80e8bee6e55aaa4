"""
Embedding sites: the modules of a model at which a text turns from numbers of words into vectors,
and where the paths therefore run.
"""

from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Tuple, Type

import torch
from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError
from allennlp.modules import TextFieldEmbedder, TimeDistributed
from allennlp.modules.token_embedders import (
    Embedding,
    EmptyEmbedder,
    PretrainedTransformerEmbedder,
    PretrainedTransformerMismatchedEmbedder,
    TokenCharactersEncoder,
    TokenEmbedder,
)
from allennlp.predictors import Predictor


@dataclass(frozen=True)
class EmbeddingSite:
    """
    # Parameters

    name : `str`
        The site's path in the model, for messages.
    lookup : `torch.nn.Module`
        The module that is called with the ids of the text.
    projection : `torch.nn.Module`, optional
        Where the lookup's own output is not its embedding, since it goes on to project it: the
        module whose input is the embedding.
    note : `str`, optional
        A plain statement for the result, where the site is less than one would wish.
    """

    name: str
    lookup: torch.nn.Module
    projection: Optional[torch.nn.Module] = None
    note: Optional[str] = None

    @property
    def weight(self) -> Optional[torch.Tensor]:
        """The embedding matrix, where there is one. Shape: (num_embeddings, embedding_dim)."""
        weight = getattr(self.lookup, "weight", None)
        return weight.detach() if isinstance(weight, torch.Tensor) and weight.dim() == 2 else None


class SiteFinder(Registrable):
    """
    Knows the embedding sites of one kind of module. A model with embedders of its own needs one
    subclass, registered from the user's package; the finder for the module's nearest base class
    is taken.
    """

    finds: Tuple[Type[torch.nn.Module], ...] = ()

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        raise NotImplementedError

    @classmethod
    def for_module(cls, module: torch.nn.Module) -> Optional["SiteFinder"]:
        finders = {kind: finder for finder in cls._registered() for kind in finder.finds}
        for kind in type(module).__mro__:
            if kind in finders:
                return finders[kind]()
        return None

    @classmethod
    def _registered(cls) -> List[Type["SiteFinder"]]:
        return [cls.by_name(name) for name in cls.list_available()]  # type: ignore[misc]


@SiteFinder.register("container")
class ContainerFinder(SiteFinder):
    """Modules that only hold or wrap others: looked into."""

    finds = (TextFieldEmbedder, TimeDistributed)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        for child_name, child in module.named_children():
            yield from _sites_below(f"{name}.{child_name}", child)


@SiteFinder.register("embedding")
class EmbeddingFinder(SiteFinder):
    finds = (Embedding,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        yield EmbeddingSite(name, module, projection=module._projection)  # type: ignore[arg-type]


@SiteFinder.register("character_encoding")
class TokenCharactersFinder(SiteFinder):
    finds = (TokenCharactersEncoder,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        yield from _sites_below(f"{name}._embedding", module._embedding)  # type: ignore[arg-type]


@SiteFinder.register("pretrained_transformer")
class PretrainedTransformerFinder(SiteFinder):
    """The word embeddings below position and type embeddings, whatever the architecture."""

    finds = (PretrainedTransformerEmbedder,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        transformer = module.transformer_model
        yield EmbeddingSite(name, transformer.get_input_embeddings())  # type: ignore


@SiteFinder.register("pretrained_transformer_mismatched")
class PretrainedTransformerMismatchedFinder(SiteFinder):
    finds = (PretrainedTransformerMismatchedEmbedder,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        yield from _sites_below(f"{name}._matched_embedder", module._matched_embedder)  # type: ignore


@SiteFinder.register("empty")
class EmptyFinder(SiteFinder):
    finds = (EmptyEmbedder,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        return iter(())


@SiteFinder.register("token_embedder")
class OutputFinder(SiteFinder):
    """Any other token embedder: its output, which may lie above a contextualiser."""

    finds = (TokenEmbedder,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        kind = type(module).__name__
        yield EmbeddingSite(
            name, module, note=f"explained at the output of {name} ({kind}), not below it"
        )


def _sites_below(name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
    finder = SiteFinder.for_module(module)
    if finder is not None:
        yield from finder.sites(name, module)


def find_sites(predictor: Predictor) -> List[EmbeddingSite]:
    """
    The embedding sites of a predictor's model: the layer that the predictor itself names, where it
    overrides `get_interpretable_layer`, else those of every text field embedder in the model.

    # Raises

    `ConfigurationError`
        If the model has none.
    """
    if type(predictor).get_interpretable_layer is not Predictor.get_interpretable_layer:
        layer = predictor.get_interpretable_layer()
        return [EmbeddingSite(type(layer).__name__, layer)]
    found: Dict[int, EmbeddingSite] = {}
    for name, module in predictor._model.named_modules():
        if isinstance(module, TextFieldEmbedder):
            for site in _sites_below(name, module):
                found.setdefault(id(site.lookup), site)
    if not found:
        raise ConfigurationError(
            f"{type(predictor._model).__name__} has no TextFieldEmbedder: override "
            f"`get_interpretable_layer` in its predictor to name the embedding layer"
        )
    return list(found.values())
