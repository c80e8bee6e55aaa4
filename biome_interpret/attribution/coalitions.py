"""Questions about a text with some of its units removed, and their answers."""

from typing import Dict, FrozenSet, Generator, List, NamedTuple, Optional, Sequence, TypeVar

Result = TypeVar("Result")

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
