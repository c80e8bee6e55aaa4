"""On a GPU: the numbers of the CPU, and a process that is left as it was."""

from typing import Any, Optional

import pytest
import torch
from allennlp.data import TextFieldTensors, Vocabulary

from biome_interpret import GradientShap, IntegratedGradient
from biome_interpret.models.execution.probing import ALONE_NOTE
from biome_interpret.stack import float32_flags
from tests.interpreters.test_batching import variations
from tests.kinds.others.records import DIM, IdsClassifier, Outputs, maker
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
on_each_device = pytest.mark.parametrize("device", [-1, pytest.param(0, marks=needs_gpu)])


@needs_gpu
@pytest.mark.parametrize("method", [IntegratedGradient, GradientShap])
@pytest.mark.parametrize("name", ["lstm", "cnn", "esim", "crf_tagger", "bert"])
def test_the_numbers_are_those_of_the_cpu(name: str, method: type) -> None:
    inputs = variations(EXAMPLE_INPUTS[name])
    expected = method(build_predictor(name)).interpret_batch_json(inputs)
    found = method(build_predictor(name), device=0).interpret_batch_json(inputs)
    assert list(map(len, found)) == list(map(len, expected))
    for results, others in zip(found, expected):
        for one, other in zip(results, others):
            assert ALONE_NOTE not in one.notes
            size = sum(abs(s) for field in other.fields.values() for s in field.scores)
            for key, field in other.fields.items():
                assert one.fields[key].scores == pytest.approx(field.scores, abs=1e-4 * size)


@needs_gpu
def test_rounding_to_tf32_is_as_before() -> None:
    before = float32_flags()
    interpreter = IntegratedGradient(build_predictor("lstm"), device=0)
    interpreter.interpret_json(EXAMPLE_INPUTS["lstm"])
    assert float32_flags() == before


@needs_gpu
def test_the_first_probe_measures_the_memory() -> None:
    interpreter = IntegratedGradient(build_predictor("bert"), device=0)
    interpreter.interpret_json(EXAMPLE_INPUTS["bert"])
    [known] = interpreter._pipeline._planner._known.values()
    assert known.bytes_per_position is not None


class Recurrent(IdsClassifier):
    """It also gives the vector of the text, from which its probabilities might follow."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.encoder = torch.nn.LSTM(DIM, DIM, batch_first=True)

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        states, _ = self.encoder(self.embedded(tokens["tokens"]["tokens"]))
        encoded: torch.Tensor = states[:, 0] + states.sum(dim=1)
        return encoded

    def forward(  # type: ignore[override]
        self, tokens: TextFieldTensors, label: Optional[torch.Tensor] = None, metadata: Any = None
    ) -> Outputs:
        return {**super().forward(tokens, label), "encoded": self.vector(tokens)}


class WithPositions(IdsClassifier):
    """It has vectors for five positions."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.positions = torch.nn.Embedding(5, DIM)

    def embedded(self, ids: torch.Tensor) -> torch.Tensor:
        places = torch.arange(ids.size(1), device=ids.device)
        return super().embedded(ids) + self.positions(places)


@on_each_device
@pytest.mark.parametrize("model", [Recurrent, WithPositions])
def test_what_only_a_gpu_refuses_is_not_asked_of_it(model: type, device: int) -> None:
    """A text that is as long as the model allows cannot be padded."""
    text = {"sentence": "the plot is very clever"}
    [expected] = IntegratedGradient(maker(model)()).interpret_json(text)
    interpreter = IntegratedGradient(maker(model)(), device=device)
    for _ in range(2):
        [found] = interpreter.interpret_json(text)
        assert found.output_name == "logits" and found.target.label == expected.target.label
        assert found.scores == pytest.approx(expected.scores, rel=1e-5)
