"""The result: the score of each token, the explained target, and the error of the scores."""

import math
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from functools import lru_cache
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    List,
    Optional,
    Sequence,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from biome_interpret.attribution.normalization import absolute_shares
from biome_interpret.models.objectives import Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

# How an `Interpretation` becomes "html" or a "figure". `visualization` adds its functions here,
# since it imports this module.
RENDERERS: Dict[str, Callable[..., Any]] = {}


@dataclass(frozen=True, repr=False)
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

    def __repr__(self) -> str:
        return f"<FieldScores of {len(self.tokens)} tokens: {_strongest(self.tokens, self.scores)}>"


@dataclass(frozen=True, repr=False)
class PairScores:
    """
    What pairs of units do together, beyond the sum of what each does. The units are numbered
    through all fields.

    # Parameters

    values : `List[List[float]]`
        Symmetric, 0 on the diagonal, in units of the explained output. A positive number: together
        the two speak more for the target. Shape: (units, units).
    standard_errors : `List[List[float]]`, optional
        If the values are sampled. Shape: (units, units).
    """

    values: List[List[float]]
    standard_errors: Optional[List[List[float]]] = None


@dataclass(frozen=True, repr=False)
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
        The number of points at which the gradient was taken, or of changed texts at which f was.
    standard_error : `Dict[str, List[float]]`, optional
        The standard error of each score, by field. `None` if the scores are not means over random
        samples, or if there are too few samples.
    unassigned : `float`
        The part of Σ scores at positions without a token, such as pieces that an indexer added.
    notes : `List[str]`
        Sentences on what was approximated, replaced or cut short.
    probabilities : `Dict[str, float]`, optional
        The model's probability for each label of a text as a whole, most probable first. They add
        up to one if a text has one label, and need not if it may have several.
    method : `str`, optional
        The registered name of the interpreter.
    output_name : `str`, optional
        The name of the model's output that `output` was read from, such as `logits` or `loss`;
        `None` if it is not an output of the model itself.
    interactions : `PairScores`, optional
        What pairs of tokens do together, if that was asked for.
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
    output_name: Optional[str] = None
    interactions: Optional[PairScores] = None

    @property
    def tokens(self) -> List[str]:
        """
        The tokens of the only field.

        # Raises

        `AttributeError`
            If there are several fields: each has tokens and scores of its own, in `fields`.
        """
        return self._only_field("tokens").tokens

    @property
    def scores(self) -> List[float]:
        """The scores of the only field, as `tokens`."""
        return self._only_field("scores").scores

    def _only_field(self, attribute: str) -> FieldScores:
        if len(self.fields) != 1:
            names = ", ".join(map(repr, self.fields)) or "none"
            raise AttributeError(
                f"the text has several fields ({names}): take fields[name].{attribute}"
            )
        [field] = self.fields.values()
        return field

    def show(self) -> None:
        """Prints the shaded words and the numbers to the terminal."""
        RENDERERS["terminal"](self)

    def __repr__(self) -> str:
        """One line with the target and the strongest words."""
        target = "the loss" if self.target.label is None else _beginning(self.target.label)
        words = "" if self.target.words is None else f" of {_beginning(self.target.words)}"
        probability = self.target.probability
        share = "" if probability is None else f" {percent(probability)}"
        tokens = [token for one in self.fields.values() for token in one.tokens]
        scores = [score for one in self.fields.values() for score in one.scores]
        return f"<Interpretation for {target}{words}{share}: {_strongest(tokens, scores)}>"

    def to_json(self) -> Dict[str, Any]:
        """Plain dicts, lists, strings and numbers. Interactions are left out if there are none."""
        found = asdict(self)
        if self.interactions is None:
            del found["interactions"]
        return found

    @classmethod
    def from_json(cls, json_dict: Dict[str, Any]) -> "Interpretation":
        """
        The inverse of `to_json`.

        # Raises

        `ValueError`
            If it is something else. The message names the part that is wrong.
        """
        found: Interpretation = _read(cls, json_dict, "the result")
        for name, one in found.fields.items():
            errors = (found.standard_error or {}).get(name, one.scores)
            for numbers, what in ((one.scores, "scores"), (errors, "standard errors")):
                if len(numbers) != len(one.tokens):
                    raise ValueError(
                        f"field {_beginning(name)} has {len(one.tokens)} tokens, but "
                        f"{len(numbers)} {what}"
                    )
        if found.interactions is not None:
            _check_pairs(found.interactions, sum(len(one.tokens) for one in found.fields.values()))
        return found

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

    def plot_interactions(self, ax: Optional["Axes"] = None) -> "Figure":
        """As `plot`: a heat map of all pairs. A `ValueError` if there are no interactions."""
        figure: Figure = RENDERERS["interactions"](self, ax)
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


