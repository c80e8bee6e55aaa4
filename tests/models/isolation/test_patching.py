"""Wrapping a module's method, for one thread only."""

import inspect
import threading
from typing import Any

import pytest
import torch

from biome_interpret.models.isolation.patching import patched


class Sum(torch.nn.Module):
    def forward(self, left: float, right: float = 1.0) -> float:
        return left + right


def doubled(forward: Any, *args: Any, **kwargs: Any) -> float:
    return 2 * forward(*args, **kwargs)


def test_keyword_arguments_and_results_pass_through() -> None:
    module, seen = Sum(), []  # type: Any, List[Any]

    def wrapper(forward: Any, *args: Any, **kwargs: Any) -> float:
        seen.append((args, kwargs))
        return doubled(forward, *args, **kwargs)

    with patched(module, wrapper):
        assert module(left=1.0, right=2.0) == 6.0
        assert module(1.0) == 4.0
    assert seen == [((), {"left": 1.0, "right": 2.0}), ((1.0,), {})]
    assert module(1.0) == 2.0


def test_the_latest_wrapper_is_called_first() -> None:
    module = Sum()
    with patched(module, doubled), patched(module, lambda f, *a: f(*a) + 1):
        assert module(1.0) == 5.0


def test_the_signature_is_kept() -> None:
    module = Sum()
    expected = inspect.signature(module.forward)
    with patched(module, doubled):
        assert inspect.signature(module.forward) == expected


def test_nothing_is_left_behind_by_an_exception() -> None:
    module = Sum()
    before = dict(vars(module))
    with pytest.raises(ValueError), patched(module, doubled):
        raise ValueError
    assert vars(module) == before
    assert "forward" not in vars(module)


def test_a_method_that_does_not_exist_is_an_error_and_changes_nothing() -> None:
    module = Sum()
    before = dict(vars(module))
    with pytest.raises(AttributeError), patched(module, doubled, "backward"):
        pass
    assert vars(module) == before


def test_a_method_set_on_the_instance_is_put_back() -> None:
    module = Sum()

    def own(left: float) -> float:
        return -left

    vars(module)["forward"] = own
    with patched(module, doubled):
        assert module(1.0) == -2.0
    assert vars(module)["forward"] is own


def test_other_threads_do_not_see_it_and_may_leave_later() -> None:
    module = Sum()
    inside, leave, found = threading.Event(), threading.Event(), []  # type: Any, Any, List[float]

    def other() -> None:
        found.append(module(1.0))
        with patched(module, lambda f, *a: f(*a) + 10):
            inside.set()
            leave.wait(10)
            found.append(module(1.0))
        found.append(module(1.0))

    thread = threading.Thread(target=other)
    with patched(module, doubled):
        thread.start()
        inside.wait(10)
        assert module(1.0) == 4.0
    assert module(1.0) == 2.0
    leave.set()
    thread.join()
    assert found == [2.0, 12.0, 2.0]
    assert "forward" not in vars(module)
