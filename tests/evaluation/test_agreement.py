from itertools import permutations
from typing import List

import numpy
import pytest
from sklearn.metrics import f1_score, jaccard_score

from biome_interpret.evaluation.agreement import Agreement, agreement


def test_an_example_by_hand() -> None:
    # Ranked: words 0, 3, 1, 2, with marks 1, 0, 1, 0.
    found = agreement([0.9, 0.4, -0.8, 0.5], [1, 1, 0, 0])
    # Marks at ranks 1 and 3: (1/1 + 2/3) / 2.
    assert found.average_precision == pytest.approx((1 + 2 / 3) / 2)
    # Of two words taken one is marked. Three words are marked or taken.
    assert found.f1 == pytest.approx(1 / 2)
    assert found.iou == pytest.approx(1 / 3)
    assert found.note == ""


def test_scores_keep_their_signs() -> None:
    assert agreement([-9.0, 0.1, 0.2], [1, 0, 0]).f1 == 0
    assert agreement([9.0, 0.1, 0.2], [1, 0, 0]).f1 == 1


@pytest.mark.parametrize("seed", range(5))
def test_without_ties_it_is_that_of_scikit_learn(seed: int) -> None:
    generator = numpy.random.default_rng(seed)
    scores = generator.normal(size=12)
    marks = (generator.permutation(12) < 4).astype(int)
    taken = (scores >= numpy.sort(scores)[-4]).astype(int)
    found = agreement(scores.tolist(), marks.tolist())
    assert found.f1 == pytest.approx(f1_score(marks, taken))
    assert found.iou == pytest.approx(jaccard_score(marks, taken))


@pytest.mark.parametrize(
    ("scores", "marks"),
    [
        ([1.0, 1.0, 1.0, 1.0, 1.0], [1, 0, 1, 0, 0]),
        ([2.0, 1.0, 1.0, 1.0, 0.0], [0, 1, 1, 0, 1]),
        ([2.0, 2.0, 1.0, 1.0, 1.0], [1, 1, 0, 0, 1]),
        ([2.0, 2.0, 1.0, 1.0, 1.0], [0, 1, 0, 0, 0]),
    ],
)
def test_ties_are_averaged_over_all_orders(scores: List[float], marks: List[int]) -> None:
    f1, iou = [], []
    for order in permutations(range(5)):
        taken = sorted(order, key=lambda word: -scores[word])[: sum(marks)]
        prediction = [int(word in taken) for word in range(5)]
        f1.append(f1_score(marks, prediction))
        iou.append(jaccard_score(marks, prediction))
    found = agreement(scores, marks)
    assert found.f1 == pytest.approx(numpy.mean(f1))
    assert found.iou == pytest.approx(numpy.mean(iou))


def test_equal_scores_have_the_precision_of_chance() -> None:
    assert agreement([0.0] * 10, [1] * 3 + [0] * 7).average_precision == pytest.approx(0.3)


def test_random_scores_have_the_agreement_of_chance() -> None:
    generator = numpy.random.default_rng(0)
    marks = [1, 1, 0, 0, 0, 0, 0, 0]
    found = [agreement(generator.normal(size=8).tolist(), marks).f1 for _ in range(2000)]
    assert numpy.mean([f1 for f1 in found if f1 is not None]) == pytest.approx(2 / 8, abs=0.02)


@pytest.mark.parametrize(
    ("marks", "note"), [([0, 0], "no word is marked"), ([1, 1], "all words are marked")]
)
def test_a_text_with_nothing_to_agree_on_is_not_scored(marks: List[int], note: str) -> None:
    assert agreement([1.0, 2.0], marks) == Agreement(None, None, None, note)


def test_a_text_without_words_is_not_scored() -> None:
    assert agreement([], []).note == "no word is marked"


def test_marks_must_be_one_for_each_word() -> None:
    with pytest.raises(ValueError, match="There are 1 marks for 2 words: give one for each"):
        agreement([1.0, 2.0], [1])
    with pytest.raises(ValueError, match="A mark must be 0 or 1"):
        agreement([1.0, 2.0], [1, 2])
