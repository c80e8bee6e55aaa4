"""Baselines x': where the paths begin, in embedding space. Masks and ids stay as they are."""

from typing import Any, List, Union

import torch
from allennlp.common import Params, Registrable
from allennlp.common.checks import ConfigurationError
from allennlp.data import Vocabulary

from biome_interpret.models.alignment.special_tokens import (
    MASK_TOKEN,
    PADDING_TOKEN,
    UNKNOWN_TOKEN,
    special_token_id,
)
from biome_interpret.models.embedding.calls import SiteCall


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
            The embedding that the baseline is for.
        vocabulary : `Vocabulary`
            The model's.

        # Returns

        `torch.Tensor`
            For each instance. Shape: (instances, positions, embedding_dim), or one that broadcasts
            to it.

        # Raises

        `ConfigurationError`
            If this site has no such baseline.
        """
        raise NotImplementedError

    @classmethod
    def from_params(cls, params: Any, **extras: Any) -> "Baseline":  # type: ignore[override]
        return cls.of(params) if cls is Baseline else super().from_params(params, **extras)

    @classmethod
    def of(cls, value: Any) -> "Baseline":
        """A baseline from whatever a user may give: nothing is a constant 0."""
        if isinstance(value, Baseline):
            return value
        if value is None or isinstance(value, (int, float)) and not isinstance(value, bool):
            return ConstantBaseline(value or 0.0)
        if isinstance(value, (list, tuple, torch.Tensor)):
            return EmbeddingBaseline(value)  # type: ignore[arg-type]
        if isinstance(value, str):
            value = {"type": value}
        if isinstance(value, (dict, Params)):
            # A copy, since parameters are used up.
            value = Params(dict(value)) if isinstance(value, dict) else value.duplicate()
        else:
            raise ConfigurationError(f"{value!r} is no baseline: {_allowed()}")
        name = value.get("type")
        if "." not in str(name) and name not in cls.list_available():
            raise ConfigurationError(f"unknown baseline {name!r}: {_allowed()}")
        return super().from_params(value)


def _allowed() -> str:
    names = ", ".join(repr(name) for name in Baseline.list_available())
    return f"give a number, a tensor or list of shape (dim,) or (tokens, dim), or one of {names}"


@Baseline.register("constant")
class ConstantBaseline(Baseline):
    """The same number everywhere; 0 by default."""

    def __init__(self, value: float = 0.0) -> None:
        self._value = float(value)
        _check_finite(torch.tensor(self._value))

    def vectors(self, call: SiteCall, vocabulary: Vocabulary) -> torch.Tensor:
        return call.embedded.new_full((1, 1, 1), self._value)


@Baseline.register("embedding")
class EmbeddingBaseline(Baseline):
    """
    Given vectors.

    # Parameters

    values : `Union[List[float], List[List[float]], torch.Tensor]`
        Shape: (embedding_dim,) for every position alike, or (tokens, embedding_dim). Word pieces
        take their token's vector; special pieces that belong to no token keep their embedding.
    """

    def __init__(self, values: Union[List[float], List[List[float]]]) -> None:
        try:
            self._values = torch.as_tensor(values, dtype=torch.float64)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"the baseline is no vector or matrix: {error}") from error
        _check_finite(self._values)

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
        owned = (call.owners >= 0).to(values.device)
        return torch.where(
            owned.unsqueeze(-1), values[call.owners.clamp(min=0).to(values.device)], call.embedded
        )


class _WordBaseline(Baseline):
    """The embedding of one of the model's own special words."""

    _word = ""

    def vectors(self, call: SiteCall, vocabulary: Vocabulary) -> torch.Tensor:
        index = special_token_id(self._word, call.indexer, vocabulary)
        if index is None:
            raise ConfigurationError(
                f"the baseline '{self._word}' needs a {self._word} token, and the vocabulary of "
                f"{call.site.name} has none: {_allowed()}"
            )
        return _matrix(call)[index]


@Baseline.register(PADDING_TOKEN)
class PaddingBaseline(_WordBaseline):
    """The embedding of the padding token."""

    _word = PADDING_TOKEN


@Baseline.register(UNKNOWN_TOKEN)
class UnknownBaseline(_WordBaseline):
    """The embedding of the unknown word."""

    _word = UNKNOWN_TOKEN


@Baseline.register(MASK_TOKEN)
class MaskBaseline(_WordBaseline):
    """The embedding of the mask token, where the model has one."""

    _word = MASK_TOKEN


@Baseline.register("mean")
class MeanBaseline(Baseline):
    """The mean of the embedding matrix."""

    def vectors(self, call: SiteCall, vocabulary: Vocabulary) -> torch.Tensor:
        return _matrix(call).mean(dim=0)


def _check_finite(values: torch.Tensor) -> None:
    if not torch.isfinite(values).all():
        raise ConfigurationError("the baseline holds numbers that are not finite")


def _matrix(call: SiteCall) -> torch.Tensor:
    if call.site.weight is None:
        raise ConfigurationError(
            f"{call.site.name} has no embedding matrix to take a baseline from: give a number or a "
            f"tensor"
        )
    return call.site.weight
