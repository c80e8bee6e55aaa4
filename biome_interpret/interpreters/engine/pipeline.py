"""Runs the steps from texts to results: predict, label, batch, integrate, assemble."""

from functools import partial
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
)

from allennlp.common.util import JsonDict
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.interpreters.engine.batch_explainer import BatchExplainer, Plan
from biome_interpret.interpreters.engine.labelled_items import (
    Ask,
    Item,
    ItemMaker,
    Job,
)
from biome_interpret.interpreters.engine.outcomes import Outcome, failed
from biome_interpret.interpreters.engine.rows.overlap import Task, run_overlapped
from biome_interpret.interpreters.engine.rows.settings import Settings
from biome_interpret.interpreters.engine.windows import Input, Window
from biome_interpret.models.embedding.sites import EmbeddingSite, max_embedding_dim
from biome_interpret.models.execution.batching import BatchPlanner
from biome_interpret.models.execution.comparison import has_same_numbers
from biome_interpret.models.execution.evaluation import ExplainedBatch
from biome_interpret.models.execution.prediction import Prediction, predict
from biome_interpret.models.execution.probing import ProbeResult
from biome_interpret.models.execution.row_values import RowsMixed
from biome_interpret.models.isolation.isolated import run_isolated
from biome_interpret.models.labelling.own_prediction import note_on_own_prediction
from biome_interpret.models.labelling.targets import TargetSpec
from biome_interpret.models.objectives import LossNotAdditive
from biome_interpret.models.tensors import device_of

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
        self._item_maker = ItemMaker(predictor, sites, settings, needs_gradients)
        self._planner = BatchPlanner(
            max_embedding_dim(sites), settings.batch_size, needs_gradients=needs_gradients
        )
        self._explainer = BatchExplainer(predictor, sites, settings, plan, self._planner)

    @property
    def learnt(self) -> Tuple[Any, ...]:
        """What texts have shown about the model. It differs if further texts showed more."""
        return *self._planner.learnt, *self._item_maker.learnt

    def outcomes(
        self,
        inputs: Sequence[Input],
        targets: Sequence[List[TargetSpec]],
        complete: bool,
        asks: Optional[Sequence[Ask]] = None,
    ) -> List[Outcome]:
        """
        # Parameters

        inputs : `Sequence[Union[JsonDict, Instance]]`
            As for `predict_json` or `predict_instance`.
        targets : `Sequence[List[TargetSpec]]`
            The targets of each input.
        complete : `bool`
            Whether results are complete, or have the scores and f(x) only.
        asks : `Sequence[Callable[[Units], Inquiry]]`, optional
            Makes the inquiry of each input, in place of the plan's own. Its outcome has what the
            inquiry of its first labelled instance returned.

        # Returns

        `List[Outcome]`
            In the order of the inputs.
        """
        asked: Sequence[Optional[Ask]] = [None] * len(inputs) if asks is None else asks
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
        asks: Sequence[Optional[Ask]],
        complete: bool,
    ) -> List[Outcome]:
        windows: List[Window] = []
        # It may have been moved.
        self._planner.device = device_of(self._model)
        self._explainer.forget_background()
        groups = run_overlapped(
            self._tasks(inputs, targets, asks, complete, windows),
            self._planner.device,
            self._planner.sizes.groups_at_once,
        )
        by_group = iter(groups)
        return [one for window in windows for one in window.outcomes(by_group)]

    def _tasks(
        self,
        inputs: Sequence[Input],
        targets: Sequence[List[TargetSpec]],
        asks: Sequence[Optional[Ask]],
        complete: bool,
        windows: List[Window],
    ) -> Iterator[Task[List[Outcome]]]:
        """The groups of texts that share passes. Their windows are appended to `windows`."""
        size = self._planner.sizes.window
        for first in range(0, len(inputs), size):
            part = slice(first, first + size)
            window = Window.read(self._predictor, inputs[part], targets[part], asks[part])
            self._compare_own_prediction(window.jobs)
            self._probe_rows(window.jobs)
            window.groups = self._planner.groups([job.text for job in window.jobs])
            windows.append(window)
            for group in window.groups:
                yield self._group_outcomes([window.jobs[i] for i in group], complete)

    def _compare_own_prediction(self, jobs: Sequence[Job]) -> None:
        """Once, with the longest text: some predictors change long texts only."""
        if jobs and self._item_maker.own_prediction is None:
            longest = max((job.text for job in jobs), key=lambda text: sum(text.lengths))
            texts = [
                job.text for job in jobs if job.text is longest or job.text.json is longest.json
            ]
            note = note_on_own_prediction(self._predictor, texts)
            self._item_maker.own_prediction = [] if note is None else [note]

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
        """Together, and what fails alone: it may succeed without padding."""
        found: List[Optional[Outcome]] = [None] * len(jobs)
        # The texts may have been found to mix since these jobs became a group.
        if len(jobs) > 1 and not self._planner.texts_mix:
            found = yield from self._outcomes_together(jobs, complete)
        outcomes = []
        for job, one in zip(jobs, found):
            if one is None or one.error is not None:
                one = yield from self._outcome_alone(job, complete)
            outcomes.append(one)
        return outcomes

    def _outcomes_together(self, jobs: List[Job], complete: bool) -> Task[List[Optional[Outcome]]]:
        try:
            return [*(yield from self._explained(jobs, complete))]
        except LossNotAdditive as error:
            self._item_maker.non_additive.add(error.objective_class)
            return (yield from self._outcomes_together(jobs, complete))
        except Exception:
            return [None] * len(jobs)

    def _outcome_alone(
        self, job: Job, complete: bool, may_have_mixed: bool = True
    ) -> Task[Outcome]:
        try:
            [found] = yield from self._explained([job], complete)
            return found
        except LossNotAdditive as error:
            self._item_maker.non_additive.add(error.objective_class)
        except Exception as error:
            if not (isinstance(error, RowsMixed) and may_have_mixed):
                return self._failed(error)
            may_have_mixed = False  # Rows are run one by one from now on.
        return (yield from self._outcome_alone(job, complete, may_have_mixed))

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
            if self._planner.held_texts.is_due(len(jobs), len(jobs)):
                self._hold_texts(batch, batch_items, items, jobs)
            explaining = (batch, batch_items, [jobs[item.job] for item in batch_items], complete)
            found = yield from self._explainer.results(*explaining)
            results.update(zip(members, found))
        by_job: List[List[Any]] = [[] for _ in jobs]
        for k, item in enumerate(items):
            by_job[item.job].append(results[k])
        return [
            self._failed(errors[i], outputs[i]) if i in errors else Outcome(outputs[i], by_job[i])
            for i in range(len(jobs))
        ]

    def _hold_texts(
        self,
        batch: ExplainedBatch,
        batch_items: Sequence[Item],
        items: Sequence[Item],
        jobs: Sequence[Job],
    ) -> None:
        """
        Holds two texts against the same texts predicted alone. A model may make its label or its
        probabilities from all rows of a pass.

        # Raises

        `RowsMixed`
            If they differ.
        """
        for row in {len(batch_items) // 2, len(batch_items) - 1}:
            item = batch_items[row]
            own = [one for one in items if one.job == item.job]
            [outputs], prediction = self._predicted([jobs[item.job]])
            alone = self._item_maker.items(0, jobs[item.job], outputs)
            place = next(i for i, one in enumerate(own) if one is item)
            if [one.target for one in alone] != [one.target for one in own] or not has_same_numbers(
                self._batch([alone[place]], prediction, autocast=False), batch, row
            ):
                self._planner.texts_mix = True
                raise RowsMixed

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
            key = (own.type_key, own.label_name, own.labelled_text, own.reading)
            by_type.setdefault(key, []).append(k)
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
