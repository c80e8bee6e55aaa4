"""How far scores agree with the words that people marked."""

from typing import List, NamedTuple, Optional, Sequence

from scipy.stats import hypergeom
from sklearn.metrics import average_precision_score

from biome_interpret.evaluation.inquiries import Scores


class Agreement(NamedTuple):
    """
    All numbers are from 0 to 1, and larger ones are better. They are `None` if there is nothing to
    agree on: such texts are counted by their note.

    # Parameters

    average_precision : `float`, optional
        The area under precision over recall.
    f1 : `float`, optional
        Of as many words as people marked.
    iou : `float`, optional
        Intersection over union, of as many words as people marked.
    note : `str`, optional
        Why there are no values.
    """

    average_precision: Optional[float]
    f1: Optional[float]
    iou: Optional[float]
    note: str = ""


def agreement(scores: Scores, marks: Sequence[int]) -> Agreement:
    """
    Compares signed scores with a rationale. Words that speak against the target rank last.

    DeYoung et al., ERASER, ACL 2020, §4.1. For F1 and IOU the words of the largest scores are
    taken, as many as there are marks. So precision, recall and F1 are the same number. ERASER takes
    the mean number of marks of the dataset, and counts spans whose IOU is at least a half. ferret
    takes 5 words. Here IOU is that of the words. Where words are tied, F1 and IOU are means over
    all their orders. The average precision takes tied words together, as scikit-learn does.

    A text without marked words, or with marks on all words, is not scored.

    # Parameters

    scores : `Sequence[float]`
        Shape: (words,).
    marks : `Sequence[int]`
        1 for each word of the rationale, 0 for the others. Shape: (words,).

    # Raises

    `ValueError`
        If there is not one mark for each word, or if a mark is neither 0 nor 1.
    """
    if len(marks) != len(scores):
        raise ValueError(f"There are {len(marks)} marks for {len(scores)} words: give one for each")
    if not {*marks} <= {0, 1}:
        raise ValueError(f"A mark must be 0 or 1: {list(marks)}")
    size = sum(marks)
    if size == 0:
        return Agreement(None, None, None, "no word is marked")
    if size == len(marks):
        return Agreement(None, None, None, "all words are marked")
    # The chance of each number of marked words among those taken. Shape: (size + 1,)
    chances = _hits(scores, marks, size)
    return Agreement(
        average_precision=float(average_precision_score(marks, scores)),
        f1=sum(chance * hits / size for hits, chance in enumerate(chances)),
        iou=sum(chance * hits / (2 * size - hits) for hits, chance in enumerate(chances)),
    )


def _hits(scores: Scores, marks: Sequence[int], size: int) -> List[float]:
    """
    The words above the last score that is taken are all taken. Of the words at it a random choice
    is, so the number of marked ones among them has a hypergeometric distribution.
    """
    last = sorted(scores, reverse=True)[size - 1]
    above = [mark for score, mark in zip(scores, marks) if score > last]
    tied = [mark for score, mark in zip(scores, marks) if score == last]
    chosen = hypergeom(len(tied), sum(tied), size - len(above))
    return [float(chosen.pmf(hits - sum(above))) for hits in range(size + 1)]
