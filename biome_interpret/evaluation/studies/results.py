"""A text of a study, and what the study found of it."""

from typing import Dict, List, NamedTuple, Optional, Union

from biome_interpret.evaluation.inquiries import Figure
from biome_interpret.evaluation.methods import Scores, Text
from biome_interpret.evaluation.studies.robustness import Stability
from biome_interpret.interpreters.engine.windows import Input
from biome_interpret.models.labelling import TargetSpec
from biome_interpret.models.objectives import Target

ORACLES = BEST, WORST = "oracle-best", "oracle-worst"

Figures = Dict[str, Figure]


class Case(NamedTuple):
    """
    A text to evaluate.

    # Parameters

    line : `int`
        Its number, from 1.
    inputs : `Union[JsonDict, Instance]`
    target : `Union[str, int]`, optional
        The label to explain. `None` is the predicted one.
    """

    line: int
    inputs: Input
    target: TargetSpec = None


class RemovalFigures(NamedTuple):
    """
    What one removal says of a row's scores.

    # Parameters

    figures : `Dict[str, Figure]`
        By the names of the metrics.
    scores : `List[float]`, optional
        Of an oracle, whose order depends on the removal.
    """

    figures: Figures
    scores: Optional[List[float]] = None


class Result(NamedTuple):
    """
    What a study found of one text and one row.

    # Parameters

    line : `int`
    row : `str`
    text : `Text`, optional
        `None` if the text could not be read or predicted.
    scores : `Scores`, optional
        Not of an oracle.
    seconds : `float`
        The row's mean for each text of its window.
    removals : `Dict[str, Union[RemovalFigures, str]]`
        By the removal's name: its figures, or why there are none.
    error : `str`, optional
        Why there are no scores.
    skipped : `str`, optional
        Why an oracle does not rank this text, or why there is nothing to explain.
    target : `Target`, optional
        What is explained, if one of the rows says so.
    stability : `Stability`, optional
        If the model was explained with other weights too.
    """

    line: int
    row: str
    text: Optional[Text] = None
    scores: Optional[Scores] = None
    seconds: float = 0.0
    removals: Dict[str, Union[RemovalFigures, str]] = {}
    error: Optional[str] = None
    skipped: Optional[str] = None
    target: Optional[Target] = None
    stability: Optional[Stability] = None
