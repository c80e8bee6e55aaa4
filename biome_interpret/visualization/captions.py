"""The words and numbers that the terminal, the notebook and the figure share."""

import math
from itertools import combinations
from typing import List, Mapping, NamedTuple

from biome_interpret.interpretation import Interpretation, percent
from biome_interpret.models.objectives import Target
from biome_interpret.visualization.spans import type_of

# Probabilities that miss one by at most this add up to it.
_ROUNDING = 1e-3


def target_name(target: Target) -> str:
    """For example "positive", or "person: Barack Obama" for words of a text."""
    name = type_of(target)
    if name is None:
        return "the loss"
    return name if target.words is None else f"{name}: {target.words}"


def largest_score(interpretation: Interpretation) -> float:
    """The largest absolute score, or 0 if there are no scores."""
    scores = (score for field in interpretation.fields.values() for score in field.scores)
    return max(map(abs, scores), default=0.0)


def predicted_in(probabilities: Mapping[str, float]) -> List[str]:
    """
    The labels that are predicted by their probabilities, the most probable first. If these do not
    add up to one, a text has any number of labels.
    """
    total = math.fsum(probabilities.values())
    if probabilities and (not math.isfinite(total) or abs(total - 1) <= _ROUNDING):
        return [next(iter(probabilities))]
    return [label for label, probability in probabilities.items() if probability > 0.5]


def numbers(interpretation: Interpretation) -> str:
    """
    For example "output 1.520, baseline 0.408, delta 2.2e-06, estimated error 0.2 %, 9 evaluations".
    """
    parts = [f"output {_number(interpretation.output)}"]
    if interpretation.baseline_output is not None:
        parts.append(f"baseline {_number(interpretation.baseline_output)}")
    if interpretation.convergence_delta is not None:
        parts.append(f"delta {interpretation.convergence_delta:.1e}")
    if interpretation.estimated_error is not None:
        parts.append(f"estimated error {percent(interpretation.estimated_error)}")
    plural = "" if interpretation.n_evaluations == 1 else "s"
    parts.append(f"{interpretation.n_evaluations} evaluation{plural}")
    return ", ".join(parts)


def _number(value: float) -> str:
    """A probability may be too small for three digits."""
    return f"{value:.3f}" if value == 0 or abs(value) >= 0.001 else f"{value:.1e}"


def all_tokens(interpretation: Interpretation) -> List[str]:
    """The tokens of all fields, as interactions number them."""
    return [token for field in interpretation.fields.values() for token in field.tokens]


class Pair(NamedTuple):
    """Two tokens, and their interaction."""

    first: str
    second: str
    value: float


def strongest_pairs(interpretation: Interpretation, most: int = 3) -> List[Pair]:
    """Those with the largest absolute interactions. None is 0."""
    if interpretation.interactions is None:
        return []
    values, tokens = interpretation.interactions.values, all_tokens(interpretation)
    pairs = ((i, j) for i, j in combinations(range(len(tokens)), 2) if values[i][j])
    order = sorted(pairs, key=lambda pair: -abs(values[pair[0]][pair[1]]))[:most]
    return [Pair(tokens[i], tokens[j], values[i][j]) for i, j in order]


def interacting_most(interpretation: Interpretation, most: int) -> List[int]:
    """The places of the tokens with the largest absolute interactions, in the order of the text."""
    assert interpretation.interactions is not None
    rows = interpretation.interactions.values
    order = sorted(range(len(rows)), key=lambda i: -max(map(abs, rows[i])))
    return sorted(order[:most])
