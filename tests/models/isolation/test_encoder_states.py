"""Every pass starts from the same states of stateful encoders, which do not change."""

import copy
import threading
from typing import Any

import pytest
import torch
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient
from tests.kinds.embedders import KINDS
from tests.tiny_models import build_predictor

LSTM = {"type": "lstm", "input_size": 8, "hidden_size": 6}
REVIEW = {"sentence": "the film is not boring , but a clever story !"}
OTHER = {"sentence": "dull jokes"}


def build(stateful: bool) -> Predictor:
    return build_predictor(
        "lstm",
        double=True,
        **{
            "model.seq2seq_encoder": {**LSTM, "stateful": stateful},
            "model.seq2vec_encoder": {**LSTM, "input_size": 6},
        },
    )


def states_of(predictor: Predictor) -> Any:
    return copy.deepcopy(predictor._model._seq2seq_encoder._states)


def interpret(predictor: Predictor, inputs: Any = REVIEW, **options: Any) -> Any:
    [result] = IntegratedGradient(predictor, n_steps=16, **options).interpret_json(inputs)
    return result


@pytest.mark.parametrize("mode", ["logits", "loss"])
def test_without_a_state_the_model_is_stateless(mode: str) -> None:
    stateful, stateless = (interpret(build(flag), inference_mode=mode) for flag in (True, False))
    assert stateful == stateless


def test_a_state_matters_and_stays() -> None:
    predictor = build(stateful=True)
    predictor.predict_batch_json([OTHER, REVIEW])
    before = states_of(predictor)
    first = interpret(predictor)
    assert all(torch.equal(a, b) for a, b in zip(before, states_of(predictor)))
    assert interpret(predictor) == first
    assert abs(first.convergence_delta) < 1e-6
    assert first.output != pytest.approx(interpret(build(stateful=True)).output)
    # AllenNLP's next prediction starts from the same state.
    logits = predictor.predict_json(REVIEW)["logits"]
    assert first.output == pytest.approx(max(logits))


def test_each_text_of_a_batch_starts_from_the_same_state() -> None:
    predictor = build(stateful=True)
    predictor.predict_batch_json([OTHER, REVIEW])
    alone = [interpret(predictor, inputs) for inputs in (REVIEW, OTHER, REVIEW)]
    interpreter = IntegratedGradient(predictor, n_steps=16)
    together = interpreter.interpret_batch_json([REVIEW, OTHER, REVIEW])
    for one, [other] in zip(alone, together):
        assert one.output == pytest.approx(other.output)
        assert one.fields["tokens"].scores == pytest.approx(other.fields["tokens"].scores)


def test_another_thread_keeps_using_the_encoder_s_own_state() -> None:
    predictor, witness = build(stateful=True), build(stateful=True)
    forward, paused, predicted = predictor._model.forward, threading.Event(), threading.Event()
    main = threading.get_ident()

    def pausing(*args: Any, **kwargs: Any) -> Any:
        outputs = forward(*args, **kwargs)
        if threading.get_ident() == main and not paused.is_set():
            paused.set()
            predicted.wait(10)
        return outputs

    def predict() -> None:
        paused.wait(10)
        found.append(predictor.predict_json(OTHER)["logits"])
        predicted.set()

    found: Any = []
    predictor._model.forward = pausing
    thread = threading.Thread(target=predict)
    thread.start()
    interpret(predictor)
    thread.join()
    assert found == [witness.predict_json(OTHER)["logits"]]
    assert all(torch.equal(a, b) for a, b in zip(states_of(predictor), states_of(witness)))


def test_elmo_of_many_sentences_starts_from_the_same_states() -> None:
    kind = KINDS.kinds["`elmo_token_embedder` in a `ListField`"]
    predictor = kind.build()
    predictor.predict_json(kind.inputs)
    encoder = next(m for m in predictor._model.modules() if getattr(m, "stateful", False))
    before = [state.clone() for state in encoder._states]
    first, again = interpret(predictor, kind.inputs), interpret(predictor, kind.inputs)
    assert first == again
    assert abs(first.convergence_delta) < 1e-6
    assert all(torch.equal(a, b) for a, b in zip(before, encoder._states))
    one_by_one = interpret(predictor, kind.inputs, batch_size=1)
    for name, field in first.fields.items():
        assert one_by_one.fields[name].scores == pytest.approx(field.scores)
