"""Runs the steps from texts to results: predict, label, batch, integrate, assemble."""

from functools import cached_property, partial
from typing import (
    Any,
    Callable,
    Dict,
    Hashable,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import torch
from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor

from biome_interpret.attribution.coalitions import CoalitionPlan, UnitScores
from biome_interpret.attribution.paths import AdaptiveMeasure, PathMeasure
from biome_interpret.errors import InterpretationError
from biome_interpret.interpretation import Interpretation
from biome_interpret.interpreters.engine.assembly import Assembly, InstanceIntegrals
from biome_interpret.interpreters.engine.background_texts import background_instances
from biome_interpret.interpreters.engine.labelled_items import (
    InstanceQuestion,
    Item,
    ItemMaker,
    Job,
)
from biome_interpret.interpreters.engine.outcomes import Outcome, failed
from biome_interpret.interpreters.engine.overlap import Task, run_overlapped
from biome_interpret.interpreters.engine.rows.answers import (
    Answering,
    DeletedUnits,
    ReplacedUnits,
    answer_inquiries,
)
from biome_interpret.interpreters.engine.rows.checked_rows import CheckedRows
from biome_interpret.interpreters.engine.rows.path_integral import PathIntegral
from biome_interpret.interpreters.engine.rows.units import BatchUnits
from biome_interpret.interpreters.engine.settings import Settings
from biome_interpret.interpreters.engine.windows import Input, Window
from biome_interpret.models.baselines.background import Background
from biome_interpret.models.baselines.path_starts import PathStarts
from biome_interpret.models.embedding.sites import EmbeddingSite, max_embedding_dim
from biome_interpret.models.execution.batching import BatchPlanner
from biome_interpret.models.execution.evaluation import ExplainedBatch, RowsMixed
from biome_interpret.models.execution.prediction import Prediction, predict
from biome_interpret.models.execution.probing import ALONE_NOTE, ProbeResult
from biome_interpret.models.isolation.isolated import run_isolated
from biome_interpret.models.labelling.targets import TargetSpec
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.models.objectives import LossNotAdditive
from biome_interpret.models.tensors import device_of

# The points of a method.
Plan = Union[PathMeasure, AdaptiveMeasure, CoalitionPlan]

# The number of texts after which the model is put back as it was.
_ISOLATED = 1024


class Pipeline:
    """
    # Parameters

    predictor : `Predictor`
    sites : `Sequence[EmbeddingSite]`
    settings : `Settings`
    plan : `Callable[[int], Plan]`
        The points of the method for a number of background texts. Called when first needed.
    needs_gradients : `bool`
    """

    def __init__(
        self,
        predictor: Predictor,
        sites: Sequence[EmbeddingSite],
        settings: Settings,
        plan: Callable[[int], Plan],
        needs_gradients: bool,
    ) -> None:
        self._predictor = predictor
        self._model = predictor._model
        self._sites = sites
        self._settings = settings
        self._make_plan = plan
        self._background: Optional[Background] = None
        self._item_maker = ItemMaker(predictor, sites, settings)
        self._assembly = Assembly(settings)
        self._planner = BatchPlanner(
            max_embedding_dim(sites), settings.batch_size, needs_gradients=needs_gradients
        )

    @cached_property
    def _plan(self) -> Plan:
        return self._make_plan(self._num_background)

    @property
    def _num_background(self) -> int:
        return len(self._settings.background or [])

    def outcomes(
        self,
        inputs: Sequence[Input],
        targets: Sequence[List[TargetSpec]],
        complete: bool,
        questions: Optional[Sequence[InstanceQuestion]] = None,
    ) -> List[Outcome]:
        """
        # Parameters

        inputs : `Sequence[Union[JsonDict, Instance]]`
            As for `predict_json` or `predict_instance`.
        targets : `Sequence[List[TargetSpec]]`
            The targets of each input.
        complete : `bool`
            Whether results are complete, or have the scores and f(x) only.
        questions : `Sequence[InstanceQuestion]`, optional
            What to ask of each input, in place of the plan's own inquiry.

        # Returns

        `List[Outcome]`
            In the order of the inputs.
        """
        asked: Sequence[Optional[InstanceQuestion]] = questions or []
        asked = asked or [None] * len(inputs)
        found: List[Outcome] = []
        for first in range(0, len(inputs), _ISOLATED):
            part = slice(first, first + _ISOLATED)
            run = partial(self._outcomes, inputs[part], targets[part], asked[part], complete)
            found += run_isolated(self._model, run)
        return found

    def _outcomes(
        self,
        inputs: Sequence[Input],
        targets: Sequence[List[TargetSpec]],
        questions: Sequence[Optional[InstanceQuestion]],
        complete: bool,
    ) -> List[Outcome]:
        windows: List[Window] = []
        # It may have been moved.
        self._planner.device = device_of(self._model)
        groups = run_overlapped(
            self._tasks(inputs, targets, questions, complete, windows),
            self._planner.device,
            self._planner.sizes.groups_at_once,
        )
        by_group = iter(groups)
        return [one for window in windows for one in window.outcomes(by_group)]

    def _tasks(
        self,
        inputs: Sequence[Input],
        targets: Sequence[List[TargetSpec]],
        questions: Sequence[Optional[InstanceQuestion]],
        complete: bool,
        windows: List[Window],
    ) -> Iterator[Task[List[Outcome]]]:
        """The groups of texts that share passes. Their windows are appended to `windows`."""
        size = self._planner.sizes.window
        for first in range(0, len(inputs), size):
            part = slice(first, first + size)
            window = Window.read(self._predictor, inputs[part], targets[part], questions[part])
            self._probe_rows(window.jobs)
            window.groups = self._planner.groups([job.text for job in window.jobs])
            windows.append(window)
            for group in window.groups:
                yield self._group_outcomes([window.jobs[i] for i in group], complete)

    def _probe_rows(self, jobs: Sequence[Job]) -> None:
        """
        Probes on the first text that can be labelled whether rows are independent. The text is
        interpreted later, like all others.
        """
        for job in jobs:
            if self._planner.has_probed:
                return
            try:
                [outputs], prediction = self._predicted([job])
                for item in self._item_maker.items(0, job, outputs):
                    self._probed(item, prediction)
            except LossNotAdditive as error:
                self._item_maker.non_additive.add(error.objective_class)
                return self._probe_rows(jobs)
            except Exception:  # It is reported when the text is interpreted.
                continue

    def _group_outcomes(self, jobs: List[Job], complete: bool) -> Task[List[Outcome]]:
        outcomes: List[Outcome] = []
        found: List[Optional[Outcome]] = [None] * len(jobs)
        try:
            found = [*(yield from self._explained(jobs, complete))]
        except LossNotAdditive as error:
            self._item_maker.non_additive.add(error.objective_class)
            return (yield from self._group_outcomes(jobs, complete))
        except Exception as error:
            if len(jobs) == 1 and not isinstance(error, RowsMixed):
                return [self._failed(error)]
            # If rows mixed, they are run one by one from now on.
        for job, one in zip(jobs, found):
            # What fails in a batch may succeed alone, without padding.
            if one is None or (one.error is not None and len(jobs) > 1):
                one = yield from self._outcome_alone(job, complete)
            outcomes.append(one)
        return outcomes

    def _outcome_alone(self, job: Job, complete: bool) -> Task[Outcome]:
        try:
            return (yield from self._explained([job], complete))[0]
        except Exception as error:
            return self._failed(error)

    def _failed(self, error: Exception, outputs: Optional[JsonDict] = None) -> Outcome:
        return failed(type(self._model).__name__, error, outputs)

    def _explained(self, jobs: List[Job], complete: bool) -> Task[List[Outcome]]:
        self._planner.forget_failed_probes()
        outputs, prediction = self._predicted(jobs)
        errors: Dict[int, Exception] = {}
        items: List[Item] = []
        for i, job in enumerate(jobs):
            try:
                items += self._item_maker.items(i, job, outputs[i])
            except Exception as error:
                errors[i] = error
        # By the index of the item.
        results: Dict[int, Any] = {}
        for members in self._batches(items, prediction):
            batch_items = [items[k] for k in members]
            batch = self._batch(batch_items, prediction, self._settings.autocast)
            own_jobs = [jobs[item.job] for item in batch_items]
            if isinstance(self._plan, CoalitionPlan):
                found = self._asked(self._plan, batch, batch_items, own_jobs)
            else:
                texts = [job.text for job in own_jobs]
                found = yield from self._integrated(self._plan, batch, batch_items, texts, complete)
            results.update(zip(members, found))
        by_job: List[List[Any]] = [[] for _ in jobs]
        for k, item in enumerate(items):
            by_job[item.job].append(results[k])
        return [
            self._failed(errors[i], outputs[i]) if i in errors else Outcome(outputs[i], by_job[i])
            for i in range(len(jobs))
        ]

    def _predicted(self, jobs: Sequence[Job]) -> Tuple[List[JsonDict], Optional[Prediction]]:
        try:
            return predict(self._model, self._sites, [job.text.instance for job in jobs])
        except Exception:
            # A model may fail in any way on a text without tokens: the cause helps more.
            for job in jobs:
                job.text.check_tokens()
            raise

    def _batches(
        self, items: Sequence[Item], prediction: Optional[Prediction]
    ) -> Iterator[List[int]]:
        """The indices of the items of each batch: all read in one way, or one if rows mix."""
        by_type: Dict[Hashable, List[int]] = {}
        for k, item in enumerate(items):
            own = item.objective
            by_type.setdefault((own.type_key, own.label_name, own.reading), []).append(k)
        for members in by_type.values():
            if self._probed(items[members[0]], prediction).instances_may_share:
                yield members
            else:
                yield from ([k] for k in members)

    def _probed(self, item: Item, prediction: Optional[Prediction]) -> ProbeResult:
        def make_batch() -> ExplainedBatch:
            # In full precision: what other rows change may be lost in the rounding of bfloat16.
            return self._batch([item], prediction, autocast=False, verify=True)

        return self._planner.probed(item.objective, make_batch)

    def _batch(
        self,
        items: Sequence[Item],
        prediction: Optional[Prediction],
        autocast: bool,
        verify: bool = False,
    ) -> ExplainedBatch:
        batch = ExplainedBatch(
            self._model,
            self._sites,
            [item.instance for item in items],
            items[0].objective,
            prediction,
            prediction_rows=[item.job for item in items],
            autocast=autocast,
            verify=verify,
        )
        for call in batch.calls:
            if not all(call.token_lists):
                raise InterpretationError(f"field '{call.key.field}' has no tokens to interpret")
        return batch

    def _asked(
        self,
        plan: CoalitionPlan,
        batch: ExplainedBatch,
        items: Sequence[Item],
        jobs: Sequence[Job],
    ) -> List[Any]:
        """What the inquiries return. Scores become an `Interpretation`."""
        objective = batch.given_objective
        probed = self._planner.probed(objective, lambda: batch)
        texts = [job.text.strings for job in jobs]
        units = BatchUnits(batch.calls_by_field, texts, self._settings.granularity)
        rows = self._rows(batch, jobs[0].text, probed, units)
        source: Answering = ReplacedUnits(rows, self._rows_per_pass(batch), self._num_background)
        if plan.deletes:
            source = DeletedUnits(
                self._model,
                batch,
                units,
                partial(self._planner.rows_per_pass, objective=objective),
                probed.instances_may_share,
                not probed.padding_matters,
            )
        makers = [plan.ask if job.question is None else job.question.ask for job in jobs]
        try:
            found = answer_inquiries(makers, units, source)
        except RowsMixed:
            self._planner.record_mixing(objective)
            raise
        notes = [*probed.notes, *([ALONE_NOTE] if rows.ran_alone else [])]
        return [
            self._assembly.of_units(result, units, batch, row, item.objective, item.notes + notes)
            if isinstance(result, UnitScores)
            else result
            for row, (result, item) in enumerate(zip(found, items))
        ]

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

    def _integrated(
        self,
        plan: Union[PathMeasure, AdaptiveMeasure],
        batch: ExplainedBatch,
        items: Sequence[Item],
        texts: Sequence[InputText],
        complete: bool,
    ) -> Task[List[Interpretation]]:
        settings, objective = self._settings, batch.given_objective
        probed = self._planner.probed(objective, lambda: batch)
        rows = self._rows(batch, texts[0], probed)
        integral = PathIntegral(rows, self._rows_per_pass(batch), settings)
        try:
            found = yield from integral.integrands(plan)
        except RowsMixed:
            self._planner.record_mixing(objective)
            raise
        baseline_outputs = (
            integral.baseline_outputs({row: one.measure for row, one in enumerate(found)})
            if complete
            else {}
        )
        notes = probed.notes
        results: List[Interpretation] = []
        for row, (text, integrands) in enumerate(zip(texts, found)):
            integrals = InstanceIntegrals(batch.calls_by_field, row, integrands)
            if not complete:
                results.append(self._assembly.scores_only(integrals, batch, text.strings))
                continue
            item = items[row]
            all_notes = [*item.notes, *notes, *([ALONE_NOTE] if rows.ran_alone else [])]
            results.append(
                self._assembly.complete(
                    integrals,
                    batch,
                    item.objective,
                    text.strings,
                    baseline_outputs[row],
                    all_notes,
                )
            )
        return results

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
