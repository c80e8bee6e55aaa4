"""Interpreting isolates the model: seen from inside the model's forward method."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict

import numpy
import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.models import BasicClassifier
from torch.optim import SGD

from biome_interpret import GradientShap, IntegratedGradient, InterpretationError, Occlusion
from tests.interpreters.test_batching import METHODS
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

REVIEW = EXAMPLE_INPUTS["lstm"]


class Draws(BasicClassifier):
    """Draws random numbers in each pass, and does not use them."""

    def forward(self, *arguments: Any, **named: Any) -> Dict[str, Any]:  # type: ignore[override]
        torch.rand(3), numpy.random.rand(3), random.random()
        return super().forward(*arguments, **named)


def test_a_model_that_draws_leaves_the_global_random_states_as_they_were() -> None:
    predictor = build_predictor("lstm")
    predictor._model.__class__ = Draws
    for interpreter in METHODS:
        torch.manual_seed(1), numpy.random.seed(2), random.seed(3)
        before = [torch.rand(3).tolist(), numpy.random.rand(3).tolist(), random.random()]
        torch.manual_seed(1), numpy.random.seed(2), random.seed(3)
        interpreter(predictor).interpret_json(REVIEW)
        after = [torch.rand(3).tolist(), numpy.random.rand(3).tolist(), random.random()]
        assert after == before


class DrawsInTheMeantime(Draws):
    """While it is in its forward method, the main thread draws too."""

    def forward(self, *arguments: Any, **named: Any) -> Dict[str, Any]:  # type: ignore[override]
        self.is_running.set()
        self.main_has_drawn.wait(30)
        return super().forward(*arguments, **named)


def test_what_the_main_thread_draws_is_not_drawn_again_after_another_thread_interpreted() -> None:
    predictor = build_predictor("lstm")
    model: Any = predictor._model
    model.__class__ = DrawsInTheMeantime
    model.is_running, model.main_has_drawn = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(IntegratedGradient(predictor).interpret_json, REVIEW)
        assert model.is_running.wait(30)
        first = [float(torch.rand(())), numpy.random.rand(), random.random()]
        model.main_has_drawn.set()
        found.result()
    assert not {*first} & {float(torch.rand(())), numpy.random.rand(), random.random()}


class Meets(BasicClassifier):
    """Notices if two threads are in its forward method at once."""

    inside = threading.Semaphore(1)
    threads_met = False

    def forward(self, *arguments: Any, **named: Any) -> Dict[str, Any]:  # type: ignore[override]
        if not self.inside.acquire(blocking=False):
            type(self).threads_met = True  # Of the model itself it would be put back.
            return super().forward(*arguments, **named)
        try:
            time.sleep(0.01)
            return super().forward(*arguments, **named)
        finally:
            self.inside.release()


@pytest.mark.parametrize("method", [IntegratedGradient, Occlusion])
def test_threads_that_interpret_one_model_take_turns(method: Any) -> None:
    predictor = build_predictor("lstm")
    predictor._model.__class__ = Meets
    interpreter = method(predictor)
    with ThreadPoolExecutor(2) as pool:
        results = [*pool.map(interpreter.interpret_json, [REVIEW, REVIEW])]
    assert results[0] == results[1]
    assert not Meets.threads_met


class IsTrained(BasicClassifier):
    """Another thread trains it while it is in its forward method."""

    def forward(self, *arguments: Any, **named: Any) -> Dict[str, Any]:  # type: ignore[override]
        with ThreadPoolExecutor(1) as other_thread:
            other_thread.submit(self.step).result()
        return super().forward(*arguments, **named)


@pytest.mark.parametrize("step", ["step", "zero_grad"])
def test_a_model_that_another_thread_trains_meanwhile_is_refused(step: str) -> None:
    predictor = build_predictor("lstm")
    interpreter = IntegratedGradient(predictor)
    model: Any = predictor._model
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    model.__class__, model.step = IsTrained, getattr(SGD(model.parameters(), lr=0.1), step)
    with pytest.raises(InterpretationError, match="changed while it was interpreted: do not train"):
        interpreter.interpret_json(REVIEW)
    model.__class__ = BasicClassifier
    interpreter.interpret_json(REVIEW)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_an_embedding_that_limits_its_norm_is_not_taken_for_training() -> None:
    predictor = build_predictor(
        "lstm",
        **{"model.text_field_embedder.token_embedders.tokens.max_norm": 1.0},
    )
    IntegratedGradient(predictor).interpret_json(REVIEW)


class TestInferenceMode:
    @pytest.mark.parametrize("kind", ["lstm", "bert"])
    @pytest.mark.parametrize("interpreter", [IntegratedGradient, GradientShap])
    def test_around_a_call_changes_nothing(self, kind: str, interpreter: Any) -> None:
        predictor, inputs = build_predictor(kind), EXAMPLE_INPUTS[kind]
        dim = predictor._model._text_field_embedder.get_output_dim()
        with torch.inference_mode():
            inside = interpreter(predictor, baseline=torch.full((dim,), 0.1), inference_mode="loss")
            found = inside.interpret_json(inputs)
            assert torch.is_inference_mode_enabled() and not torch.is_grad_enabled()
        outside = interpreter(predictor, baseline=torch.full((dim,), 0.1), inference_mode="loss")
        assert found == outside.interpret_json(inputs) == inside.interpret_json(inputs)

    def test_around_the_making_of_the_model_is_refused(self) -> None:
        with torch.inference_mode():
            predictor = build_predictor("lstm")
        message = "BasicClassifier was made inside `torch.inference_mode.*load the model outside"
        with pytest.raises(ConfigurationError, match=message):
            IntegratedGradient(predictor).interpret_json(REVIEW)
