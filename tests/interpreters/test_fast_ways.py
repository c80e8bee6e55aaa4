"""Models with layers that go a fast way are explained as by the layers' own."""

from typing import Any, List

import pytest
import torch

from biome_interpret import GradientShap, IntegratedGradient
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor


@pytest.mark.parametrize("kind", ["cnn", "embedding_and_characters"])
@pytest.mark.parametrize(
    "interpreter",
    [
        {},
        {"baseline": "mean"},
        {"n_steps": 7, "quadrature": "riemann-left"},
        {"background": ["a dull film", "an interesting story ."]},
        {"inference_mode": "loss"},
        {"type": "biome-gradient-shap", "n_perturbations": 6},
    ],
)
def test_results_are_those_of_the_modules_own_way(kind: str, interpreter: Any) -> None:
    predictor = build_predictor(kind)
    texts = [EXAMPLE_INPUTS[kind], {"sentence": "dull"}, {"sentence": "boring , clever story"}]
    kind_of = GradientShap if "type" in interpreter else IntegratedGradient
    options = {name: value for name, value in interpreter.items() if name != "type"}

    def scores() -> List[List[float]]:
        found = kind_of(predictor, **options).interpret_batch_json(texts)
        return [field.scores for [one] in found for field in one.fields.values()]

    fast = scores()
    for module in predictor._model.modules():
        if isinstance(module, torch.nn.Conv1d):  # Who is looked at goes its own way.
            module.register_forward_hook(lambda *_: None)
    for one, other in zip(fast, scores()):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-6)
