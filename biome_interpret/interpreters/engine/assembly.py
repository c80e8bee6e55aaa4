"""Makes results from integrals: scores of positions become scores of tokens, words or sentences."""

import math
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

import torch

from biome_interpret.attribution.aggregation import REDUCTIONS, Grouping
from biome_interpret.attribution.coalitions import Interactions, UnitScores
from biome_interpret.attribution.sampling import standard_error
from biome_interpret.interpretation import FieldScores, Interpretation, PairScores
from biome_interpret.interpreters.engine.rows.integrands import Integrands
from biome_interpret.interpreters.engine.rows.settings import Settings
from biome_interpret.interpreters.engine.rows.units import BatchUnits
from biome_interpret.models.alignment.segments import GRANULARITIES
from biome_interpret.models.alignment.token_alignment import UNOWNED
from biome_interpret.models.embedding.calls import SiteCall
from biome_interpret.models.execution.evaluation import ExplainedBatch
from biome_interpret.models.objectives import Objective, Target

StandardErrors = Dict[str, List[float]]

# A result says so if its scores miss more than this share of Σ |score|; with random nodes, if they
# also miss more than this many standard errors.
_LARGE_GAP = 0.02
_STANDARD_ERRORS = 5
# The standard error of fewer samples is too uncertain.
_MANY_SAMPLES = 100

# What a difference of outputs may be off by rounding, relative to the output.
_ROUNDING = 1e-5


@dataclass(frozen=True)
class InstanceIntegrals:
    """
    The integrals of one instance of a batch.

    # Parameters

    fields : `Dict[str, List[SiteCall]]`
        The calls of each field, in the order in which the model reads the fields.
    row : `int`
        The index of the instance in the calls.
    integrands : `Integrands`
    """

    fields: Dict[str, List[SiteCall]]
    row: int
    integrands: Integrands

    def token_vectors(self, calls: Sequence[SiteCall]) -> torch.Tensor:
        """
        The integrals, summed over the positions of each token. Sites are side by side.
        Shape: (tokens, dim).
        """
        sites: Dict[int, torch.Tensor] = {}
        for call in calls:
            vectors = self._per_token(call, self.integrands.integrals[call.key])
            site = call.key.site
            sites[site] = sites[site] + vectors if site in sites else vectors
        return torch.cat(list(sites.values()), dim=-1)

    def token_samples(self, calls: Sequence[SiteCall]) -> torch.Tensor:
        """The products at each node, summed for each token. Shape: (nodes, tokens)."""
        terms = [self.integrands.terms[call.key].sum(dim=-1) for call in calls]
        per_token = [self._per_token(call, term.t()) for call, term in zip(calls, terms)]
        return torch.stack(per_token).sum(dim=0).t()

    def _per_token(self, call: SiteCall, values: torch.Tensor) -> torch.Tensor:
        """(positions, dim) -> (tokens, dim)"""
        owners = call.owners[self.row]
        owned = owners >= 0
        tokens = values.new_zeros(len(call.token_lists[self.row]), values.size(-1))
        return tokens.index_add_(0, owners[owned], values[owned])

    @property
    def unassigned(self) -> float:
        """The sum of the scores at positions without a token."""
        return math.fsum(
            float(self.integrands.integrals[call.key][call.owners[self.row] == UNOWNED].sum())
            for calls in self.fields.values()
            for call in calls
        )


def keys_of(fields: Dict[str, List[SiteCall]], row: int) -> Dict[str, str]:
    """
    AllenNLP's keys of an instance's texts. It numbers fields backwards, as gradients reach them.
    """
    texts = [text for calls in reversed(fields.values()) for text in calls[0].texts[row]]
    return {text.name: f"grad_input_{number}" for number, text in enumerate(texts, start=1)}


