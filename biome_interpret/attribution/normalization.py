"""Shares of the scores: what AllenNLP's saliency interpreters return, and errors in notes."""

from typing import List, Sequence


def absolute_shares(scores: Sequence[float]) -> List[float]:
    """
    Absolute values divided by their sum: in [0, 1] and adding up to 1, or all 0 if every score is
    0.
    """
    # Dividing by the largest first keeps the sum from under- or overflowing.
    largest = max((abs(score) for score in scores), default=0.0)
    if largest == 0.0:
        return [0.0 for _ in scores]
    scaled = [abs(score) / largest for score in scores]
    total = sum(scaled)
    return [score / total for score in scaled]


def above_tolerance(error: float, tolerance: float) -> str:
    """The end of a note on an estimated error. Both are shares of the scores."""
    return (
        f"the estimated error is still {_percent(error)} of the scores, more than the tolerance "
        f"of {_percent(tolerance)}"
    )


def _percent(share: float) -> str:
    """With one decimal, 5.0%, or with one digit where that would be 0.0%."""
    return f"{share:.1%}" if share >= 0.001 else f"{100 * share:.1g}%"
