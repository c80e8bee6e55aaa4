"""Signed scores to the shares that consumers of AllenNLP's saliency expect."""

from typing import List, Sequence


def absolute_shares(scores: Sequence[float]) -> List[float]:
    """
    Absolute values divided by their sum: in [0, 1] and adding up to 1, or all 0 where every score
    is 0.
    """
    # Scaled by the largest first, so that neither tiny nor huge scores under- or overflow the sum.
    largest = max((abs(score) for score in scores), default=0.0)
    if largest == 0.0:
        return [0.0 for _ in scores]
    scaled = [abs(score) / largest for score in scores]
    total = sum(scaled)
    return [score / total for score in scaled]
