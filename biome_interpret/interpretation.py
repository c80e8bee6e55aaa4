"""The result: the score of each token, the explained target, and the error of the scores."""

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Sequence

from biome_interpret.attribution.normalization import absolute_shares
from biome_interpret.models.objectives import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

# How an `Interpretation` becomes "html" or a "figure". `visualization` adds its functions here,
# since it imports this module.
RENDERERS: Dict[str, Callable[..., Any]] = {}


@dataclass(frozen=True)
class FieldScores:
    """
    The scores of one text field.

    # Parameters

    tokens : `List[str]`
        The tokens, words or sentences, at the chosen granularity.
    scores : `List[float]`
        One signed score for each token, in units of the explained output. A positive score speaks
        for the target.
    key : `str`
        The field's name in AllenNLP's numbering, as in `grad_input_2`.
    """

    tokens: List[str]
    scores: List[float]
    key: str

    def shares(self) -> List[float]:
        """Absolute scores divided by their sum. They add up to 1, or are all 0."""
        return absolute_shares(self.scores)


@dataclass(frozen=True)
class Interpretation:
    """
    The scores of one text for one target.

    # Parameters

    fields : `Dict[str, FieldScores]`
        The scores by the field's own name, in the order in which the model reads the fields. A text
        inside a `ListField` is named like `sentences[0]`.
    target : `Target`
        The target that the scores speak for or against.
    output : `float`
        f(x), the explained output for the text.
    baseline_output : `float`, optional
        f(x'), the explained output for the baseline. It is the mean if there are several baselines.
    convergence_delta : `float`, optional
        f(x) − f(x') − Σ scores, over all positions, before any score is dropped or aggregated. For
        random samples it contains the sampling error. `None` if the scores need not add up to the
        difference (`input_x_gradient: false`, or a `reduction` other than `sum`).
    estimated_error : `float`, optional
        Σ |error| / Σ |score| over all positions, as estimated when refinement stopped. `None` if
        the number of points was fixed, or if there is no estimate: a note says why.
    n_evaluations : `int`
        The number of path points at which the gradient was taken.
    standard_error : `Dict[str, List[float]]`, optional
        The standard error of each score, by field. `None` if the scores are not means over random
        samples, or if there are too few samples.
    unassigned : `float`
        The part of Σ scores at positions without a token, such as pieces that an indexer added.
    notes : `List[str]`
        Sentences on what was approximated, replaced or cut short.
    probabilities : `Dict[str, float]`, optional
        The model's probability for each label, most probable first, if the model gives one label to
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
        """Plain dicts, lists, strings and numbers."""
        return asdict(self)

    @classmethod
    def from_json(cls, json_dict: Dict[str, Any]) -> "Interpretation":
        """The inverse of `to_json`."""
        fields = {name: FieldScores(**scores) for name, scores in json_dict["fields"].items()}
        return cls(**{**json_dict, "fields": fields, "target": Target(**json_dict["target"])})

    def to_pandas(self) -> "DataFrame":
        """
        A row for each token. The columns are `field`, `position` (in its field, from 0), `token`,
        `score`, `share` (in its field) and `standard_error` (NaN if it is unknown).

        # Raises

        `ImportError`
            If pandas is not installed.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            message = "to_pandas() needs pandas: pip install 'biome-interpret[pandas]'"
            raise ImportError(message) from error
        rows: List[Any] = []
        for name, one in self.fields.items():
            errors = (self.standard_error or {}).get(name) or [math.nan] * len(one.tokens)
            columns = zip(one.tokens, one.scores, one.shares(), errors)
            rows += [(name, position, *row) for position, row in enumerate(columns)]
        names = ["field", "position", "token", "score", "share", "standard_error"]
        return DataFrame(rows, columns=names).astype({"standard_error": float})

    def plot(self, ax: Optional["Axes"] = None) -> "Figure":
        """
        Draws a bar for each token's signed score, into `ax` or a new figure.

        # Raises

        `ImportError`
            If matplotlib is not installed.
        """
        figure: Figure = RENDERERS["figure"](self, ax)
        return figure

    def _repr_html_(self) -> str:
        html: str = RENDERERS["html"](self)
        return html

    def saliency(self) -> Dict[str, List[float]]:
        """The shares of each field by its key, in the form and order of AllenNLP."""
        fields = sorted(self.fields.values(), key=lambda scores: int(scores.key.split("_")[-1]))
        return {scores.key: scores.shares() for scores in fields}


def saliency_of(interpretations: Sequence[Interpretation]) -> Dict[str, Dict[str, List[float]]]:
    """The results in the form that `saliency_interpret_from_json` returns."""
    return {f"instance_{i}": one.saliency() for i, one in enumerate(interpretations, start=1)}
