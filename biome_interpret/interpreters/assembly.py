"""From integrals over positions to scores for tokens, words or sentences, field by field."""

from dataclasses import dataclass
from functools import cached_property
from typing import Dict, List, Optional, Sequence, Tuple

import torch

from biome_interpret.attribution.aggregation import REDUCTIONS, Grouping
from biome_interpret.attribution.sampling import Strata, standard_error
from biome_interpret.interpretation import FieldScores
from biome_interpret.interpreters.integration import Integrands
from biome_interpret.models.calls import CallKey, SiteCall
from biome_interpret.models.layout import UNOWNED
from biome_interpret.models.segments import GRANULARITIES

StandardErrors = Dict[str, List[float]]


@dataclass(frozen=True)
class InstanceIntegrals:
    """
    One instance of a batch with all that its scores are made of.

    # Parameters

    calls : `Sequence[SiteCall]`
        In the order of the model's forward pass.
    row : `int`
        Which instance of the calls.
    integrands : `Integrands`
    """

    calls: Sequence[SiteCall]
    row: int
    integrands: Integrands

    @property
    def fields(self) -> Dict[str, List[SiteCall]]:
        """The calls of each field, in the order in which the model reads the fields."""
        fields: Dict[str, List[SiteCall]] = {}
        for call in self.calls:
            fields.setdefault(call.key.field, []).append(call)
        return fields

    @property
    def keys(self) -> Dict[str, str]:
        """AllenNLP's numbering: the fields backwards, since gradients arrive in that order."""
        texts = [t for calls in reversed(self.fields.values()) for t in calls[0].texts[self.row]]
        return {text.name: f"grad_input_{number}" for number, text in enumerate(texts, start=1)}

    @cached_property
    def integrals(self) -> Dict[CallKey, torch.Tensor]:
        """Of each call. Shapes: (positions, dim)."""
        return {call.key: self.integrands.integral(call.key) for call in self.calls}

    def token_vectors(self, calls: Sequence[SiteCall]) -> torch.Tensor:
        """
        Integrals over the positions of each token added up, and those of several sites set side
        by side. Shape: (tokens, dim).
        """
        sites: Dict[int, torch.Tensor] = {}
        for call in calls:
            vectors = self._per_token(call, self.integrals[call.key])
            site = call.key.site
            sites[site] = sites[site] + vectors if site in sites else vectors
        return torch.cat(list(sites.values()), dim=-1)

    def token_samples(self, calls: Sequence[SiteCall]) -> torch.Tensor:
        """The products at each node, added up for each token. Shape: (nodes, tokens)."""
        terms = [self.integrands.terms[call.key].sum(dim=-1) for call in calls]
        return sum(self._per_token(c, t.t()) for c, t in zip(calls, terms)).t()  # type: ignore

    def _per_token(self, call: SiteCall, values: torch.Tensor) -> torch.Tensor:
        """(positions, dim) -> (tokens, dim)"""
        owners = call.owners[self.row]
        tokens = values.new_zeros(len(call.token_lists[self.row]), values.size(-1))
        return tokens.index_add(0, owners[owners >= 0], values[owners >= 0])

    @property
    def total(self) -> float:
        """Σ over all positions."""
        return sum(float(integral.sum()) for integral in self.integrals.values())

    @property
    def unassigned(self) -> float:
        """The part of the total that belongs to no token."""
        return sum(
            float(self.integrals[call.key][call.owners[self.row] == UNOWNED].sum())
            for call in self.calls
        )


@dataclass(frozen=True)
class Assembly:
    """
    How scores are put together.

    # Parameters

    reduction : `str`
        A key of `attribution.aggregation.REDUCTIONS`.
    granularity, strategy : `str`
        Keys of `models.segments.GRANULARITIES` and `attribution.aggregation.STRATEGIES`.
    strata : `Strata`, optional
        Of the nodes, where they are random and their sums over the embedding are at hand.
    sources : `Sequence[str]`
        The strings that the texts may have been made of.
    """

    reduction: str
    granularity: str
    strategy: str
    strata: Optional[Strata]
    sources: Sequence[str]

    def assemble(
        self, integrals: InstanceIntegrals
    ) -> Tuple[Dict[str, FieldScores], Optional[StandardErrors]]:
        """The scores of each field, and their standard errors where they can be told."""
        fields: Dict[str, FieldScores] = {}
        errors: StandardErrors = {}
        for calls in integrals.fields.values():
            scores = REDUCTIONS[self.reduction](integrals.token_vectors(calls))
            samples = integrals.token_samples(calls) if self.strata else None
            first = 0
            for text in calls[0].texts[integrals.row]:
                span = slice(first, first + len(text.field.tokens))
                first = span.stop
                segments = GRANULARITIES[self.granularity](text.field, self.sources)
                groups = [segment.tokens for segment in segments]
                grouped = Grouping(scores[span], groups, self.strategy)
                fields[text.name] = FieldScores(
                    tokens=[segment.text for segment in segments],
                    scores=grouped(scores[span]).tolist(),
                    key=integrals.keys[text.name],
                )
                if samples is not None and self.strata:
                    error = standard_error(grouped(samples[:, span]), self.strata)
                    if error is not None:
                        errors[text.name] = error.tolist()
        return fields, errors or None
