"""What a model says of texts with some of their units removed."""

from typing import Any, List, NamedTuple, Optional, Sequence, Union

from allennlp.predictors import Predictor

from biome_interpret.attribution.coalitions import CoalitionPlan
from biome_interpret.errors import NothingLabelled
from biome_interpret.interpreters import options
from biome_interpret.interpreters.coalition_interpreter import DELETE
from biome_interpret.interpreters.engine.labelled_items import Ask
from biome_interpret.interpreters.engine.outcomes import Outcome
from biome_interpret.interpreters.engine.pipeline import Pipeline
from biome_interpret.interpreters.engine.rows.settings import Settings
from biome_interpret.interpreters.engine.windows import Input
from biome_interpret.interpreters.inputs import checked_predictor
from biome_interpret.models.alignment.segments import GRANULARITIES
from biome_interpret.models.baselines import Baseline
from biome_interpret.models.embedding.finders import find_sites
from biome_interpret.models.labelling import TargetSpec
from biome_interpret.models.objectives.inference_modes import InferenceMode


class Question(NamedTuple):
    """
    # Parameters

    inputs : `Union[JsonDict, Instance]`
        As for `interpret_each`.
    ask : `Callable[[Units], Inquiry]`
        Makes the inquiry. It is called again if the text has to be run anew.
    target : `Union[str, int]`, optional
        The label. Default: the predicted one.
    """

    inputs: Input
    ask: Ask
    target: TargetSpec = None


class Perturber:
    """
    Runs inquiries (see `attribution.coalitions`) on a model. All texts share passes.

    # Parameters

    predictor : `Predictor`
    removal : `Union[str, float, Baseline]`, optional (default = `"delete"`)
        How units are removed: `"delete"` leaves their tokens out of the TextField. A `Baseline`
        (`"mask"`, `"unknown"`, `"padding"`, a number, ...) replaces their embeddings. Special
        tokens always stay.
    granularity : `str`, optional (default = `"word"`)
        The units: `"token"`, `"word"` or `"sentence"`.
    inference_mode : `InferenceMode`, optional (default = `"logits"`)
        Of the answers' `value`.
    output : `str`, optional
        As in `PathInterpreter`.
    batch_size : `int`, optional
        As in `PathInterpreter`.
    """

    def __init__(
        self,
        predictor: Predictor,
        removal: Union[str, float, Baseline] = DELETE,
        granularity: str = "word",
        inference_mode: Optional[InferenceMode] = None,
        output: Optional[str] = None,
        batch_size: Optional[int] = None,
    ) -> None:
        if isinstance(removal, str):
            options.one_of("removal", removal, [DELETE, *Baseline.list_available()])
        is_deleted = isinstance(removal, str) and removal == DELETE
        if batch_size is not None:
            batch_size = options.whole_number("batch_size", batch_size)
        settings = Settings(
            method="removal",
            baseline=Baseline.of(None if is_deleted else removal),
            background=None,
            hold_special_tokens=True,
            mode=InferenceMode.of(inference_mode),
            output=options.name("output", output),
            granularity=options.one_of("granularity", granularity, GRANULARITIES),
            batch_size=batch_size,
        )

        def plan(num_background: int) -> CoalitionPlan:
            return CoalitionPlan(None, is_deleted)

        sites = find_sites(checked_predictor(predictor))
        self._pipeline = Pipeline(predictor, sites, settings, plan, needs_gradients=False)

    @property
    def learnt(self) -> Any:
        """As that of `PlannedInterpreter`."""
        return self._pipeline.learnt

    def results(self, questions: Sequence[Question]) -> List[Any]:
        """
        # Returns

        `List[Union[Result, Exception]]`
            What each inquiry returned, in order; or the error of its text. If the predictor makes
            several labelled instances, such as the spans of a tagger, the first is asked.
        """
        outcomes = self._pipeline.outcomes(
            [question.inputs for question in questions],
            [[question.target] for question in questions],
            complete=True,
            asks=[question.ask for question in questions],
        )
        return [_answer(outcome) for outcome in outcomes]


def _answer(outcome: Outcome) -> Any:
    if outcome.error is not None:
        return outcome.error
    answers = outcome.interpretations or [NothingLabelled("the model labels nothing in this text")]
    return answers[0]
