from typing import Any, List

import pytest

from biome_interpret.attribution.coalitions import Answer, Removed
from biome_interpret.evaluation.inquiries import Settings, orders, together
from tests.evaluation.answering import answered, linear


def sums(first: List[Removed], then: List[Removed]) -> Any:
    """Asks twice, and returns both sums."""
    one = yield first
    two = yield then
    return sum(answer.value for answer in one), sum(answer.value for answer in two)


class TestOrders:
    def test_words_are_ordered_by_signed_score(self) -> None:
        assert orders([0.1, -3.0, 2.0, -0.5], [1, 2, 3], Settings()) == [[2, 0, 3, 1]]

    def test_a_tie_that_no_size_cuts_gives_one_order(self) -> None:
        # The tied words 1 and 2 are taken both or not at all.
        assert orders([9.0, 1.0, 1.0, 0.0], [1, 3, 4], Settings()) == [[0, 1, 2, 3]]

    def test_a_tie_that_matters_gives_several_orders_of_the_tied_words(self) -> None:
        found = orders([9.0, 1.0, 1.0, 1.0, 0.0], [2], Settings(num_orders=40))
        assert len(found) == 40
        assert all(order[0] == 0 and order[-1] == 4 for order in found)
        # Each of the tied words comes first about as often as the others.
        firsts = [order[1] for order in found]
        assert min(firsts.count(word) for word in (1, 2, 3)) >= 5

    @pytest.mark.parametrize("scores", [[1.0, 1.0, 0.0], [2.0, 1.0, 1.0], [0.0, -0.0, -1.0]])
    def test_a_tie_matters_at_the_first_and_at_the_last_word(self, scores: List[float]) -> None:
        found = orders(scores, [1, 2, 3], Settings(num_orders=20))
        assert len({tuple(order) for order in found}) == 2

    def test_the_seed_and_the_number_of_words_decide_alone(self) -> None:
        tied, other = [0.0] * 8, [5.0] * 8
        assert orders(tied, [3], Settings(seed=1)) == orders(other, [3], Settings(seed=1))
        assert orders(tied, [3], Settings(seed=1)) != orders(tied, [3], Settings(seed=2))

    @pytest.mark.parametrize("score", [float("nan"), float("inf")])
    def test_scores_that_are_no_numbers_are_refused(self, score: float) -> None:
        with pytest.raises(ValueError, match="scores must be finite"):
            orders([1.0, score], [1], Settings())


class TestTogether:
    def test_each_subset_is_asked_once_and_each_inquiry_gets_its_own(self) -> None:
        none, zero, one = frozenset(), frozenset([0]), frozenset([1])
        asked: List[List[Removed]] = []
        found = answered(
            together([sums([none, zero], [one]), sums([zero, zero], [none, zero])]),
            linear([1.0, 10.0]),
            num_words=2,
            asked=asked,
        )
        assert asked == [[none, zero], [one]]
        assert found == [(11 + 10, 1), (10 + 10, 11 + 10)]

    def test_what_is_known_is_not_asked_again(self) -> None:
        zero, one = frozenset([0]), frozenset([1])
        known = {zero: Answer(7.0, None)}
        asked: List[List[Removed]] = []
        found = answered(
            together([sums([zero], [one])], known), linear([1.0, 10.0]), num_words=2, asked=asked
        )
        assert asked == [[one]]
        assert found == [(7.0, 1.0)]
        assert known[one].value == 1.0

    def test_inquiries_that_ask_nothing_are_done_at_once(self) -> None:
        def at_once() -> Any:
            return 5
            yield

        assert answered(together([at_once(), at_once()]), linear([]), num_words=0) == [5, 5]
        assert answered(together([]), linear([]), num_words=0) == []
