"""The options that a request may set, and the values that each takes."""

from dataclasses import dataclass
from typing import Any, Dict, Optional, Sequence

from biome_interpret.attribution.aggregation import REDUCTIONS, STRATEGIES
from biome_interpret.attribution.quadrature import RULES
from biome_interpret.attribution.sampling import STRATA
from biome_interpret.errors import shown
from biome_interpret.live.answers.refusals import Refused
from biome_interpret.models.alignment.segments import GRANULARITIES

# The name of the baseline that is not given by a name otherwise.
ZERO = "zero"
BASELINES = (ZERO, "padding", "unknown", "mask", "mean")
INFERENCE_MODES = ("logits", "softmax", "log_softmax", "loss")

# The largest number of points for one explanation.
MOST_POINTS = 512
# The largest number of changed texts for one explanation with a tolerance.
MOST_SUBSETS = 4096
_LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True)
class Option:
    """
    type : "choice", "number", "integer" or "flag".
    default : `None` if the option is not set by default.
    needs, without : options that must be set, and must not be set, for this one to mean anything.
        The interpreter refuses it otherwise, and the page does not send it.
    """

    type: str
    help: str
    default: Any = None
    choices: Optional[Sequence[str]] = None
    least: Optional[float] = None
    most: Optional[float] = None
    needs: Sequence[str] = ()
    without: Sequence[str] = ()

    def checked(self, where: str, value: Any) -> Any:
        """The value, or a `Refused` that says what the option takes."""
        if self.takes(value):
            return value
        raise Refused(400, f"{where} is {shown(value)}; it must be {self._kinds()}", where)

    def takes(self, value: Any) -> bool:
        if self.type == "flag" or isinstance(value, bool):
            return self.type == "flag" and isinstance(value, bool)
        if self.choices is not None:
            return isinstance(value, str) and value in self.choices
        assert self.least is not None and self.most is not None
        is_number = isinstance(value, int if self.type == "integer" else (int, float))
        return is_number and self.least <= value <= self.most

    def _kinds(self) -> str:
        if self.type == "flag":
            return "true or false"
        if self.choices is not None:
            return "one of " + ", ".join(map(repr, self.choices))
        kind = "an integer" if self.type == "integer" else "a number"
        return f"{kind} from {self.least} to {self.most}"

    def to_json(self) -> Dict[str, Any]:
        found = {
            "type": self.type,
            "choices": None if self.choices is None else list(self.choices),
            "least": self.least,
            "most": self.most,
            "needs": list(self.needs) or None,
            "without": list(self.without) or None,
        }
        given = {name: value for name, value in found.items() if value is not None}
        return {**given, "default": self.default, "help": self.help}


def _choice(choices: Sequence[str], default: Optional[str], help: str) -> Option:
    return Option("choice", help, default, choices=list(choices))


def _flag(default: bool, help: str) -> Option:
    return Option("flag", help, default)


def _integer(least: int, most: int, default: Optional[int], help: str, **use: Any) -> Option:
    return Option("integer", help, default, least=least, most=most, **use)


def _number(least: float, most: float, default: Optional[float], help: str) -> Option:
    return Option("number", help, default, least=least, most=most)


_TOLERANCE = "Add points until the estimated error is at most this share of the scores."

_COMMON = {
    "baseline": _choice(
        BASELINES, ZERO, "x', what the text is compared with: zero, or the vector of a token."
    ),
    "inference_mode": _choice(INFERENCE_MODES, "logits", "The output that is explained."),
    "granularity": _choice([*GRANULARITIES], "all_tokens", "The units that get scores."),
    "hold_special_tokens": _flag(False, "Attribute nothing to special tokens."),
}

PATH = {
    **_COMMON,
    "granularity_aggregation_strategy": _choice(
        [*STRATEGIES], "mean", "How the scores of tokens make that of a word or sentence."
    ),
    "input_x_gradient": _flag(True, "Multiply the gradients by (x − x')."),
    "reduction": _choice([*REDUCTIONS], "sum", "How the dimensions of a vector make a score."),
}

_INTEGRATED_GRADIENT = {
    "tolerance": _number(0.0001, 0.5, 0.01, _TOLERANCE),
    "max_evaluations": _integer(
        3,
        MOST_POINTS,
        257,
        "The largest number of points, if it is not fixed.",
        without=["n_steps", "quadrature"],
    ),
    "n_steps": _integer(1, MOST_POINTS, None, "A fixed number of points, without a tolerance."),
    "quadrature": _choice([*RULES], None, "The rule for a fixed number of points."),
}

_GRADIENT_SHAP = {
    "n_perturbations": _integer(1, MOST_POINTS, 10, "The number of random baselines."),
    "noise_std": _number(0, 10, 0.1, "The standard deviation of the noise on the baseline."),
    "noise_relative": _flag(False, "Whether it is relative to that of the text's embeddings."),
    "sampling": _choice([*STRATA], "stratified", "How points on the paths are drawn."),
    "seed": _integer(0, _LARGEST_SEED, 0, "The same seed gives the same scores."),
    "tolerance": _number(0.0001, 0.5, None, _TOLERANCE),
    "max_evaluations": _integer(
        2,
        MOST_POINTS,
        None,
        "With a tolerance only: the largest number of points.",
        needs=["tolerance"],
    ),
}

_SMOOTH_GRADIENT = {
    "n_perturbations": _integer(1, MOST_POINTS, 10, "The number of noisy texts."),
    "noise_std": _number(0, 10, 0.1, "The standard deviation of the noise on the text."),
    "noise_relative": _flag(True, "Whether it is relative to that of the text's embeddings."),
    "seed": _GRADIENT_SHAP["seed"],
}

_COALITIONS = {
    **_COMMON,
    "removal": _choice(
        ["baseline", "delete"], "baseline", "Replace units by the baseline, or leave them out."
    ),
}

_SHAPLEY = {
    "n_permutations": _integer(2, MOST_POINTS, 16, "The number of random orders, beyond 12 units."),
    "seed": _GRADIENT_SHAP["seed"],
    "tolerance": _number(
        0.0001,
        0.5,
        None,
        "Add orders until the standard error is at most this share of the scores.",
    ),
    "max_evaluations": _integer(
        2,
        MOST_SUBSETS,
        None,
        "With a tolerance only: the largest number of changed texts.",
        needs=["tolerance"],
    ),
}

# By the registered name of the interpreter.
OPTIONS: Dict[str, Dict[str, Option]] = {
    "biome-integrated-gradient": {**PATH, **_INTEGRATED_GRADIENT},
    "biome-gradient-shap": {**PATH, **_GRADIENT_SHAP},
    "biome-smooth-gradient": {**PATH, **_SMOOTH_GRADIENT},
    "biome-occlusion": _COALITIONS,
    "biome-shapley-sampling": {**_COALITIONS, **_SHAPLEY},
}
TITLES = {
    "biome-integrated-gradient": "Integrated Gradients",
    "biome-gradient-shap": "GradientSHAP",
    "biome-smooth-gradient": "SmoothGrad",
    "biome-occlusion": "Occlusion",
    "biome-shapley-sampling": "Shapley values",
}
