"""From texts to results: predicted, labelled, put together, integrated and assembled."""

import traceback
from typing import Dict, Hashable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from allennlp.common.util import JsonDict
from allennlp.data import Instance
from allennlp.predictors import Predictor

from biome_interpret.errors import InterpretationError
from biome_interpret.interpretation import Interpretation
from biome_interpret.interpreters.assembly import Assembly, InstanceIntegrals
from biome_interpret.interpreters.company import Company
from biome_interpret.interpreters.path_integral import PathIntegral
from biome_interpret.interpreters.points import Points
from biome_interpret.interpreters.settings import Settings
from biome_interpret.models.baselines.background import Background
from biome_interpret.models.baselines.path_starts import Origins
from biome_interpret.models.embedding.sites import EmbeddingSite, widest
from biome_interpret.models.execution.evaluation import ExplainedBatch, RowsMixed
from biome_interpret.models.execution.prediction import Companions, Prediction, predict
from biome_interpret.models.execution.recurrent import narrow_recurrence
from biome_interpret.models.execution.row_independence import Verdict
from biome_interpret.models.isolation.guard import untouched
from biome_interpret.models.labelling import Labelling, Target, labelled_instances, targeted
from biome_interpret.models.labelling.texts import Text
from biome_interpret.models.objectives import LossByRows, LossNotByRows, Objective, objective_for
from biome_interpret.models.tensors import chunks

# Texts that are looked at together, to find those of like length.
_WINDOW = 1024

# Texts of each label whose values are held against their losses, where that takes a pass, and where
# there is nothing in a text but what its values are made of.
_CHECKED_LOSSES = 3

PADDING_NOTE = (
    "the model's output changes when padding is appended to a text: what is explained is the text "
    "alone, not as it is predicted in a batch with longer ones"
)


class Outcome(NamedTuple):
    """
    What became of one text.

    # Parameters

    outputs : `JsonDict`, optional
        The model's prediction, as `Model.forward_on_instance` gives it, where predictions are
        wanted; `None` where it failed.
    interpretations : `List[Interpretation]`, optional
        One for each labelled instance and target; `None` where it failed.
    error : `Exception`, optional
        What it failed of.
    """

    outputs: Optional[JsonDict] = None
    interpretations: Optional[List[Interpretation]] = None
    error: Optional[Exception] = None


class Wanted(NamedTuple):
    """
    What of each outcome is wanted.

    # Parameters

    in_full : `bool`
        All of the interpretations, or scores and f(x) alone.
    predictions : `bool`
        The model's outputs too, made human-readable.
    """

    in_full: bool = True
    predictions: bool = False


class _Job(NamedTuple):
    """A text and what is asked about it."""

    text: Text
    targets: List[Target]


class _Item(NamedTuple):
    """A labelled instance, and of which job in its group it is."""

    job: int
    instance: Instance
    objective: Objective


