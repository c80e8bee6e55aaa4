"""What a model says of texts with some of their units removed."""

from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Union

from allennlp.predictors import Predictor

from biome_interpret.attribution.coalitions import Inquiry, Units
from biome_interpret.interpreters.engine.windows import Input
from biome_interpret.models.baselines import Baseline
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
    instance : `int`, optional (default = `0`)
        Which of the predictor's labelled instances, such as the spans of a tagger.
    """

    inputs: Input
    ask: Callable[[Units], "Inquiry[Any]"]
    target: TargetSpec = None
    instance: int = 0


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
        removal: Union[str, float, Baseline] = "delete",
        granularity: str = "word",
        inference_mode: Optional[InferenceMode] = None,
        output: Optional[str] = None,
        batch_size: Optional[int] = None,
    ) -> None:
        raise NotImplementedError

    def results(self, questions: Sequence[Question]) -> List[Any]:
        """
        # Returns

        `List[Union[Result, Exception]]`
            What each inquiry returned, in order; or the error of its text.
        """
        raise NotImplementedError
