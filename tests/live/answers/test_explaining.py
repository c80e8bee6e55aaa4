"""An answer that nobody waits for any more stops before the next pass of the model."""

import itertools
from typing import Any, Callable, List

import pytest

from biome_interpret.live.answers.archives import ServedArchive
from biome_interpret.live.answers.explaining import Answer, Cancelled, Limits, answer
from biome_interpret.live.answers.requests import Request
from tests.live.servers import (
    GRADIENT,
    SHAP,
    make_service,
    question,
    request,
    served,
    shipped_predictor,
)

OCCLUSION = "biome-occlusion"


class Passes:
    """Counts the passes of the shipped model, up to the number that is allowed."""

    def __init__(self, most: int) -> None:
        self.number, self.most = 0, most
        self._hook = shipped_predictor()._model.register_forward_hook(self._count)

    def _count(self, *_: Any) -> None:
        self.number += 1

    def are_done(self) -> bool:
        return self.number >= self.most

    def __enter__(self) -> "Passes":
        return self

    def __exit__(self, *_: Any) -> None:
        self._hook.remove()


def asked(method: str) -> Request:
    """A row is a pass of its own."""
    service = make_service(own={"small passes": {"type": method, "batch_size": 1}})
    return service.menu.request(request(question("small passes"), question(GRADIENT)))


def answered(archive: ServedArchive, method: str, is_cancelled: Callable[[], bool]) -> Answer:
    return answer(asked(method), archive, Limits(), is_cancelled)


def scores(given: Answer) -> List[Any]:
    return [one.scores for explained in given.explained for one in explained.found]


@pytest.mark.parametrize("method", [GRADIENT, SHAP, OCCLUSION])
def test_it_stops_before_any_pass_and_the_next_answer_is_right(method: str) -> None:
    expected = scores(answered(served(), method, lambda: False))
    archive = served()
    for most in itertools.count(0, 9):
        with Passes(most) as passes:
            try:
                given = answered(archive, method, passes.are_done)
                break
            except Cancelled:
                assert passes.number == most
    assert most > 5
    assert [one.error for one in given.explained] == [None, None]
    assert scores(given) == expected
    assert not shipped_predictor()._model._forward_pre_hooks
