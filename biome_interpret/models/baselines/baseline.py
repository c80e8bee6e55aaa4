"""Baselines x': the points of embedding space where the paths begin. Masks and ids stay."""

import numbers
from typing import Any, List, Union

import numpy
import torch
from allennlp.common import Params, Registrable
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary

from biome_interpret.errors import shown
from biome_interpret.models.alignment.special_tokens import (
    MASK_TOKEN,
    PADDING_TOKEN,
    UNKNOWN_TOKEN,
    special_token_id,
)
from biome_interpret.models.baselines.rows import embedded_id, mean_embedding
from biome_interpret.models.embedding.calls import SiteCall
from biome_interpret.models.registry import constructed

# Larger numbers would not fit a float32 when they are multiplied.
_LARGEST = 1e30


class Baseline(Registrable):
    """
    A point of embedding space to compare the text with. Register a subclass to add one.

    In a configuration a number stands for `{"type": "constant", "value": number}`, a list for
    `{"type": "embedding", "values": list}` and a name for `{"type": name}`.
    """

    def vectors(self, call: SiteCall, vocabulary: Vocabulary) -> torch.Tensor:
        """
        # Parameters

        call : `SiteCall`
            The embedding to find the baseline of.
        vocabulary : `Vocabulary`
            The model's.

        # Returns

        `torch.Tensor`
            Shape: (instances, positions, embedding_dim), or one that broadcasts to it.

        # Raises

        `ConfigurationError`
            If this site does not have the baseline.
        """
        raise NotImplementedError

    @classmethod
    def from_params(cls, params: Any, **extras: Any) -> "Baseline":  # type: ignore[override]
        return cls.of(params) if cls is Baseline else super().from_params(params, **extras)

    @classmethod
    def of(cls, value: Any) -> "Baseline":
        """The baseline of an option's value. `None` is a constant 0."""
        if isinstance(value, Baseline):
            return value
        if value is None or isinstance(value, numbers.Real) and not isinstance(value, bool):
            return ConstantBaseline(value or 0.0)  # type: ignore[arg-type]
        if isinstance(value, (list, tuple, torch.Tensor, numpy.ndarray)):
            return EmbeddingBaseline(value)  # type: ignore[arg-type]
        if isinstance(value, str):
            value = {"type": value}
        if not isinstance(value, (dict, Params)):
            raise ConfigurationError(f"{shown(value)} is not a baseline: {_allowed()}")
        return constructed(Baseline, "baseline", value, super().from_params, _NUMBERS)


_NUMBERS = "a number, a tensor or list of shape (dim,) or (tokens, dim), or "


def _allowed() -> str:
    names = ", ".join(repr(name) for name in Baseline.list_available())
    return f"give {_NUMBERS}one of {names}"


@Baseline.register("constant")
class ConstantBaseline(Baseline):
    """The same number everywhere; 0 by default."""

    def __init__(self, value: float = 0.0) -> None:
        is_number: bool = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not is_number:
            raise ConfigurationError(f"{shown(value)} is not a baseline: {_allowed()}")
        if not abs(value) < _LARGEST:
            raise ConfigurationError(f"the baseline is {shown(value)}; {_BOUNDS}")
        self._value = float(value)

    def vectors(self, call: SiteCall, vocabulary: Vocabulary) -> torch.Tensor:
        return call.embedded.new_full((1, 1, 1), self._value)


@Baseline.register("embedding")
class EmbeddingBaseline(Baseline):
    """
    Given vectors.

    # Parameters

    values : `Union[List[float], List[List[float]], torch.Tensor]`
        Shape: (embedding_dim,) for every position, or (tokens, embedding_dim). Word pieces get the
        vector of their token. Special pieces without a token keep their embedding.
    """

    def __init__(self, values: Union[List[float], List[List[float]]]) -> None:
        try:
            given = torch.as_tensor(values)
            if given.is_complex() or given.is_sparse or given.dtype == torch.bool:
                raise ValueError(f"its type is {given.layout} of {given.dtype}")
            self._values = torch.as_tensor(values, dtype=torch.float64).detach().cpu()
        except (TypeError, ValueError, RuntimeError) as error:
            raise ConfigurationError(
                f"the baseline is not a vector or a matrix: {error}"
            ) from error
        if not (self._values.abs() < _LARGEST).all():
            raise ConfigurationError(f"the baseline is {shown(values)}; {_BOUNDS}")

    def vectors(self, call: SiteCall, vocabulary: Vocabulary) -> torch.Tensor:
        values = self._values.to(call.embedded)
        dim, lengths = call.embedded.size(-1), {len(tokens) for tokens in call.token_lists}
        if values.shape == (dim,):
            return values
        if values.dim() != 2 or values.size(1) != dim or lengths != {values.size(0)}:
            raise ConfigurationError(
                f"the baseline has shape {tuple(values.shape)}; for field '{call.key.field}' it "
                f"must be ({dim},) or ({max(lengths)}, {dim})"
            )
        owners = call.owners.to(values.device)
        owned = (owners >= 0).unsqueeze(-1)
        return torch.where(owned, values[owners.clamp(min=0)], call.embedded)


class _SpecialTokenBaseline(Baseline):
    token = ""

    def vectors(self, call: SiteCall, vocabulary: Vocabulary) -> torch.Tensor:
        index = special_token_id(self.token, call.indexer, vocabulary)
        if index is None:
            raise ConfigurationError(
                f"the baseline '{self.token}' needs a {self.token} token, but the vocabulary of "
                f"{call.site.name} has none: {_allowed()}"
            )
        return embedded_id(call, index, self.token)


@Baseline.register(PADDING_TOKEN)
class PaddingBaseline(_SpecialTokenBaseline):
    """The embedding of the padding token."""

    token = PADDING_TOKEN


@Baseline.register(UNKNOWN_TOKEN)
class UnknownBaseline(_SpecialTokenBaseline):
    """The embedding of the unknown token."""

    token = UNKNOWN_TOKEN


@Baseline.register(MASK_TOKEN)
class MaskBaseline(_SpecialTokenBaseline):
    """The embedding of the mask token, if the model has one."""

    token = MASK_TOKEN


@Baseline.register("mean")
class MeanBaseline(Baseline):
    """The mean of the embeddings of all words."""

    def vectors(self, call: SiteCall, vocabulary: Vocabulary) -> torch.Tensor:
        return mean_embedding(call)


_BOUNDS = f"its numbers must be finite, and smaller than {_LARGEST:.0e} in size"
