"""One measured number, beside what it is to reach."""

from dataclasses import asdict, dataclass, field
from typing import Any, Dict, List, Optional, Union

from benchmarks.estimates import Estimate


@dataclass(frozen=True)
class Bar:
    """At least or at most so much."""

    limit: float
    at_least: bool

    def reached(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


def at_least(limit: float) -> Bar:
    return Bar(limit, True)


def at_most(limit: float) -> Bar:
    return Bar(limit, False)


@dataclass(frozen=True)
class Figure:
    """
    # Parameters

    name : `str`
        What was measured, in words.
    value : `Optional[float]`
        `None` where it could not be: the note says why.
    unit : `str`
        "x" for a ratio, "%", "ms", "s", "MB", "texts/s", or "" for a count.
    interval : `List[float]`, optional
        With a confidence of 95 %.
    texts : `int`
        How many it was measured on.
    bar : `Bar`, optional
    note : `str`
    """

    name: str
    value: Optional[float]
    unit: str = ""
    interval: Optional[List[float]] = None
    texts: int = 0
    bar: Optional[Bar] = None
    note: str = ""

    def to_json(self) -> Dict[str, Any]:
        reached = None
        if self.bar is not None and self.value is not None:
            reached = self.bar.reached(self.value)
        return {**asdict(self), "reached": reached}

    @classmethod
    def from_json(cls, json_dict: Dict[str, Any]) -> "Figure":
        values = {key: value for key, value in json_dict.items() if key != "reached"}
        bar = values.pop("bar")
        return cls(**values, bar=None if bar is None else Bar(**bar))


def figure(
    name: str,
    value: Union[Estimate, float, None],
    unit: str = "",
    texts: int = 0,
    bar: Optional[Bar] = None,
    note: str = "",
) -> Figure:
    if isinstance(value, Estimate):
        scaled = Estimate(*(100 * v for v in value)) if unit == "%" else value
        return Figure(name, scaled.value, unit, [scaled.low, scaled.high], texts, bar, note)
    if value is not None and unit == "%":
        value = 100 * value
    return Figure(name, value, unit, None, texts, bar, note)


@dataclass
class Outcome:
    """
    What one part found on one model.

    # Parameters

    figures : `List[Figure]`
    curves : `List[Dict[str, Any]]`
        For the plot: a name, and lists under "evaluations", "seconds" and "errors".
    """

    figures: List[Figure] = field(default_factory=list)
    curves: List[Dict[str, Any]] = field(default_factory=list)
