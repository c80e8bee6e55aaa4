"""From signed scores to the shares that AllenNLP's saliency interpreters return."""

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
