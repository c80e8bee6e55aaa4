"""Several groups of texts are under way at once where the device works by itself."""

from functools import partial
from typing import Any, Callable, Iterator, List, Tuple

import pytest
import torch

from biome_interpret import GradientShap, IntegratedGradient, Occlusion, ShapleySampling
from biome_interpret.interpreters import PlannedInterpreter
from biome_interpret.interpreters.engine.rows import answers
from biome_interpret.interpreters.engine.rows.answers import ReplacedUnits
from biome_interpret.interpreters.engine.rows.overlap import Task, run_overlapped
from biome_interpret.interpreters.engine.rows.path_integral import PathIntegral
from biome_interpret.models.execution import batching
from tests.interpreters.test_batching import assert_alike, variations
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

CPU = torch.device("cpu")

DELETING = partial(Occlusion, removal="delete")
COALITIONS = [Occlusion, DELETING, partial(ShapleySampling, n_permutations=4)]


def tasks(events: List[str], stops: List[int]) -> Iterator[Task[int]]:
    def task(number: int) -> Task[int]:
        for step in range(stops[number]):
            events.append(f"{number} starts pass {step}")
            yield
        events.append(f"{number} ends")
        return number

    for number in range(len(stops)):
        events.append(f"{number} is read")
        yield task(number)


def test_a_task_starts_while_another_waits() -> None:
    events: List[str] = []
    assert run_overlapped(tasks(events, [2, 1, 1]), CPU, 2) == [0, 1, 2]
    assert events == [
        "0 is read",
        "0 starts pass 0",
        "1 is read",
        "1 starts pass 0",
        "0 starts pass 1",
        "1 ends",
        "2 is read",
        "2 starts pass 0",
        "0 ends",
        "2 ends",
    ]


def test_one_at_once_is_one_after_the_other() -> None:
    events: List[str] = []
    assert run_overlapped(tasks(events, [1, 0, 1]), CPU, 1) == [0, 1, 2]
    assert [event for event in events if "ends" in event or "read" in event] == [
        "0 is read",
        "0 ends",
        "1 is read",
        "1 ends",
        "2 is read",
        "2 ends",
    ]


def passes_of(interpreter: PlannedInterpreter, inputs: List[Any]) -> Tuple[List[Any], List[bool]]:
    """The results, and for each forward pass whether it is one with gradients."""
    model: Any = interpreter.predictor._model
    passes: List[bool] = []
    forward = model.forward

    def counted(*args: Any, **kwargs: Any) -> Any:
        passes.append(torch.is_grad_enabled())
        return forward(*args, **kwargs)

    model.forward = counted
    try:
        return interpreter.interpret_batch_json(inputs), passes
    finally:
        del model.forward


@pytest.fixture
def like_a_gpu(monkeypatch: pytest.MonkeyPatch) -> batching.PassSizes:
    """Passes on the CPU are as large as on a GPU, and two groups are under way at once."""
    sizes = batching.SIZES["cuda"]
    monkeypatch.setitem(batching.SIZES, "cpu", sizes)
    return sizes


@pytest.mark.parametrize("method", [IntegratedGradient, *COALITIONS])
@pytest.mark.parametrize("name", ["lstm", "esim", "crf_tagger", "bert"])
def test_results_are_the_same_in_the_passes_of_a_gpu(
    name: str, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if method is DELETING and name == "crf_tagger":
        pytest.skip("its tags refer to its words")
    inputs = variations(EXAMPLE_INPUTS[name])
    expected = method(build_predictor(name)).interpret_batch_json(inputs)
    monkeypatch.setitem(batching.SIZES, "cpu", batching.SIZES["cuda"])
    found = method(build_predictor(name)).interpret_batch_json(inputs)
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        assert_alike(one, other)


def test_the_next_group_is_predicted_while_a_pass_is_under_way(
    like_a_gpu: batching.PassSizes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(batching.SIZES, "cpu", like_a_gpu._replace(window=4))
    events: List[str] = []
    record(monkeypatch, PathIntegral, "_launch", lambda *_: events.append("start"))
    record(monkeypatch, PathIntegral, "_collect", lambda *_: events.append("fetch"))
    interpreter = IntegratedGradient(build_predictor("lstm"), n_steps=4)
    interpreter.interpret_batch_json([EXAMPLE_INPUTS["lstm"]] * 12)
    assert events == ["start", "start", "fetch", "start", "fetch", "fetch"]


@pytest.mark.parametrize("method", COALITIONS)
def test_the_next_group_is_predicted_while_words_are_removed(
    method: Any, like_a_gpu: batching.PassSizes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(batching.SIZES, "cpu", like_a_gpu._replace(window=4))
    events: List[str] = []
    record(monkeypatch, ReplacedUnits, "_launch", lambda *_: events.append("start"))
    record(monkeypatch, answers, "launch_texts", lambda *_: events.append("start"))
    record(monkeypatch, answers, "answers_of", lambda *_: events.append("fetch"))
    method(build_predictor("lstm")).interpret_batch_json([EXAMPLE_INPUTS["lstm"]] * 12)
    assert events[:3] == ["start", "start", "fetch"]
    assert events[-2:] == ["fetch", "fetch"]


def record(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, note: Callable[..., None]
) -> None:
    method = getattr(owner, name)

    def noted(*args: Any) -> Any:
        note(*args)
        return method(*args)

    monkeypatch.setattr(owner, name, noted)


@pytest.mark.parametrize("method", [IntegratedGradient, GradientShap])
def test_all_texts_share_the_passes_of_a_gpu(method: Any, like_a_gpu: batching.PassSizes) -> None:
    interpreter = method(build_predictor("lstm"))
    inputs = [EXAMPLE_INPUTS["lstm"]] * 40
    interpreter.interpret_batch_json(inputs[:2])
    found, passes = passes_of(interpreter, inputs)
    assert len(found) == 40
    # The prediction, two texts alone to compare it with, passes with gradients, two rows alone to
    # compare them with, and the baselines.
    assert len(passes) <= 7
    assert passes.count(True) <= 4


@pytest.mark.parametrize(
    "method, starts",
    [(IntegratedGradient, PathIntegral), (GradientShap, PathIntegral), (Occlusion, ReplacedUnits)],
)
def test_starting_a_pass_reads_no_number_from_the_device(
    method: Any, starts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpreter = method(build_predictor("bert"))
    inputs = variations(EXAMPLE_INPUTS["bert"])
    interpreter.interpret_batch_json(inputs)  # Some passes are compared with their rows alone.
    read: List[str] = []

    def note(name: str, tensor: torch.Tensor, *_: Any) -> None:
        # Integers are tables of the alignment. They stay on the CPU.
        if tensor.is_floating_point():
            read.append(name)

    launch, starts_seen = starts._launch, []

    def watched(*args: Any) -> Any:
        starts_seen.append(args)
        with monkeypatch.context() as patch:
            for name in ("item", "tolist", "cpu", "numpy", "__float__"):
                record(patch, torch.Tensor, name, partial(note, name))
            return launch(*args)

    monkeypatch.setattr(starts, "_launch", watched)
    interpreter.interpret_batch_json(inputs)
    assert starts_seen and read == []
