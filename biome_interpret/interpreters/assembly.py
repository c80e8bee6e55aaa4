"""From integrals over positions to scores for tokens, words or sentences, and to whole results."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Dict, List, Optional, Sequence, Tuple

import torch

from biome_interpret.attribution.aggregation import REDUCTIONS, Grouping
from biome_interpret.attribution.sampling import standard_error
from biome_interpret.interpretation import FieldScores, Interpretation
from biome_interpret.interpreters.integrands import Integrands
from biome_interpret.interpreters.settings import Settings
from biome_interpret.models.alignment.segments import GRANULARITIES
from biome_interpret.models.alignment.token_alignment import UNOWNED
from biome_interpret.models.embedding.calls import SiteCall
from biome_interpret.models.execution.evaluation import ExplainedBatch
from biome_interpret.models.objectives import Target

StandardErrors = Dict[str, List[float]]


@dataclass(frozen=True)
class InstanceIntegrals:
    """
    One instance of a batch with all that its scores are made of.

    # Parameters

    fields : `Dict[str, List[SiteCall]]`
        The calls of each field, in the order in which the model reads the fields.
    row : `int`
        Which instance of the calls.
    integrands : `Integrands`
    """

    fields: Dict[str, List[SiteCall]]
    row: int
    integrands: Integrands

    @cached_property
    def keys(self) -> Dict[str, str]:
        """AllenNLP's numbering: the fields backwards, since gradients arrive in that order."""
        texts = [t for calls in reversed(self.fields.values()) for t in calls[0].texts[self.row]]
        return {text.name: f"grad_input_{number}" for number, text in enumerate(texts, start=1)}

    def token_vectors(self, calls: Sequence[SiteCall]) -> torch.Tensor:
        """
        Integrals over the positions of each token added up, and those of several sites set side
        by side. Shape: (tokens, dim).
        """
        sites: Dict[int, torch.Tensor] = {}
        for call in calls:
            vectors = self._per_token(call, self.integrands.integrals[call.key])
            site = call.key.site
            sites[site] = sites[site] + vectors if site in sites else vectors
        of_sites = list(sites.values())
        return of_sites[0] if len(of_sites) == 1 else torch.cat(of_sites, dim=-1)

    def token_samples(self, calls: Sequence[SiteCall]) -> torch.Tensor:
        """The products at each node, added up for each token. Shape: (nodes, tokens)."""
        terms = [self.integrands.terms[call.key].sum(dim=-1) for call in calls]
        return sum(self._per_token(c, t.t()) for c, t in zip(calls, terms)).t()  # type: ignore

    def _per_token(self, call: SiteCall, values: torch.Tensor) -> torch.Tensor:
        """(positions, dim) -> (tokens, dim)"""
        num_tokens = len(call.token_lists[self.row])
        owners = call.owners[self.row]
        owned = owners >= 0
        tokens = values.new_zeros(num_tokens, values.size(-1))
        return tokens.index_add_(0, owners[owned], values[owned])

    @property
    def unassigned(self) -> float:
        """The part of the total that belongs to no token."""
        return math.fsum(
            float(self.integrands.integrals[call.key][call.owners[self.row] == UNOWNED].sum())
            for calls in self.fields.values()
            for call in calls
        )


class Assembly:
    """
    How results are put together.

    # Parameters

    settings : `Settings`
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def scores_alone(
        self, integrals: InstanceIntegrals, batch: ExplainedBatch, sources: Sequence[str]
    ) -> Interpretation:
        """
        # Parameters

        batch : `ExplainedBatch`
            In which the instance is.
        sources : `Sequence[str]`
            The strings that its texts may have been made of.
        """
        fields, _ = self._fields(integrals, sources)
        return Interpretation(fields, Target(), batch.outputs[integrals.row])

    def in_full(
        self,
        integrals: InstanceIntegrals,
        batch: ExplainedBatch,
        sources: Sequence[str],
        baseline_output: float,
        notes: Sequence[str],
    ) -> Interpretation:
        """
        # Parameters

        notes : `Sequence[str]`
            What is to be said besides what batch and integrals have to say.
        """
        settings, objective = self._settings, batch.objective
        row, integrands = integrals.row, integrals.integrands
        fields, standard_error = self._fields(integrals, sources)
        output = batch.outputs[row]
        delta = output - baseline_output - integrands.total if settings.adds_up else None
        of_sites = (call.site.note for call in batch.calls)
        all_notes = [*objective.notes, *of_sites, *integrands.notes, *notes]
        return Interpretation(
            fields=fields,
            target=objective.target_of(batch.instances[row], batch.probabilities[row]),
            output=output,
            baseline_output=baseline_output,
            convergence_delta=delta,
            estimated_error=integrands.estimated_error,
            n_evaluations=len(integrands.measure.weights),
            standard_error=standard_error,
            unassigned=integrals.unassigned if settings.adds_up else 0.0,
            notes=list(dict.fromkeys(note for note in all_notes if note is not None)),
            probabilities=batch.label_probabilities[row],
            method=settings.method,
        )

    def _fields(
        self, integrals: InstanceIntegrals, sources: Sequence[str]
    ) -> Tuple[Dict[str, FieldScores], Optional[StandardErrors]]:
        """The scores of each field, and their standard errors where they can be told."""
        settings = self._settings
        fields: Dict[str, FieldScores] = {}
        errors: StandardErrors = {}
        # Of random nodes, where the sums over the embedding are at hand.
        strata = integrals.integrands.measure.strata if settings.reduction == "sum" else None
        for calls in integrals.fields.values():
            scores = REDUCTIONS[settings.reduction](integrals.token_vectors(calls))
            samples = integrals.token_samples(calls) if strata else None
            first = 0
            for text in calls[0].texts[integrals.row]:
                span = slice(first, first + len(text.field.tokens))
                first = span.stop
                segments = GRANULARITIES[settings.granularity](text.field, sources)
                groups = [segment.tokens for segment in segments]
                grouped = Grouping(scores[span], groups, settings.strategy)
                fields[text.name] = FieldScores(
                    tokens=[segment.text for segment in segments],
                    scores=grouped(scores[span]).tolist(),
                    key=integrals.keys[text.name],
                )
                if samples is not None and strata:
                    error = standard_error(grouped(samples[:, span]), strata)
                    if error is not None:
                        errors[text.name] = error.tolist()
        return fields, errors or None