class Explainer:
    """
    # Parameters

    predictor : `Predictor`
    sites : `Sequence[EmbeddingSite]`
    settings : `Settings`
    """

    def __init__(
        self, predictor: Predictor, sites: Sequence[EmbeddingSite], settings: Settings
    ) -> None:
        self._predictor = predictor
        self._model = predictor._model
        self._sites = sites
        self._settings = settings
        self._background: Optional[Background] = None
        # The kinds of objectives of which the loss is no matter of rows: found out on the way.
        self._whole_losses: Set[type] = set()
        # By label, how many texts' values were held against their losses.
        self._checked_losses: Dict[Optional[int], int] = {}
        # Whether labels are made of outputs as they are, too: found out by the first text.
        self._reads_outputs_alike = False
        self._assembly = Assembly(settings)
        self._company = Company(settings, narrow_recurrence(self._model), widest(sites))

    def outcomes(
        self,
        inputs: Sequence[Union[JsonDict, Instance]],
        targets: Sequence[List[Target]],
        wanted: Wanted,
    ) -> List[Outcome]:
        """
        # Parameters

        inputs : `Sequence[Union[JsonDict, Instance]]`
            What `predict_json` or `predict_instance` takes.
        targets : `Sequence[List[Target]]`
            For each input, what to explain.
        wanted : `Wanted`

        # Returns

        `List[Outcome]`
            In the order of the inputs.
        """
        found: List[Outcome] = []
        for window in chunks(list(zip(inputs, targets)), _WINDOW):
            with untouched(self._model):
                found += self._window(window, wanted)
        return found

    def _window(
        self, window: Sequence[Tuple[Union[JsonDict, Instance], List[Target]]], wanted: Wanted
    ) -> List[Outcome]:
        found: Dict[int, Outcome] = {}
        jobs: Dict[int, _Job] = {}
        # For each input, its jobs: one for each text that the predictor makes of it.
        parts: List[List[int]] = []
        for inputs, targets in window:
            first = len(found) + len(jobs)
            try:
                texts = Text.read(self._predictor, inputs)
                jobs.update((first + k, _Job(text, targets)) for k, text in enumerate(texts))
                parts.append([first + k for k in range(len(texts))])
            except Exception as error:
                found[first] = _failed(error)
                parts.append([first])
        self._learn(list(jobs.values()))
        positions = list(jobs)
        for group in self._company.groups([job.text for job in jobs.values()]):
            members = [positions[i] for i in group]
            outcomes = self._group_outcomes([jobs[i] for i in members], wanted)
            found.update(zip(members, outcomes))
        return [_merged([found[i] for i in indices]) for indices in parts]

    def _learn(self, jobs: Sequence[_Job]) -> None:
        """
        Finds out how rows relate and outputs are read, by the first text that tells: not from its
        interpretation, so that this goes the same way as that of any other text.
        """
        for job in jobs:
            if self._company.is_known:
                return
            try:
                [outputs], prediction = self._predicted([job], readable=True)
                if prediction is not None:
                    labelling = Labelling.of(self._predictor)
                    self._reads_outputs_alike = labelling.reads_alike(prediction.outputs, outputs)
                for item in self._items(0, job, outputs):
                    self._verdict(item, prediction)
            except LossNotByRows as error:
                self._whole_losses.add(error.of)
                return self._learn(jobs)
            except Exception:  # It will be told of when the text's turn comes.
                continue

    def _group_outcomes(self, jobs: List[_Job], wanted: Wanted) -> List[Outcome]:
        # For several targets the points would not be the rows that are needed.
        is_one_each = all(len(job.targets) == 1 for job in jobs)
        if is_one_each and self._company.may_go_along([job.text for job in jobs]):
            try:
                return self._explained(jobs, wanted, in_company=True)
            except Exception:
                pass  # Predicted alone, the texts will tell whether it is a matter of theirs.
        try:
            return self._explained(jobs, wanted)
        except LossNotByRows as error:
            self._whole_losses.add(error.of)
            return self._group_outcomes(jobs, wanted)
        except Exception as error:
            if len(jobs) == 1 and not isinstance(error, RowsMixed):
                return [_failed(error)]
            # Where rows mix, they are run one by one from here on.
            return [self._alone(job, wanted) for job in jobs]

    def _alone(self, job: _Job, wanted: Wanted) -> Outcome:
        try:
            return self._explained([job], wanted)[0]
        except Exception as error:
            return _failed(error)

    def _explained(
        self, jobs: List[_Job], wanted: Wanted, in_company: bool = False
    ) -> List[Outcome]:
        points = None
        if in_company:
            rows = self._company.rows_along(len(jobs), with_origins=wanted.in_full)
            points = Points(rows, self._origins(jobs[0].text))
        outputs, prediction = self._predicted(jobs, wanted.predictions, points)
        errors: Dict[int, Exception] = {}
        items: List[_Item] = []
        for i, job in enumerate(jobs):
            try:
                items += self._items(i, job, outputs[i])
            except Exception as error:
                errors[i] = error
        results: Dict[int, Interpretation] = {}
        for members in self._together(items, prediction):
            sources = [items[k].job for k in members]
            batch = self._batch([items[k] for k in members], prediction, self._settings.autocast)
            texts = [jobs[source].text for source in sources]
            results.update(zip(members, self._integrated(batch, texts, wanted.in_full, points)))
        by_job: List[List[Interpretation]] = [[] for _ in jobs]
        for k, item in enumerate(items):
            by_job[item.job].append(results[k])
        return [
            _failed(errors[i], outputs[i]) if i in errors else Outcome(outputs[i], by_job[i])
            for i in range(len(jobs))
        ]

    def _predicted(
        self, jobs: Sequence[_Job], readable: bool, points: Optional[Points] = None
    ) -> Tuple[List[JsonDict], Optional[Prediction]]:
        instances = [job.text.instance for job in jobs]
        companions = None
        if points is not None:
            companions = Companions(points.rows.instances, points.of, points.rows.lines)
        readable = readable or not self._reads_outputs_alike
        try:
            return predict(self._model, self._sites, instances, readable, companions)
        except Exception:
            # A model may fail in any way on a text without tokens: the cause is what helps.
            for job in jobs:
                job.text.check_tokens()
            raise

    def _items(self, index: int, job: _Job, outputs: JsonDict) -> List[_Item]:
        model = self._model
        predictor, text = self._predictor, job.text
        labelled = labelled_instances(predictor, text.instance, outputs)
        instances = targeted(predictor, text.instance, labelled, job.targets, text.labels)
        mode, whole_losses = self._settings.mode, self._whole_losses
        return [
            _Item(index, one, objective_for(model, one, mode, whole_losses)) for one in instances
        ]

    def _together(
        self, items: Sequence[_Item], prediction: Optional[Prediction]
    ) -> Iterator[List[int]]:
        """Which items make one batch, as indices: those of a kind, where rows may share a pass."""
        kinds: Dict[Tuple[Hashable, str], List[int]] = {}
        for k, item in enumerate(items):
            kinds.setdefault((item.objective.kind, item.objective.label_name), []).append(k)
        for members in kinds.values():
            if self._verdict(items[members[0]], prediction).rows_are_shared:
                yield members
            else:
                yield from ([k] for k in members)

    def _verdict(self, item: _Item, prediction: Optional[Prediction]) -> Verdict:
        # In full precision: what bfloat16 rounds away would hide that rows mix.
        def batch() -> ExplainedBatch:
            return self._batch([item], prediction, autocast=False)

        return self._company.verdict(item.objective, batch)

    def _batch(
        self, items: Sequence[_Item], prediction: Optional[Prediction], autocast: bool
    ) -> ExplainedBatch:
        batch = ExplainedBatch(
            self._model,
            self._sites,
            [item.instance for item in items],
            items[0].objective,
            prediction,
            [item.job for item in items],
            autocast,
        )
        for call in batch.calls:
            if not all(call.token_lists):
                raise InterpretationError(f"field '{call.key.field}' has no tokens to interpret")
        return batch

    def _integrated(
        self,
        batch: ExplainedBatch,
        texts: Sequence[Text],
        in_full: bool,
        along: Optional[Points],
    ) -> List[Interpretation]:
        settings, objective = self._settings, batch.given_objective
        self._check_loss(batch, texts)
        verdict = self._company.verdict(objective, lambda: batch)
        integral = PathIntegral(
            batch,
            self._origins(texts[0]),
            verdict.row_power,
            self._company.rows_per_pass(max(call.embedded.size(1) for call in batch.calls)),
            settings.input_x_gradient,
            sum_dimensions=settings.reduction == "sum",
            along=along if batch.has_points_along else None,
        )
        try:
            found = integral.integrands(settings.measure)
        except RowsMixed:
            self._company.run_row_by_row(objective)
            raise
        notes = [PADDING_NOTE] if verdict.padding_matters else []
        results: List[Interpretation] = []
        for row, integrands in enumerate(found):
            integrals = InstanceIntegrals(batch.calls_by_field, row, integrands)
            strings = texts[row].strings
            if in_full:
                baseline_output = integral.origin_output(integrands.measure, row)
                results.append(
                    self._assembly.in_full(integrals, batch, strings, baseline_output, notes)
                )
            else:
                results.append(self._assembly.scores_alone(integrals, batch, strings))
        return results

    def _check_loss(self, batch: ExplainedBatch, texts: Sequence[Text]) -> None:
        """
        # Raises

        `LossNotByRows`
            If the loss of texts is not made of their log-probabilities, though explained by these.
        """
        objective = batch.objective
        if not isinstance(objective, LossByRows) or objective.needs_label:
            return
        labels = [objective.target_of(instance, None).index for instance in batch.instances]
        checked = self._checked_losses
        # By what else there is in a text its loss may be weighted.
        has_others = any(text.has_others_than(objective.label_names) for text in texts)
        if has_others or any(checked.get(label, 0) < _CHECKED_LOSSES for label in labels):
            batch.check_loss(objective)
            checked.update((label, checked.get(label, 0) + 1) for label in labels)

    def _origins(self, text: Text) -> Origins:
        """Of a batch with this text in it."""
        settings, background = self._settings, self._background_for(text)
        return Origins(
            settings.baseline, background, settings.hold_special_tokens, self._model.vocab
        )

    def _background_for(self, text: Text) -> Optional[Background]:
        given = self._settings.background
        if given is not None and self._background is None:
            instances = [self._background_instance(_like(text.json, inputs)) for inputs in given]
            self._background = Background(self._model, self._sites, instances)
        return self._background

    def _background_instance(self, inputs: JsonDict) -> Instance:
        try:
            text = Text.read(self._predictor, inputs)[0]
            text.check_tokens()
            return text.instance
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise InterpretationError(
                f"background text {inputs!r} is no input of the predictor ({reason})"
            ) from error


