"""The result: what each token contributed, to what, and how far the numbers can be trusted."""

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence, TypeVar

from biome_interpret.attribution.normalization import absolute_shares
from biome_interpret.models.objectives import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

Drawing = TypeVar("Drawing", bound=Callable[..., Any])

# How a result is drawn is the business of the floor above, which puts it in here: importing the
# package imports that floor too.
_DRAWINGS: Dict[str, Callable[..., Any]] = {}


def drawn_as(form: str) -> Callable[[Drawing], Drawing]:
    """Decorates the function that draws an `Interpretation` as `"html"` or as a `"figure"`."""

    def remember(draw: Drawing) -> Drawing:
        _DRAWINGS[form] = draw
        return draw

    return remember


@dataclass(frozen=True)
class FieldScores:
    """
    One text field.

    # Parameters

    tokens : `List[str]`
        The tokens, words or sentences, at the chosen granularity.
    scores : `List[float]`
        One for each: signed, in units of the explained output. A positive one speaks for the
        target.
    key : `str`
        The field's name in AllenNLP's numbering, as in `grad_input_2`.
    """

    tokens: List[str]
    scores: List[float]
    key: str

    def shares(self) -> List[float]:
        """Absolute scores divided by their sum: in [0, 1], and adding up to 1 (or all 0)."""
        return absolute_shares(self.scores)


@dataclass(frozen=True)
class Interpretation:
    """
    # Parameters

    fields : `Dict[str, FieldScores]`
        By the field's own name, in the order in which the model reads them; a text inside a
        `ListField` as `sentences[0]`.
    target : `Target`
        What the scores speak for or against.
    output : `float`
        f(x), the explained output for the text.
    baseline_output : `float`, optional
        f(x'), the same for the baseline; the mean over all baselines where there are several.
    convergence_delta : `float`, optional
        f(x) − f(x') − Σ scores, over all positions and before anything was dropped or put
        together. For random samples it holds their sampling error too. `None` where the scores do
        not add up by definition (`input_x_gradient: false`, another `reduction` than `sum`).
    estimated_error : `float`, optional
        Σ |error| / Σ |score| over all positions, as estimated where refining stopped; `None` where
        the nodes were not chosen by it.
    n_evaluations : `int`
        Points of the paths at which the gradient was taken.
    standard_error : `Dict[str, List[Optional[float]]]`, optional
        Of each score, by field, where the scores are means over random samples; `None` where they
        are not, or where there are too few samples to tell.
    unassigned : `float`
        The part of Σ scores that belongs to no token, such as pieces that an indexer added.
    notes : `List[str]`
        Plain statements of what fell back or was cut short.
    probabilities : `Dict[str, float]`, optional
        The model's probability for each label, most probable first, where it gives one label to
        the text.
    method : `str`, optional
        The registered name of the interpreter.
    """

    fields: Dict[str, FieldScores]
    target: Target
    output: float
    baseline_output: Optional[float] = None
    convergence_delta: Optional[float] = None
    estimated_error: Optional[float] = None
    n_evaluations: int = 0
    standard_error: Optional[Dict[str, List[float]]] = None
    unassigned: float = 0.0
    notes: List[str] = field(default_factory=list)
    probabilities: Optional[Dict[str, float]] = None
    method: Optional[str] = None

    def to_json(self) -> Dict[str, Any]:
        """As plain dicts, lists, strings and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, json_dict: Dict[str, Any]) -> "Interpretation":
        """The inverse of `to_json`."""
        fields = {name: FieldScores(**scores) for name, scores in json_dict["fields"].items()}
        return cls(**{**json_dict, "fields": fields, "target": Target(**json_dict["target"])})

    def to_pandas(self) -> "DataFrame":
        """
        A row for each token, with the columns `field`, `position` (in its field, from 0), `token`,
        `score`, `share` (of its field) and `standard_error` (NaN where there is none).

        # Raises

        `ImportError`
            If pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise ImportError(
                "to_pandas() needs pandas: pip install 'biome-interpret[pandas]'"
            ) from error
        columns: Dict[str, List[Any]] = {
            name: [] for name in ("field", "position", "token", "score", "share", "standard_error")
        }
        for name, one in self.fields.items():
            errors = (self.standard_error or {}).get(name)
            columns["field"] += [name] * len(one.tokens)
            columns["position"] += range(len(one.tokens))
            columns["token"] += one.tokens
            columns["score"] += one.scores
            columns["share"] += one.shares()
            columns["standard_error"] += errors or [math.nan] * len(one.tokens)
        return DataFrame(columns).astype({"standard_error": float})

    def plot(self, ax: Optional["Axes"] = None) -> "Figure":
        """
        A bar for each token's signed score.

        # Parameters

        ax : `matplotlib.axes.Axes`, optional
            Where to draw; a figure of its own if not given.

        # Raises

        `ImportError`
            If matplotlib is not installed.
        """
        return _DRAWINGS["figure"](self, ax)

    def _repr_html_(self) -> str:
        return _DRAWINGS["html"](self)

    def saliency(self) -> Dict[str, List[float]]:
        """The shares of each field by its key, `grad_input_1` first: AllenNLP's own form."""
        fields = sorted(self.fields.values(), key=lambda scores: int(scores.key.split("_")[-1]))
        return {scores.key: scores.shares() for scores in fields}


def saliency_of(interpretations: Sequence[Interpretation]) -> Dict[str, Dict[str, List[float]]]:
    """What `saliency_interpret_from_json` returns for these results."""
    return {f"instance_{i}": one.saliency() for i, one in enumerate(interpretations, start=1)}