def percent(share: float) -> str:
    """
    For example "96.2 %". A share that is not all or nothing is not rounded to 100.0 or 0.0 %. The
    report's format.js does the same.
    """
    if 0 < share < 0.001:
        return "< 0.1 %"
    return "> 99.9 %" if 0.999 < share < 1 else f"{share:.1%}".replace("%", " %")


def _check_pairs(pairs: PairScores, num_tokens: int) -> None:
    for matrix, what in ((pairs.values, "values"), (pairs.standard_errors, "standard errors")):
        if matrix is not None and [len(row) for row in matrix] != [num_tokens] * num_tokens:
            raise ValueError(
                f"the {what} of the interactions must be {num_tokens} rows of {num_tokens} numbers"
            )


# What a JSON value must be for a type.
_JSON_TYPES: Dict[Any, Any] = {
    str: ("a string", str),
    int: ("an integer", int),
    float: ("a number", (int, float)),
    dict: ("an object", dict),
    list: ("a list", list),
}


def _read(kind: Any, value: Any, name: str) -> Any:
    """The JSON value as this type, or a `ValueError` that calls the value by the name."""
    if type(value) is kind:  # Most strings and numbers.
        return value
    inner = get_args(kind)
    if get_origin(kind) is Union:  # `Optional`
        return None if value is None else _read(inner[0], value, name)
    json_type = dict if is_dataclass(kind) else get_origin(kind) or kind
    description, classes = _JSON_TYPES[json_type]
    if not isinstance(value, classes) or isinstance(value, bool):
        raise ValueError(f"{name} is {_beginning(value)} and must be {description}")
    if is_dataclass(kind):
        return _read_dataclass(kind, value, name)
    if json_type is dict:
        return {
            key: _read(inner[1], one, f"{name}[{_beginning(key)}]") for key, one in value.items()
        }
    if json_type is list:
        return [_read(inner[0], one, f"{name}[{i}]") for i, one in enumerate(value)]
    try:
        return kind(value)
    except OverflowError as error:
        raise ValueError(f"{name} is {_beginning(value)}, which is too large") from error


def _read_dataclass(cls: Any, value: Dict[str, Any], name: str) -> Any:
    kinds = _kinds(cls)
    unknown = [_beginning(key) for key in value if key not in kinds]
    required = [f.name for f in fields(cls) if f.default is f.default_factory is MISSING]
    missing = [repr(key) for key in required if key not in value]
    if unknown or missing:
        wrong = f"the unknown key {unknown[0]}" if unknown else f"no {missing[0]}"
        raise ValueError(f"{name} has {wrong}")
    return cls(**{key: _read(kinds[key], one, f"{key!r}") for key, one in value.items()})


@lru_cache(maxsize=None)
def _kinds(cls: Any) -> Dict[str, Any]:
    kinds = get_type_hints(cls)
    if cls is Interpretation:
        # An unknown standard error is `null`.
        kinds["standard_error"] = Optional[Dict[str, List[Optional[float]]]]
    return kinds


def _strongest(tokens: Sequence[str], scores: Sequence[float]) -> str:
    """For example "wonderful +2.26, thin −1.73, performances +1.01 and 8 more"."""
    order = sorted(range(len(tokens)), key=lambda i: -abs(scores[i]))[:3]
    named = [f"{_beginning(tokens[i])[1:-1]} {scores[i]:+.3g}" for i in order]
    more = f" and {len(tokens) - 3} more" if len(tokens) > 3 else ""
    return (", ".join(named) or "no tokens") + more


def _beginning(value: Any) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # Nested deeply, or an integer with very many digits.
        return "a value that is too long to show"
    return text if len(text) <= 40 else f"{text[:40]} …"
