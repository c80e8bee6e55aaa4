"""Interpreting leaves the predictor, and the process, as they were."""

import random
import threading
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Dict, List

import numpy
import pytest
import torch
from allennlp.data import Token
from allennlp.data.fields import TextField
from allennlp.data.token_indexers import TokenIndexer
from allennlp.models import BasicClassifier
from allennlp.predictors import Predictor
from allennlp.training.metrics import CategoricalAccuracy

from biome_interpret import GradientShap, IntegratedGradient, InterpretationError
from biome_interpret.models.isolation.isolated import run_isolated
from biome_interpret.stack import autocast_states, set_autocast_states
from tests.kinds.others.models.labels import MultiLabel, MultiLabelPredictor, MultiLabelReader
from tests.kinds.others.records import maker
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

KINDS = ["lstm", "esim", "simple_tagger", "crf_tagger", "bert", "bert_mismatched"]
MODES = ["logits", "loss"]


def state_of(predictor: Predictor) -> Dict[str, Any]:
    model = predictor._model
    return {
        "parameters": {name: p.tolist() for name, p in model.named_parameters()},
        "requires_grad": {name: p.requires_grad for name, p in model.named_parameters()},
        "grad": {
            name: None if p.grad is None else p.grad.tolist()
            for name, p in model.named_parameters()
        },
        "training": [module.training for module in model.modules()],
        "hooks": [
            [len(module._forward_hooks), len(module._forward_pre_hooks)]
            + [len(module._backward_hooks), module._is_full_backward_hook]
            for module in model.modules()
        ],
        "attributes": [sorted(vars(module)) for module in model.modules()],
        "metrics": model.get_metrics(),
        "random": (
            torch.get_rng_state().tolist(),
            str(numpy.random.get_state()),
            random.getstate(),
        ),
        "default type": torch.get_default_dtype(),
        "cudnn": torch.backends.cudnn.enabled,
        "token offsets": predictor._token_offsets,
        # A transformer's indexer fills one of its own, at its first text.
        "namespaces": {*model.vocab._token_to_index} - {"tags"},
    }


def prepare(kind: str) -> Predictor:
    """A predictor with frozen and trainable parameters, modules in both modes, and a gradient."""
    predictor = build_predictor(kind)
    parameters = list(predictor._model.parameters())
    parameters[0].requires_grad = False
    parameters[-1].grad = torch.ones_like(parameters[-1])
    predictor._model.train()
    next(predictor._model.children()).eval()
    return predictor


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("interpreter", [IntegratedGradient, GradientShap])
def test_nothing_is_left_behind(kind: str, mode: str, interpreter: Any) -> None:
    predictor = prepare(kind)
    before = state_of(predictor)
    interpreter(predictor, inference_mode=mode).interpret_json(EXAMPLE_INPUTS[kind])
    assert state_of(predictor) == before


def test_an_instance_that_another_model_has_indexed_is_indexed_anew() -> None:
    mine, other = build_predictor("lstm"), build_predictor("lstm")
    names = mine._model.vocab.get_index_to_token_vocabulary("tokens")
    other._model.vocab._index_to_token["tokens"] = {
        index if index < 2 else len(names) + 1 - index: name for index, name in names.items()
    }
    other._model.vocab._token_to_index["tokens"] = {
        name: index for index, name in other._model.vocab._index_to_token["tokens"].items()
    }
    inputs = EXAMPLE_INPUTS["lstm"]
    instance = mine._json_to_instance(inputs)
    expected = [IntegratedGradient(one).interpret_json(inputs)[0] for one in (mine, other)]
    assert expected[0].output != pytest.approx(expected[1].output)
    for one, result in zip((mine, other, mine), [*expected, expected[0]]):
        [found] = IntegratedGradient(one).interpret_instance(instance)
        assert found.scores == pytest.approx(result.scores, rel=1e-5)
    assert not instance.indexed and instance["tokens"]._indexed_tokens is None
    other.predict_instance(instance)
    [found] = IntegratedGradient(mine).interpret_instance(instance)
    assert found.scores == pytest.approx(expected[0].scores, rel=1e-5)


def test_its_own_labels_are_those_of_the_model_that_is_explained() -> None:
    texts = {"labels": ["a", "b", "c"]}, {"labels": ["c", "b", "a"]}
    mine, other = (
        maker(MultiLabel, MultiLabelPredictor, vocab=labels, reader=MultiLabelReader)()
        for labels in texts
    )
    instance = mine._dataset_reader.text_to_instance("a dull film", ["a"])
    other._dataset_reader.apply_token_indexers(instance)
    instance.index_fields(other._model.vocab)
    [found] = IntegratedGradient(mine).interpret_instance(instance, target="gold")
    assert (found.target.label, found.target.index) == ("a", 0)


