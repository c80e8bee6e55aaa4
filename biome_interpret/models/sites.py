"""
Embedding sites: the modules of a model at which a text turns from numbers of words into vectors,
and where the paths therefore run.
"""

import copy
from dataclasses import dataclass
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
    Type,
    Union,
)

import torch
from allennlp.common import Registrable
from allennlp.common.checks import ConfigurationError
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

from biome_interpret.models.interception import intercepted

# Called with the tensors that a site was given and the embedding that it made of them; returns what
# is to stand in the embedding's place, or None to leave it.
Observe = Callable[[Sequence[torch.Tensor], torch.Tensor], Optional[torch.Tensor]]


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
    output : `Union[int, str]`, optional
        Which of the lookup's outputs is the embedding, where it gives a tuple or a dict: the first
        where nothing is said.
    boundaries : `int`
        How many pieces the lookup itself sets before each text, and behind it.
    transposed : `bool`
        Whether the lookup is called with ids of shape (positions, rows).
    """

    name: str
    lookup: torch.nn.Module
    projection: Optional[torch.nn.Module] = None
    note: Optional[str] = None
    output: Optional[Union[int, str]] = None
    boundaries: int = 0
    transposed: bool = False

    @property
    def weight(self) -> Optional[torch.Tensor]:
        """The embedding matrix, where there is one. Shape: (num_embeddings, embedding_dim)."""
        weight = getattr(self.lookup, "weight", None)
        return weight.detach() if isinstance(weight, torch.Tensor) and weight.dim() == 2 else None

    def run(
        self, observe: Observe, forward: Callable[..., Any], args: Any, kwargs: Dict[str, Any]
    ) -> Any:
        """
        A call of the lookup, in which `observe` sees the embedding and may put another in its
        place.

        # Parameters

        observe : `Observe`
        forward : `Callable`
            The lookup's own `forward` method.
        args, kwargs : `Any`
            What it was called with.
        """
        given = list(tensors_in([*args, kwargs]))
        if self.projection is not None:

            def around(project: Callable[..., Any], embedding: torch.Tensor) -> Any:
                return project(_replaced(observe, given, embedding))

            with intercepted(self.projection, around):
                return forward(*args, **kwargs)
        output = forward(*args, **kwargs)
        if self.transposed:
            given = [tensor.t() if tensor.dim() == 2 else tensor for tensor in given]
            return _replaced(observe, given, output.transpose(0, 1)).transpose(0, 1)
        if isinstance(output, dict):
            name = self.output
            if name is None:
                name = next((n for n, v in output.items() if isinstance(v, torch.Tensor)), None)
            if name is None:
                return output
            changed = copy.copy(output)  # Which may be of a class of the model's own.
            changed[name] = _replaced(observe, given, output[name])
            return changed
        if isinstance(output, tuple):
            which = int(self.output or 0)
            embedding = _replaced(observe, given, output[which])
            return (*output[:which], embedding, *output[which + 1 :])
        return _replaced(observe, given, output)


# Of embeddings that do not tell how wide they are.
_USUAL_DIM = 256


def widest(sites: Sequence[EmbeddingSite]) -> int:
    """The largest embedding dimension, as far as the sites' matrices tell."""
    weights = [site.weight for site in sites]
    return max((_USUAL_DIM if w is None else w.size(1) for w in weights), default=_USUAL_DIM)


def _replaced(
    observe: Observe, given: Sequence[torch.Tensor], embedding: torch.Tensor
) -> torch.Tensor:
    replacement = observe(given, embedding)
    return embedding if replacement is None else replacement


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor in nested lists and dicts, in their order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from tensors_in(item)


@dataclass(frozen=True)
class WordCountSite(EmbeddingSite):
    """
    Where a text is a count of its words, each token is embedded as one number: how many times it
    counts. It is 1 in the text. The counts are linear in these numbers, so that nothing is lost.
    """

    def run(
        self, observe: Observe, forward: Callable[..., Any], args: Any, kwargs: Dict[str, Any]
    ) -> Any:
        embedder: Any = self.lookup
        ids = next(tensors_in([*args, kwargs]))
        counted = ids != 0
        if embedder._ignore_oov:
            counted &= ids != embedder._oov_idx
        projection = embedder._projection
        dtype = torch.float32 if projection is None else projection.weight.dtype
        # Shape: (batch_size, num_tokens, 1)
        times = _replaced(observe, [ids], counted.unsqueeze(-1).to(dtype))
        counts = times.new_zeros(ids.size(0), embedder.vocab_size)
        counts = counts.scatter_add(1, ids, times.squeeze(-1) * counted)
        return counts if projection is None else projection(counts)


