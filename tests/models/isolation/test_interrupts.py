"""Ctrl-C at any line of the code that isolates leaves nothing behind."""

import contextlib
import dis
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import pytest
import torch
from allennlp.predictors import Predictor
from torch.autograd import grad_mode

from biome_interpret import IntegratedGradient
from biome_interpret.models.embedding import site_patching
from biome_interpret.models.embedding.finders import find_sites
from biome_interpret.models.execution.prediction import predict
from biome_interpret.models.isolation import isolated, patching
from biome_interpret.models.isolation.recording import run_recording
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.models.tensors import to_tensors
from tests.models.isolation.test_isolated import state_of
from tests.tiny_models import build_predictor

REVIEW = {"sentence": "a clever story"}
LSTM = {"type": "lstm", "input_size": 8, "hidden_size": 6}

GUARDS = {str(path) for path in Path(isolated.__file__).parent.glob("*.py")} | {
    str(site_patching.__file__),
    str(contextlib.__file__),
    str(grad_mode.__file__),
}


class Line(NamedTuple):
    """A line that is run: where it begins in its code, and for the how manieth time."""

    code: CodeType
    offset: int
    time: int


def can_be_interrupted(code: CodeType, offset: int) -> bool:
    """
    From Python 3.11 on, Ctrl-C interrupts calls and loops only. `try:` does nothing there, and an
    exception in it would not reach the blocks around.
    """
    return sys.version_info < (3, 11) or dis.opname[code.co_code[offset]] != "NOP"


class Interrupting:
    """Notes the lines of `GUARDS` that are run, and interrupts one of them."""

    def __init__(self, line: Optional[Line] = None) -> None:
        self._line = line
        self.times: Dict[Any, int] = Counter()

    def __enter__(self) -> "Interrupting":
        sys.settrace(self._trace_call)
        return self

    def __exit__(self, *error: object) -> None:
        sys.settrace(None)

    def _trace_call(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._trace_line if frame.f_code.co_filename in GUARDS else None

    def _trace_line(self, frame: FrameType, event: str, argument: Any) -> Any:
        place = (frame.f_code, frame.f_lasti)
        if event == "line" and can_be_interrupted(*place):
            self.times[place] += 1
            if self._line == Line(*place, self.times[place]):
                raise KeyboardInterrupt
        return self._trace_line

    @property
    def lines(self) -> List[Line]:
        """Each line, the first and the last time that it is run."""
        return [Line(*place, time) for place, last in self.times.items() for time in {1, last}]


def build() -> Predictor:
    """With a stateful encoder, a frozen parameter, and modules in both modes."""
    predictor = build_predictor(
        "lstm",
        **{
            "model.seq2seq_encoder": {**LSTM, "stateful": True},
            "model.seq2vec_encoder": {**LSTM, "input_size": 6},
        },
    )
    next(predictor._model.parameters()).requires_grad = False
    predictor._model.train()
    next(predictor._model.children()).eval()
    return predictor


def whole_state(predictor: Predictor) -> Dict[str, Any]:
    with ThreadPoolExecutor(1) as other_thread:
        locks_are_free = other_thread.submit(takes_the_locks, predictor).result()
    return {
        **state_of(predictor),
        "patches": [*patching._patches],
        "changed models": [*isolated._changed],
        "locks are free": locks_are_free,
        "gradients are enabled": torch.is_grad_enabled(),
    }


def takes_the_locks(predictor: Predictor) -> bool:
    locks = isolated._lock_of(predictor._model), patching._patches_lock
    taken = [lock for lock in locks if lock.acquire(blocking=False)]
    for lock in taken:
        lock.release()
    return len(taken) == len(locks)


def one_pass(predictor: Predictor) -> Callable[[], Any]:
    """It uses all of the guarding code."""
    model, sites = predictor._model, find_sites(predictor)
    [text] = InputText.read(predictor, REVIEW)
    tensors, parts = to_tensors([text.instance], model), {"logits": model._classification_layer}

    def run() -> Any:
        [outputs], _ = predict(model, sites, [text.instance])
        _, records = run_recording(model, tensors, parts, enough=bool)
        return outputs["logits"].tolist(), records["logits"][0].tolist()

    return lambda: isolated.run_isolated(model, run)


def test_ctrl_c_at_any_line_of_the_guarding_code_leaves_nothing_behind() -> None:
    predictor = build()
    run = one_pass(predictor)
    expected, before = run(), whole_state(predictor)
    with Interrupting() as noted:
        run()
    assert len(noted.lines) > 300
    for line in noted.lines:
        with Interrupting(line), pytest.raises(KeyboardInterrupt):
            run()
        assert whole_state(predictor) == before, line
    assert run() == expected


def test_the_numbers_after_ctrl_c_are_those_without_it() -> None:
    predictor = build()
    interpreter = IntegratedGradient(predictor, n_steps=2)
    expected, before = interpreter.interpret_json(REVIEW), whole_state(predictor)
    with Interrupting() as noted:
        interpreter.interpret_json(REVIEW)
    for line in noted.lines[::25]:
        with Interrupting(line), pytest.raises(KeyboardInterrupt):
            interpreter.interpret_json(REVIEW)
        assert whole_state(predictor) == before, line
        assert interpreter.interpret_json(REVIEW) == expected