class FillsNamespace(TokenIndexer):
    """It fills a namespace at its first text, and looks a name up at each."""

    def __init__(self) -> None:
        super().__init__()
        self._is_filled = False

    def tokens_to_indices(self, tokens: Any, vocabulary: Any) -> Dict[str, Any]:
        if not self._is_filled:
            for name in ("lower", "upper"):
                vocabulary.add_token_to_namespace(name, "case_tags")
        self._is_filled = True
        assert vocabulary.get_token_index("lower", "case_tags") == 0
        return {"tokens": [0 for _ in tokens]}

    def get_empty_token_list(self) -> Dict[str, Any]:
        return {"tokens": []}


def test_a_namespace_that_an_indexer_has_filled_stays() -> None:
    predictor = build_predictor("lstm")
    vocabulary, indexer = predictor._model.vocab, FillsNamespace()
    for _ in range(2):
        text = TextField([Token("film")], {"case": indexer})
        run_isolated(
            predictor._model,
            lambda text=text: [  # type: ignore[misc]
                text.index(vocabulary),
                vocabulary.get_vocab_size("nowhere"),
                vocabulary.get_vocab_size("nowhere_tags"),
            ],
        )
    assert len(vocabulary._token_to_index["case_tags"]) == 2
    assert not {"nowhere", "nowhere_tags"} & {*vocabulary._token_to_index}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", [1, 2, 4])
def test_nothing_is_left_behind_by_an_exception_in_the_model(kind: str, call: int) -> None:
    """In the prediction, in the pass that records, and in one along the path."""
    predictor = prepare(kind)
    interpreter = IntegratedGradient(predictor)
    before = state_of(predictor)
    forward, calls = predictor._model.forward, []

    def failing(*args: Any, **kwargs: Any) -> Any:
        calls.append(None)
        if len(calls) >= call:
            raise RuntimeError("out of order")
        return forward(*args, **kwargs)

    predictor._model.forward = failing
    try:
        with pytest.raises(InterpretationError, match="fails on this text .*out of order"):
            interpreter.saliency_interpret_from_json(EXAMPLE_INPUTS[kind])
    finally:
        del predictor._model.forward
    assert state_of(predictor) == before


def test_a_model_in_training_is_interpreted_in_evaluation() -> None:
    frozen, thawed = build_predictor("bert"), build_predictor("bert")
    thawed._model.train()
    first, second = [
        IntegratedGradient(p).interpret_json(EXAMPLE_INPUTS["bert"]) for p in (frozen, thawed)
    ]
    assert first == second
    assert thawed._model.training


def test_the_metrics_of_a_labelled_pass_are_put_back() -> None:
    predictor = build_predictor("lstm")
    instance = predictor.json_to_labeled_instances(EXAMPLE_INPUTS["lstm"])[0]
    predictor._model.forward_on_instance(instance)
    before = predictor._model.get_metrics()
    assert before["accuracy"] == 1.0
    IntegratedGradient(predictor, inference_mode="loss", target=0).interpret_json(
        EXAMPLE_INPUTS["lstm"]
    )
    IntegratedGradient(predictor, inference_mode="loss", target=1).interpret_json(
        EXAMPLE_INPUTS["lstm"]
    )
    assert predictor._model.get_metrics() == before


def test_the_default_type_is_put_back() -> None:
    before = torch.get_default_dtype()
    try:
        model = build_predictor("lstm")._model
        run_isolated(model, lambda: torch.set_default_dtype(torch.float64))
        assert torch.get_default_dtype() == before
    finally:
        torch.set_default_dtype(before)


def test_modes_that_an_interrupt_left_on_are_put_back() -> None:
    def leave_on() -> None:
        torch.set_grad_enabled(False)
        set_autocast_states(False, True)

    run_isolated(build_predictor("lstm")._model, leave_on)
    assert torch.is_grad_enabled()
    assert autocast_states() == (False, False)