def _merged(outcomes: Sequence[Outcome]) -> Outcome:
    """Of several texts that were made of one input: the results of all, or the first error."""
    if len(outcomes) == 1:
        return outcomes[0]
    failed = next((outcome for outcome in outcomes if outcome.error is not None), None)
    if failed is not None:
        return failed
    outputs = next((outcome.outputs for outcome in outcomes), {})
    return Outcome(outputs, [one for outcome in outcomes for one in outcome.interpretations or []])


def _failed(error: Exception, outputs: Optional[JsonDict] = None) -> Outcome:
    """Without what the frames that the error went through still hold, tensors and all."""
    cause: Optional[BaseException] = error
    while cause is not None:
        traceback.clear_frames(cause.__traceback__)
        cause = cause.__cause__ or cause.__context__
    return Outcome(outputs, error=error)


def _like(example: JsonDict, inputs: Union[JsonDict, str]) -> JsonDict:
    """A background text that is given as a string, as the kind of JSON that is interpreted."""
    if isinstance(inputs, dict):
        return inputs
    strings = [name for name, value in example.items() if isinstance(value, str)]
    names = [name for name in strings if name not in ("label", "id")] or ["sentence"]
    if len(names) != 1:
        raise InterpretationError(
            f"background texts must be JSON objects here, since it cannot be told which of the "
            f"input's strings they stand for: {names}"
        )
    return {**example, names[0]: inputs}