class SiteFinder(Registrable):
    """
    Knows the embedding sites of one kind of module. A model with embedders of its own needs one
    subclass, registered from the user's package; the finder for the module's nearest base class
    is taken.

    `finds` holds the classes of module that it knows; a class may be given by its full name, so
    that it need not be imported.
    """

    finds: Tuple[Union[Type[torch.nn.Module], str], ...] = ()

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        raise NotImplementedError

    @classmethod
    def for_module(cls, module: torch.nn.Module) -> Optional["SiteFinder"]:
        finders = {kind: finder for finder in cls._registered() for kind in finder.finds}
        for kind in type(module).__mro__:
            finder = finders.get(kind) or finders.get(f"{kind.__module__}.{kind.__qualname__}")
            if finder is not None:
                return finder()
        return None

    @classmethod
    def _registered(cls) -> List[Type["SiteFinder"]]:
        return [cls.by_name(name) for name in cls.list_available()]  # type: ignore[misc]


@SiteFinder.register("container")
class ContainerFinder(SiteFinder):
    """Modules that only hold or wrap others: looked into."""

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
    """
    The word embeddings below position and type embeddings, whatever the architecture, of a
    Hugging Face model.
    """

    finds: Tuple[Any, ...] = (PreTrainedModel,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        try:
            lookup = module.get_input_embeddings()  # type: ignore[operator]
        except NotImplementedError:
            lookup = None
        if isinstance(lookup, torch.nn.Module):
            transposed = isinstance(module, XLNetPreTrainedModel)
            yield EmbeddingSite(_path(name, module, lookup), lookup, transposed=transposed)
        else:
            # Some encoders taken out of their model do not tell.
            yield from sites_inside(name, module, also=(torch.nn.Embedding,))


@SiteFinder.register("transformer_embeddings")
class TransformerEmbeddingsFinder(SiteFinder):
    """The same of AllenNLP's own transformers."""

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
    """Words below ELMo's recurrent layers, where its network over characters puts them out."""

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
    """Vectors that the dataset reader made: the output is the input."""

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
    Any other token embedder: the sites inside it, every embedding matrix among them; and where none
    of these is called with the text, its output, which may lie above a contextualiser.
    """

    finds = (TokenEmbedder,)

    def sites(self, name: str, module: torch.nn.Module) -> Iterator[EmbeddingSite]:
        yield from sites_inside(name, module, also=(torch.nn.Embedding,))
        note = f"explained at the output of {name} ({type(module).__name__}), not below it"
        yield EmbeddingSite(name, module, note=note)


def _path(name: str, module: torch.nn.Module, part: torch.nn.Module) -> str:
    inner = next((path for path, found in module.named_modules() if found is part), "")
    return ".".join(filter(None, [name, inner]))


def sites_inside(
    name: str,
    module: torch.nn.Module,
    also: Tuple[Type[torch.nn.Module], ...] = (),
    without: Tuple[Type[torch.nn.Module], ...] = (),
) -> Iterator[EmbeddingSite]:
    """
    The sites of the modules below one, down to those that a finder knows.

    # Parameters

    also : `Tuple[Type[torch.nn.Module], ...]`
        Modules to take for sites where no finder knows them.
    without : `Tuple[Type[torch.nn.Module], ...]`
        Modules to leave out, unless a finder looks into what holds them.
    """
    for child_name, child in module.named_children():
        path = f"{name}.{child_name}" if name else child_name
        finder = SiteFinder.for_module(child)
        if isinstance(child, without):
            continue
        if finder is not None:
            yield from finder.sites(path, child)
        elif isinstance(child, also):
            yield EmbeddingSite(path, child)
        else:
            yield from sites_inside(path, child, also, without)


def find_sites(predictor: Predictor) -> List[EmbeddingSite]:
    """
    The embedding sites of a predictor's model: the layer that the predictor itself names, where it
    overrides `get_interpretable_layer`; else those of every text field embedder and transformer
    in the model, and of what a finder of the user's own knows; else every embedding matrix in it.

    # Raises

    `ConfigurationError`
        If the model has none.
    """
    if type(predictor).get_interpretable_layer is not Predictor.get_interpretable_layer:
        layer = predictor.get_interpretable_layer()
        return [EmbeddingSite(type(layer).__name__, layer)]
    model = predictor._model
    finder = SiteFinder.for_module(model)
    if finder is not None:
        found = _distinct(finder.sites("", model))
    else:
        # An embedding of the model's own may be one of labels, tags or positions.
        found = _distinct(sites_inside("", model, without=(Embedding,)))
        found = found or _distinct(sites_inside("", model, also=(torch.nn.Embedding,)))
    if not found:
        raise ConfigurationError(
            f"{type(model).__name__} has no TextFieldEmbedder, no transformer and no embedding "
            f"matrix: override `get_interpretable_layer` in its predictor to name the embedding "
            f"layer, or register a `SiteFinder` for it"
        )
    return found


def _distinct(sites: Iterable[EmbeddingSite]) -> List[EmbeddingSite]:
    found: Dict[int, EmbeddingSite] = {}
    for site in sites:
        found.setdefault(id(site.lookup), site)
    return list(found.values())