class TestThreads:
    @pytest.mark.parametrize("kind", ["lstm", "esim", "simple_tagger", "bert"])
    def test_eight_give_the_same_numbers_as_one(self, kind: str) -> None:
        predictor = build_predictor(kind)
        interpreters = [
            IntegratedGradient(predictor, n_steps=5),
            GradientShap(predictor, inference_mode="loss"),
        ]
        inputs = EXAMPLE_INPUTS[kind]
        alone = [one.saliency_interpret_from_json(inputs) for one in interpreters]
        with ThreadPoolExecutor(8) as pool:
            together = list(
                pool.map(
                    lambda i: interpreters[i % 2].saliency_interpret_from_json(inputs), range(32)
                )
            )
        for i, saliency in enumerate(together):
            for instance, fields in alone[i % 2].items():
                for key, shares in fields.items():
                    assert saliency[instance][key] == pytest.approx(shares, abs=1e-6)

    @pytest.mark.parametrize("kind", ["lstm", "esim", "bert"])
    def test_a_prediction_at_the_same_time_is_not_disturbed(self, kind: str) -> None:
        predictor = build_predictor(kind)
        inputs = EXAMPLE_INPUTS[kind]
        expected = predictor.predict_json(inputs)
        stop, outputs = threading.Event(), []

        def predict() -> None:
            while not stop.is_set():
                outputs.append(predictor.predict_json(inputs))

        thread = threading.Thread(target=predict)
        thread.start()
        try:
            results: List[Any] = [
                IntegratedGradient(predictor, n_steps=20).saliency_interpret_from_json(inputs)
                for _ in range(20)
            ]
        finally:
            stop.set()
            thread.join()
        assert len(outputs) > 5
        assert all(output == expected for output in outputs)
        assert all(result == results[0] for result in results)


class KeepsThings(BasicClassifier):
    """Keeps what it saw, in ways of its own."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Any:
        ids = tokens["tokens"]["tokens"]
        self.last = ids
        self.seen[tuple(ids.flatten().tolist())] = len(ids)
        self.lengths.append(ids.size(1))
        self.count += 1
        self.new = ids
        self._buffers["total"] = self._buffers["total"] + ids.sum()
        return super().forward(tokens, label, metadata)


def test_what_a_model_keeps_is_as_before() -> None:
    predictor = build_predictor("lstm")
    model: Any = predictor._model
    model.__class__ = KeepsThings
    model.last, model.seen, model.lengths, model.count = None, {(0,): 1}, [3], 7
    model.register_buffer("total", torch.zeros(()))
    seen, lengths = model.seen, model.lengths
    IntegratedGradient(predictor).interpret_json(EXAMPLE_INPUTS["lstm"])
    assert (model.last, model.count, float(model.total)) == (None, 7, 0.0)
    assert not hasattr(model, "new")
    assert model.seen is seen and seen == {(0,): 1}
    assert model.lengths is lengths and lengths == [3]


class KeepsThingsInside(BasicClassifier):
    """Keeps metrics for each of several tasks, and what it saw lately, inside other containers."""

    def forward(self, tokens: Any, label: Any = None, metadata: Any = None) -> Any:
        output = super().forward(tokens, label, metadata)
        self.recent.append(tokens["tokens"]["tokens"].size(1))
        self.seen["by task"][0]["lengths"].add(len(self.recent))
        self.seen["by task"][0]["counts"]["texts"] += 1
        if label is not None:
            for metric in [*self.metrics_of["tone"].values(), *self.metrics_of["lists"][0]]:
                metric(output["logits"], label)
            self.seen["gold"] += label.tolist()
        return output

    def get_metrics(self, reset: bool = False) -> Dict[str, float]:
        found = {name: m.get_metric(reset) for name, m in self.metrics_of["tone"].items()}
        return {**found, "in a list": self.metrics_of["lists"][0][0].get_metric(reset)}


def test_what_a_model_keeps_inside_containers_is_as_before() -> None:
    predictor = build_predictor("lstm")
    model: Any = predictor._model
    model.__class__ = KeepsThingsInside
    model.metrics_of = {
        "tone": {"accuracy": CategoricalAccuracy(), "top 2": CategoricalAccuracy(top_k=2)},
        "lists": ([CategoricalAccuracy()],),
    }
    model.recent = deque([3], maxlen=5)
    inner = {"lengths": {0}, "counts": Counter(texts=2)}
    gold: List[int] = []
    model.seen = {"by task": (inner,), "gold": gold}
    model.seen["itself"] = model.seen
    counts, lengths, before = inner["counts"], inner["lengths"], model.get_metrics()
    IntegratedGradient(predictor, inference_mode="loss").interpret_json(EXAMPLE_INPUTS["lstm"])
    assert model.get_metrics() == before
    assert model.recent == deque([3]) and model.recent.maxlen == 5
    assert model.seen["gold"] is gold and gold == []
    assert model.seen["by task"][0] is inner and model.seen["itself"] is model.seen
    assert inner["counts"] is counts and counts == Counter(texts=2)
    assert inner["lengths"] is lengths and lengths == {0}
