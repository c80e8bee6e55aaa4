"""On a GPU: the numbers of the CPU, and a process that is left as it was."""

import pytest
import torch

from biome_interpret import GradientShap, IntegratedGradient
from biome_interpret.models.execution.probing import ALONE_NOTE
from biome_interpret.stack import float32_flags
from tests.interpreters.test_batching import variations
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


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


def test_rounding_to_tf32_is_as_before() -> None:
    before = float32_flags()
    interpreter = IntegratedGradient(build_predictor("lstm"), device=0)
    interpreter.interpret_json(EXAMPLE_INPUTS["lstm"])
    assert float32_flags() == before


def test_the_first_probe_measures_the_memory() -> None:
    interpreter = IntegratedGradient(build_predictor("bert"), device=0)
    interpreter.interpret_json(EXAMPLE_INPUTS["bert"])
    [known] = interpreter._pipeline._planner._known.values()
    assert known.bytes_per_position is not None
