"""A forked process interprets, whatever other threads of its parent were doing."""

import os
import signal
import threading
import traceback
from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Dict, Iterator, Optional

import pytest
from allennlp.models import BasicClassifier
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient
from biome_interpret.models.isolation import isolated, patching
from tests.models.isolation.test_isolated import prepare, state_of
from tests.tiny_models import EXAMPLE_INPUTS

REVIEW = EXAMPLE_INPUTS["lstm"]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


class Pauses(BasicClassifier):
    """Stops once in a forward pass of a thread that is not the main one."""

    def forward(self, *arguments: Any, **named: Any) -> Dict[str, Any]:  # type: ignore[override]
        if threading.current_thread() is not threading.main_thread():
            self.passes_before -= 1
            if self.passes_before < 0:
                self.is_running.set()
                self.may_go_on.wait(30)
        return super().forward(*arguments, **named)


class Forks(BasicClassifier):
    """Forks in its first forward pass."""

    child: Optional[int] = None

    def forward(self, *arguments: Any, **named: Any) -> Dict[str, Any]:  # type: ignore[override]
        if self.child is None:
            type(self).child = os.fork()
        return super().forward(*arguments, **named)


@contextmanager
def another_thread(run: Callable[[], Any], is_running: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=run)
    thread.start()
    assert is_running.wait(30)
    try:
        yield
    finally:
        thread.join(30)


def flags_of(predictor: Predictor) -> Dict[str, Any]:
    names = ["requires_grad", "training", "attributes", "metrics"]
    return {name: state_of(predictor)[name] for name in names}


def in_child(run: Callable[[], None]) -> bool:
    """Whether it ends without an error and in time, in a forked process."""
    child = os.fork()
    if child == 0:
        signal.alarm(30)
        try:
            run()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("passes_before", [0, 2])
def test_while_another_thread_interprets_the_model(passes_before: int) -> None:
    predictor = prepare("lstm")
    interpreter = IntegratedGradient(predictor, n_steps=3)
    expected = interpreter.interpret_json(REVIEW)
    model, found = predictor._model, []  # type: Any, Any
    model.__class__ = Pauses
    model.is_running, model.may_go_on = threading.Event(), threading.Event()
    model.passes_before = passes_before
    before = flags_of(predictor)

    def check() -> None:
        assert flags_of(predictor) == before
        assert interpreter.interpret_json(REVIEW) == expected
        assert flags_of(predictor) == before

    def interpret() -> None:
        found.append(interpreter.interpret_json(REVIEW))

    with another_thread(interpret, model.is_running):
        assert flags_of(predictor) != before
        ended_well = in_child(check)
        model.may_go_on.set()
    assert ended_well
    assert found == [expected]
    assert flags_of(predictor) == before


def test_while_another_thread_has_all_locks() -> None:
    predictor = prepare("lstm")
    interpreter = IntegratedGradient(predictor, n_steps=3)
    expected = interpreter.interpret_json(REVIEW)
    is_running, may_go_on = threading.Event(), threading.Event()

    def hold_locks() -> None:
        with ExitStack() as stack:
            stack.enter_context(isolated._lock_of(predictor._model))
            stack.enter_context(patching._patches_lock)
            is_running.set()
            may_go_on.wait(30)

    def check() -> None:
        assert interpreter.interpret_json(REVIEW) == expected

    with another_thread(hold_locks, is_running):
        ended_well = in_child(check)
        may_go_on.set()
    assert ended_well


def test_by_the_thread_that_interprets() -> None:
    """Such as by a dataset reader that starts workers. The child goes on as its parent does."""
    predictor = prepare("lstm")
    interpreter = IntegratedGradient(predictor, n_steps=3)
    expected, before = interpreter.interpret_json(REVIEW), flags_of(predictor)
    model: Any = predictor._model
    model.__class__ = Forks
    is_well = False
    try:
        found = interpreter.interpret_json(REVIEW)
        is_well = found == expected and flags_of(predictor) == before
    finally:
        if model.child == 0:
            os._exit(0 if is_well else 1)
    assert is_well
    assert os.waitpid(model.child, 0)[1] == 0