class Assembly:
    """
    Makes results from integrals.

    # Parameters

    settings : `Settings`
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def scores_only(
        self, integrals: InstanceIntegrals, batch: ExplainedBatch, source_texts: Sequence[str]
    ) -> Interpretation:
        """
        # Parameters

        batch : `ExplainedBatch`
            The batch of the instance.
        source_texts : `Sequence[str]`
            The strings that the fields may have been made of.
        """
        fields, _ = self._fields(integrals, source_texts)
        return Interpretation(fields, Target(), batch.outputs[integrals.row])

    def complete(
        self,
        integrals: InstanceIntegrals,
        batch: ExplainedBatch,
        labelled_by: Objective,
        source_texts: Sequence[str],
        baseline_output: float,
        notes: Sequence[str],
    ) -> Interpretation:
        """
        # Parameters

        labelled_by : `Objective`
            The instance's own, which names its target.
        notes : `Sequence[str]`
            Further notes, after those of the batch and the integrals.
        """
        settings, objective = self._settings, batch.objective
        row, integrands = integrals.row, integrals.integrands
        fields, standard_errors = self._fields(integrals, source_texts)
        output = batch.outputs[row]
        delta = output - baseline_output - integrands.total if settings.adds_up else None
        site_notes = (call.site.note for call in batch.calls)
        size = max(abs(output), abs(baseline_output), objective.least_size)
        gap = _gap_note(delta, size, integrands)
        all_notes = [*objective.notes, *site_notes, *integrands.notes, gap, *notes]
        probability, probabilities, probability_note = _probabilities(batch, row)
        all_notes.append(probability_note)
        return Interpretation(
            fields=fields,
            target=labelled_by.target_of(batch.instances[row], probability),
            output=output,
            baseline_output=baseline_output,
            convergence_delta=delta,
            estimated_error=_finite(integrands.estimated_error),
            n_evaluations=len(integrands.measure.weights),
            standard_error=standard_errors,
            unassigned=integrals.unassigned if settings.adds_up else 0.0,
            notes=list(dict.fromkeys(note for note in all_notes if note is not None)),
            probabilities=probabilities,
            method=settings.method,
            output_name=objective.output_name,
        )

    def of_units(
        self,
        found: UnitScores,
        units: BatchUnits,
        batch: ExplainedBatch,
        row: int,
        labelled_by: Objective,
        notes: Sequence[str],
    ) -> Interpretation:
        """
        From the scores of units.

        # Parameters

        row : `int`
            The index of the instance in the batch.
        labelled_by, notes
            As in `complete`.
        """
        keys, output = keys_of(batch.calls_by_field, row), batch.outputs[row]
        fields: Dict[str, FieldScores] = {}
        errors: StandardErrors = {}
        first = 0
        for name, texts in units.of(row).fields.items():
            span = slice(first, first + len(texts))
            first = span.stop
            fields[name] = FieldScores(texts, found.scores[span].tolist(), keys[name])
            if found.standard_errors is not None:
                errors[name] = found.standard_errors[span].tolist()
        delta = None
        if found.adds_up and found.baseline_output is not None:
            delta = output - found.baseline_output - float(found.scores.sum())
        site_notes = [call.site.note for call in batch.calls]
        probability, probabilities, probability_note = _probabilities(batch, row)
        all_notes = [*batch.objective.notes, *site_notes, *found.notes, *notes, probability_note]
        return Interpretation(
            fields=fields,
            target=labelled_by.target_of(batch.instances[row], probability),
            output=output,
            baseline_output=found.baseline_output,
            convergence_delta=delta,
            estimated_error=_finite(found.estimated_error),
            n_evaluations=found.n_evaluations,
            standard_error=errors or None,
            notes=list(dict.fromkeys(note for note in all_notes if note is not None)),
            probabilities=probabilities,
            method=self._settings.method,
            output_name=batch.objective.output_name,
            interactions=_interactions(found.interactions),
        )

    def _fields(
        self, integrals: InstanceIntegrals, source_texts: Sequence[str]
    ) -> Tuple[Dict[str, FieldScores], Optional[StandardErrors]]:
        """The scores of each field, and their standard errors if there are any."""
        settings = self._settings
        fields: Dict[str, FieldScores] = {}
        errors: StandardErrors = {}
        # Standard errors are of sums over the embedding dimension.
        strata = integrals.integrands.measure.strata if settings.reduction == "sum" else None
        keys = keys_of(integrals.fields, integrals.row)
        for calls in integrals.fields.values():
            scores = REDUCTIONS[settings.reduction](integrals.token_vectors(calls))
            samples = integrals.token_samples(calls) if strata else None
            first = 0
            for text in calls[0].texts[integrals.row]:
                span = slice(first, first + len(text.field.tokens))
                first = span.stop
                segments = GRANULARITIES[settings.granularity](text.field, source_texts)
                groups = [segment.tokens for segment in segments]
                grouped = Grouping(scores[span], groups, settings.strategy)
                fields[text.name] = FieldScores(
                    tokens=[segment.text for segment in segments],
                    scores=grouped(scores[span]).tolist(),
                    key=keys[text.name],
                )
                if samples is not None and strata:
                    error = standard_error(grouped(samples[:, span]), strata)
                    if error is not None:
                        errors[text.name] = error.tolist()
        return fields, errors or None


def _gap_note(delta: Optional[float], size: float, integrands: Integrands) -> Optional[str]:
    """
    A note if the scores miss much of the change of the output. `size` is what its rounding is
    relative to.
    """
    if delta is None or abs(delta) <= max(_LARGE_GAP * integrands.size, _ROUNDING * size):
        return None
    if integrands.measure.strata is not None:
        totals = integrands.elements.sum(dim=1, keepdim=True)
        error = standard_error(totals, integrands.measure.strata)
        is_sure = error is not None and len(totals) >= _MANY_SAMPLES
        if not is_sure or abs(delta) <= _STANDARD_ERRORS * float(error):  # type: ignore[arg-type]
            return None
    return (
        f"the scores do not add up to the change of the output: they miss {abs(delta):.3g}. There "
        f"are too few points, the output jumps, or the model's gradient is not that of its output"
    )


def _probabilities(
    batch: ExplainedBatch, row: int
) -> Tuple[Optional[float], Optional[Dict[str, float]], Optional[str]]:
    """The probability of the target, those of all labels, and a note."""
    one, all_labels = batch.probabilities[row], batch.label_probabilities[row]
    if all(map(math.isfinite, [one or 0.0, *(all_labels or {}).values()])):
        return one, all_labels, None
    return None, None, "the model's probabilities are left out: some are not finite"


def _interactions(found: Optional[Interactions]) -> Optional[PairScores]:
    if found is None:
        return None
    errors = found.standard_errors
    return PairScores(found.values.tolist(), None if errors is None else errors.tolist())


def _finite(number: Optional[float]) -> Optional[float]:
    """`None` for a number that JSON cannot hold."""
    return number if number is not None and math.isfinite(number) else None
