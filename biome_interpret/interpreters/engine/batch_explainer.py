"""From a batch of labelled instances to their results, by the plan of the method."""

from functools import cached_property, partial
from typing import Any, Callable, List, Optional, Sequence, Union

import torch
from allennlp.predictors import Predictor

from biome_interpret.attribution.coalitions import CoalitionPlan, UnitScores
from biome_interpret.attribution.paths import AdaptiveMeasure, PathMeasure
from biome_interpret.interpretation import Interpretation
from biome_interpret.interpreters.engine.assembly import Assembly, InstanceIntegrals
from biome_interpret.interpreters.engine.background_texts import background_instances
from biome_interpret.interpreters.engine.labelled_items import Ask, Item, Job
from biome_interpret.interpreters.engine.rows.answers import (
    Answering,
    DeletedUnits,
    ReplacedUnits,
    answer_inquiries,
)
from biome_interpret.interpreters.engine.rows.checked_rows import CheckedRows
from biome_interpret.interpreters.engine.rows.overlap import Task
from biome_interpret.interpreters.engine.rows.path_integral import PathIntegral
from biome_interpret.interpreters.engine.rows.settings import Settings
from biome_interpret.interpreters.engine.rows.units import BatchUnits
from biome_interpret.models.baselines.background import Background
from biome_interpret.models.baselines.path_starts import PathStarts
from biome_interpret.models.embedding.sites import EmbeddingSite
from biome_interpret.models.execution.batching import BatchPlanner
from biome_interpret.models.execution.evaluation import ExplainedBatch
from biome_interpret.models.execution.probing import ALONE_NOTE, ProbeResult
from biome_interpret.models.execution.row_values import RowsMixed
from biome_interpret.models.labelling.texts import InputText

# The points of a method.
Plan = Union[PathMeasure, AdaptiveMeasure, CoalitionPlan]


class BatchExplainer:
    """
    # Parameters

    predictor : `Predictor`
    sites : `Sequence[EmbeddingSite]`
    settings : `Settings`
    make_plan : `Callable[[int], Plan]`
        The points of the method for a number of background texts. Called when first needed.
    planner : `BatchPlanner`
    """

    def __init__(
        self,
        predictor: Predictor,
        sites: Sequence[EmbeddingSite],
        settings: Settings,
        make_plan: Callable[[int], Plan],
        planner: BatchPlanner,
    ) -> None:
        self._predictor = predictor
        self._model = predictor._model
        self._sites = sites
        self._settings = settings
        self._make_plan = make_plan
        self._planner = planner
        self._assembly = Assembly(settings)
        self._background: Optional[Background] = None

    @cached_property
    def _plan(self) -> Plan:
        return self._make_plan(self._num_background)

    @property
    def _num_background(self) -> int:
        return len(self._settings.background or [])

    def forget_background(self) -> None:
        """Its texts are embedded again: the model may have been trained or moved meanwhile."""
        self._background = None

    def results(
        self,
        batch: ExplainedBatch,
        items: Sequence[Item],
        jobs: Sequence[Job],
        complete: bool,
    ) -> Task[List[Any]]:
        """
        # Parameters

        items, jobs
            Those of the batch's instances.
        complete : `bool`
            See `Pipeline.outcomes`.

        # Returns

        `List[Interpretation]`
            One for each instance; or what its inquiry returned.
        """
        try:
            if isinstance(self._plan, CoalitionPlan):
                return (yield from self._asked(self._plan, batch, items, jobs))
            return (yield from self._integrated(self._plan, batch, items, jobs, complete))
        except RowsMixed:
            self._planner.record_mixing(batch.given_objective)
            raise

    def _asked(
        self,
        plan: CoalitionPlan,
        batch: ExplainedBatch,
        items: Sequence[Item],
        jobs: Sequence[Job],
    ) -> Task[List[Any]]:
        """What the inquiries return. Scores become an `Interpretation`."""
        probed = self._probed(batch)
        texts = [job.text.strings for job in jobs]
        units = BatchUnits(batch.calls_by_field, texts, self._settings.granularity)
        rows = self._rows(batch, jobs[0].text, probed, units)
        source: Answering = ReplacedUnits(rows, self._rows_per_pass(batch), self._num_background)
        if plan.deletes:
            source = DeletedUnits(
                self._model,
                batch,
                units,
                partial(self._planner.rows_per_pass, objective=batch.given_objective),
                probed.instances_may_share,
                probed.may_pad,
                self._planner.held_passes(batch.given_objective),
            )
        found = yield from answer_inquiries([_ask_of(plan, job) for job in jobs], units, source)
        notes = _notes(probed, rows)
        return [
            self._assembly.of_units(result, units, batch, row, item.objective, item.notes + notes)
            if isinstance(result, UnitScores)
            else result
            for row, (result, item) in enumerate(zip(found, items))
        ]

    def _integrated(
        self,
        plan: Union[PathMeasure, AdaptiveMeasure],
        batch: ExplainedBatch,
        items: Sequence[Item],
        jobs: Sequence[Job],
        complete: bool,
    ) -> Task[List[Interpretation]]:
        probed = self._probed(batch)
        rows = self._rows(batch, jobs[0].text, probed)
        integral = PathIntegral(rows, self._rows_per_pass(batch), self._settings)
        found = yield from integral.integrands(plan)
        integrals = [
            InstanceIntegrals(batch.calls_by_field, row, one) for row, one in enumerate(found)
        ]
        if not complete:
            return [
                self._assembly.scores_only(one, batch, job.text.strings)
                for one, job in zip(integrals, jobs)
            ]
        baseline_outputs = integral.baseline_outputs(
            {row: one.measure for row, one in enumerate(found)}
        )
        notes = _notes(probed, rows)
        return [
            self._assembly.complete(
                one,
                batch,
                item.objective,
                job.text.strings,
                baseline_outputs[one.row],
                item.notes + notes,
            )
            for one, item, job in zip(integrals, items, jobs)
        ]

    def _probed(self, batch: ExplainedBatch) -> ProbeResult:
        return self._planner.probed(batch.given_objective, lambda: batch)

    def _rows(
        self,
        batch: ExplainedBatch,
        text: InputText,
        probed: ProbeResult,
        units: Optional[BatchUnits] = None,
    ) -> CheckedRows:
        held = self._planner.held_passes(batch.given_objective)
        return CheckedRows(batch, self._path_starts(text), probed.loss_reduction, held, units)

    def _rows_per_pass(self, batch: ExplainedBatch) -> int:
        length = max(call.embedded.size(1) for call in batch.calls)
        return self._planner.rows_per_pass(length, batch.given_objective)

    def _path_starts(self, text: InputText) -> PathStarts:
        """For a batch with this text. Background texts that are strings become inputs like its."""
        settings = self._settings
        if settings.background is not None and self._background is None:
            instances = background_instances(self._predictor, settings.background, text.json)
            self._background = Background(self._model, self._sites, instances)
            if self._planner.device.type == "cuda":
                # Groups on other streams read it too.
                torch.cuda.current_stream(self._planner.device).synchronize()
        return PathStarts(
            settings.baseline, self._background, settings.hold_special_tokens, self._model.vocab
        )


def _ask_of(plan: CoalitionPlan, job: Job) -> Ask:
    ask = job.ask or plan.ask
    assert ask is not None, "a plan without an inquiry is for jobs that have their own"
    return ask


def _notes(probed: ProbeResult, rows: CheckedRows) -> List[str]:
    return [*probed.notes, *([ALONE_NOTE] if rows.ran_alone else [])]
