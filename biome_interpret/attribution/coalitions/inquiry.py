"""Questions about a text with some of its units removed, and their answers."""

from dataclasses import dataclass, field
from typing import (
    Any,
    Callable,
    Dict,
    FrozenSet,
    Generator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    TypeVar,
)

import numpy
from numpy.typing import NDArray

Result = TypeVar("Result")
Array = NDArray[numpy.float64]

# The indices of the units that are removed. The others stay.
Removed = FrozenSet[int]


class Answer(NamedTuple):
    """
    What the model says of a text with some units removed.

    # Parameters

    value : `float`
        f, the explained output, in the chosen inference mode.
    probability : `float`, optional
        The model's probability for the target. `None` if the model gives none.
    """

    value: float
    probability: Optional[float]


class Units(NamedTuple):
    """
    The units of a labelled instance: words, tokens or sentences. They are numbered from 0, through
    all its fields, in the order of the fields of an `Interpretation`.

    # Parameters

    fields : `Dict[str, List[str]]`
        The text of each unit, by field.
    """

    fields: Dict[str, List[str]]

    @property
    def num(self) -> int:
        return sum(map(len, self.fields.values()))


# A generator that yields the subsets at which it wants f, gets an answer for each, may ask again,
# and returns its result. Many of them run side by side and share passes.
Inquiry = Generator[Sequence[Removed], List[Answer], Result]


@dataclass
class Interactions:
    """
    What pairs of units do together, beyond the sum of what each does.

    # Parameters

    values : `numpy.ndarray`
        Symmetric, 0 on the diagonal. Shape: (units, units).
    standard_errors : `numpy.ndarray`, optional
        If they are sampled. Shape: (units, units).
    """

    values: Array
    standard_errors: Optional[Array] = None


@dataclass
class UnitScores:
    """
    The result of an inquiry that explains a text.

    # Parameters

    scores : `numpy.ndarray`
        Shape: (units,).
    n_evaluations : `int`
        The number of subsets at which f was taken, without the text itself.
    standard_errors : `numpy.ndarray`, optional
        If the scores are sampled. Shape: (units,).
    estimated_error : `float`, optional
        Σ standard error / Σ |score|, if the samples were chosen by it.
    baseline_output : `float`, optional
        f with all units removed, if it was asked.
    adds_up : `bool`, optional (default = `False`)
        Whether the scores add up to f(x) − baseline_output.
    interactions : `Interactions`, optional
    notes : `List[str]`
    """

    scores: Array
    n_evaluations: int
    standard_errors: Optional[Array] = None
    estimated_error: Optional[float] = None
    baseline_output: Optional[float] = None
    adds_up: bool = False
    interactions: Optional[Interactions] = None
    notes: List[str] = field(default_factory=list)


class CoalitionPlan(NamedTuple):
    """
    A method that asks for f at subsets of units.

    # Parameters

    ask : `Callable[[Units], Inquiry]`, optional
        Makes the inquiry for one labelled instance. `None` if each has a question of its own.
    deletes : `bool`
        Whether removed units are left out of the TextField. If not, the baseline replaces their
        embeddings.
    """

    ask: Optional[Callable[[Units], "Inquiry[Any]"]]
    deletes: bool
