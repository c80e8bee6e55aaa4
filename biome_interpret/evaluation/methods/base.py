"""What a row of a study is."""

import logging
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Union

from biome_interpret.attribution.coalitions import Answer, Units
from biome_interpret.interpreters.engine.windows import Input
from biome_interpret.models.labelling import TargetSpec
from biome_interpret.models.objectives import Target

logger = logging.getLogger(__name__)


class Text(NamedTuple):
    """
    A text of a study.

    # Parameters

    line : `int`
        Its number, from 1. What is drawn for it depends on this.
    inputs : `Union[JsonDict, Instance]`
    target : `Union[str, int]`, optional
        The label to explain. `None` is the predicted one.
    units : `Units`
        Its words. Special tokens are not among them.
    answer : `Answer`
        What the model says of the whole text.
    """

    line: int
    inputs: Input
    target: TargetSpec
    units: Units
    answer: Answer


class Scores(NamedTuple):
    """
    The scores of one text.

    # Parameters

    draws : `List[List[float]]`
        One score for each word, through all fields. There are several lists only if a row is random
        by its nature: figures are then the mean over them.
    evaluations : `int`
        The number of points at which the method ran the model.
    delta : `float`, optional
        f(x) − f(x') − Σ scores, if the method promises completeness.
    target : `Target`, optional
        What was explained, if the method says so.
    """

    draws: List[List[float]]
    evaluations: int = 0
    delta: Optional[float] = None
    target: Optional[Target] = None


Outcome = Union[Scores, Exception]


class Row:
    """
    A method that scores words.

    # Parameters

    name : `str`
        As in the table.
    note : `str`, optional
        What a reader of the table must know.
    is_signed : `bool`, optional (default = `True`)
        Whether a score below 0 speaks against the target. Figures of signs need that.
    takes_target : `bool`, optional (default = `True`)
        Whether it explains other labels than the predicted one.
    instead : `Row`, optional
        Takes the place of this row if it fails on all of the first texts.
    """

    def __init__(
        self,
        name: str,
        note: str = "",
        is_signed: bool = True,
        takes_target: bool = True,
        instead: Optional["Row"] = None,
    ) -> None:
        self.name = name
        self.note = note
        self.is_signed = is_signed
        self.takes_target = takes_target
        self.instead = instead

    @property
    def learnt(self) -> Any:
        """As that of `PlannedInterpreter`, if it learns from texts."""
        return None

    def scores(self, texts: Sequence[Text]) -> List[Outcome]:
        """The scores of each text, or its error."""
        raise NotImplementedError


def one_by_one(texts: Sequence[Text], scores_of: Callable[[Text], Scores]) -> List[Outcome]:
    """For methods that take one text at a time."""
    found: List[Outcome] = []
    for text in texts:
        try:
            found.append(scores_of(text))
        except Exception as error:
            logger.debug("a row failed on the text of line %d", text.line, exc_info=True)
            found.append(error)
    return found
