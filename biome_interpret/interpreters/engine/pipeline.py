"""Runs the steps from texts to results: predict, label, batch, integrate, assemble."""

from functools import cached_property, partial
from typing import (
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

from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.predictors import Predictor

from biome_interpret.attribution.paths import AdaptiveMeasure, PathMeasure
from biome_interpret.errors import InterpretationError
from biome_interpret.interpretation import Interpretation
from biome_interpret.interpreters.engine.assembly import Assembly, InstanceIntegrals
from biome_interpret.interpreters.engine.background_texts import background_instances
from biome_interpret.interpreters.engine.labelled_items import Item, ItemMaker, Job
from biome_interpret.interpreters.engine.outcomes import Outcome, failed, merged
from biome_interpret.interpreters.engine.path_integral import PathIntegral
from biome_interpret.interpreters.engine.settings import Settings
from biome_interpret.models.baselines.background import Background
from biome_interpret.models.baselines.path_starts import PathStarts
from biome_interpret.models.embedding.sites import EmbeddingSite, max_embedding_dim
from biome_interpret.models.execution.batching import BatchPlanner
from biome_interpret.models.execution.evaluation import ExplainedBatch, RowsMixed
from biome_interpret.models.execution.prediction import Prediction, predict
from biome_interpret.models.execution.probing import ProbeResult
from biome_interpret.models.isolation.isolated import run_isolated
from biome_interpret.models.labelling.targets import TargetSpec
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.models.objectives import LossNotAdditive

# A predictor's input.
Input = Union[JsonDict, Instance]

# Texts are grouped by length within windows of this size.
_WINDOW = 1024

PADDING_NOTE = (
    "the model's output changes when padding is appended to a text: what is explained is the text "
    "alone, not as it is predicted in a batch with longer ones"
)

ALONE_NOTE = (
    "the model does not take several rows, or its rows influence one another: each point was run "
    "alone, which takes longer"
)
GRADIENT_NOTE = (
    "the model's gradient is not that of its output, as after `detach()`, a gradient reversal or a "
    "clipped gradient: the scores follow the gradient, and do not add up to the output"
)
BYPASS_NOTE = (
    "the model's output also depends on the words in a way that does not lead through their "
    "embeddings: that part is not explained"
)


class Pipeline:
    """
    # Parameters

    predictor : `Predictor`
    sites : `Sequence[EmbeddingSite]`
    settings : `Settings`
    path_measure : `Callable[[int], Union[PathMeasure, AdaptiveMeasure]]`
        The points of the paths for a number of background texts. Called when first needed.
    """

    def __init__(
        self,
        predictor: Predictor,
        sites: Sequence[EmbeddingSite],
        settings: Settings,
        path_measure: Callable[[int], Union[PathMeasure, AdaptiveMeasure]],
    ) -> None:
        self._predictor = predictor
        self._model = predictor._model
        self._sites = sites
        self._settings = settings
        self._path_measure = path_measure
        self._background: Optional[Background] = None
        self._item_maker = ItemMaker(predictor, sites, settings)
        self._assembly = Assembly(settings)
        self._planner = BatchPlanner(max_embedding_dim(sites), settings.batch_size)

    @cached_property
    def _measure(self) -> Union[PathMeasure, AdaptiveMeasure]:
        return self._path_measure(len(self._settings.background or []))

    def outcomes(
        self, inputs: Sequence[Input], targets: Sequence[List[TargetSpec]], complete: bool
    ) -> List[Outcome]:
        """
        # Parameters

        inputs : `Sequence[Union[JsonDict, Instance]]`
            As for `predict_json` or `predict_instance`.
        targets : `Sequence[List[TargetSpec]]`
            The targets of each input.
        complete : `bool`
            Whether results are complete, or have the scores and f(x) only.

        # Returns

        `List[Outcome]`
            In the order of the inputs.
        """
        found: List[Outcome] = []
        for first in range(0, len(inputs), _WINDOW):
            window = slice(first, first + _WINDOW)
            run = partial(self._window_outcomes, inputs[window], targets[window], complete)
            found += run_isolated(self._model, run)
        return found

    def _window_outcomes(
        self, inputs: Sequence[Input], targets: Sequence[List[TargetSpec]], complete: bool
    ) -> List[Outcome]:
        jobs: List[Job] = []
        # The indices of each input's jobs: one for each text that the predictor makes of it.
        by_input: List[Union[range, Outcome]] = []
        for one_input, its_targets in zip(inputs, targets):
            first = len(jobs)
            try:
                texts = InputText.read(self._predictor, one_input)
                jobs += [Job(text, its_targets) for text in texts]
                by_input.append(range(first, len(jobs)))
            except Exception as error:
                by_input.append(self._failed(error))
        self._probe_rows(jobs)
        found: Dict[int, Outcome] = {}
        for group in self._planner.groups([job.text for job in jobs]):
            found.update(zip(group, self._group_outcomes([jobs[i] for i in group], complete)))
        return [
            own if isinstance(own, Outcome) else merged([found[i] for i in own]) for own in by_input
        ]

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

    def _group_outcomes(self, jobs: List[Job], complete: bool) -> List[Outcome]:
        try:
            found = self._explained(jobs, complete)
        except LossNotAdditive as error:
            self._item_maker.non_additive.add(error.objective_class)
            return self._group_outcomes(jobs, complete)
        except Exception as error:
            if len(jobs) == 1 and not isinstance(error, RowsMixed):
                return [self._failed(error)]
            # If rows mixed, they are run one by one from now on.
            return [self._outcome_alone(job, complete) for job in jobs]
        if len(jobs) == 1:
            return found
        # What fails in a batch may succeed alone, without padding.
        return [
            one if one.error is None else self._outcome_alone(job, complete)
            for job, one in zip(jobs, found)
        ]

    def _outcome_alone(self, job: Job, complete: bool) -> Outcome:
        try:
            return self._explained([job], complete)[0]
        except Exception as error:
            return self._failed(error)

    def _failed(self, error: Exception, outputs: Optional[JsonDict] = None) -> Outcome:
        return failed(type(self._model).__name__, error, outputs)

    def _explained(self, jobs: List[Job], complete: bool) -> List[Outcome]:
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
        results: Dict[int, Interpretation] = {}
        for members in self._batches(items, prediction):
            batch_items = [items[k] for k in members]
            batch = self._batch(batch_items, prediction, self._settings.autocast)
            texts = [jobs[item.job].text for item in batch_items]
            results.update(zip(members, self._integrated(batch, batch_items, texts, complete)))
        by_job: List[List[Interpretation]] = [[] for _ in jobs]
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

    def _integrated(
        self,
        batch: ExplainedBatch,
        items: Sequence[Item],
        texts: Sequence[InputText],
        complete: bool,
    ) -> List[Interpretation]:
        settings, objective = self._settings, batch.given_objective
        probed = self._planner.probed(objective, lambda: batch)
        integral = PathIntegral(
            batch,
            self._path_starts(texts[0]),
            probed.loss_reduction,
            self._planner.rows_per_pass(max(call.embedded.size(1) for call in batch.calls)),
            self._planner.held_passes(objective),
            settings,
        )
        try:
            found = integral.integrands(self._measure)
        except RowsMixed:
            self._planner.record_mixing(objective)
            raise
        notes = _notes(probed)
        results: List[Interpretation] = []
        for row, (text, integrands) in enumerate(zip(texts, found)):
            integrals = InstanceIntegrals(batch.calls_by_field, row, integrands)
            if not complete:
                results.append(self._assembly.scores_only(integrals, batch, text.strings))
                continue
            baseline_output = integral.baseline_output(integrands.measure, row)
            item = items[row]
            all_notes = [*item.notes, *notes, *([ALONE_NOTE] if integral.ran_alone else [])]
            results.append(
                self._assembly.complete(
                    integrals, batch, item.objective, text.strings, baseline_output, all_notes
                )
            )
        return results

    def _path_starts(self, text: InputText) -> PathStarts:
        """For a batch with this text. Background texts that are strings become inputs like its."""
        settings = self._settings
        if settings.background is not None and self._background is None:
            instances = background_instances(self._predictor, settings.background, text.json)
            self._background = Background(self._model, self._sites, instances)
        return PathStarts(
            settings.baseline, self._background, settings.hold_special_tokens, self._model.vocab
        )


def _notes(found: ProbeResult) -> List[str]:
    conditions = {
        PADDING_NOTE: found.padding_matters,
        ALONE_NOTE: found.loss_reduction is None,
        BYPASS_NOTE: found.bypasses_embeddings,
        GRADIENT_NOTE: found.has_other_gradient,
    }
    return [note for note, holds in conditions.items() if holds]
