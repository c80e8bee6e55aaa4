"""Which model is explained."""

from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError

from biome_interpret import IntegratedGradient
from tests.interpreters.test_batching import METHODS
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

REVIEW = EXAMPLE_INPUTS["lstm"]


@pytest.mark.parametrize("interpreter", METHODS)
@pytest.mark.parametrize("kind", ["lstm", "cnn"])
def test_a_model_that_replaced_the_predictor_s_own_is_explained(
    interpreter: Any, kind: str
) -> None:
    predictor, other = build_predictor("lstm"), build_predictor(kind, seed=1)
    reused = interpreter(predictor)
    reused.interpret_json(REVIEW)
    predictor._model = other._model
    assert reused.interpret_json(REVIEW) == interpreter(other).interpret_json(REVIEW)


class TestDataParallel:
    def test_around_the_model_is_refused_with_the_way_out(self) -> None:
        predictor = build_predictor("lstm")
        interpreter = IntegratedGradient(predictor)
        expected = interpreter.interpret_json(REVIEW)
        predictor._model = torch.nn.DataParallel(predictor._model)
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="DataParallel.*= predictor._model.module"):
                interpreter.interpret_json(REVIEW)
        with pytest.raises(ConfigurationError, match="DataParallel.*= predictor._model.module"):
            IntegratedGradient(predictor)
        predictor._model = predictor._model.module
        assert interpreter.interpret_json(REVIEW) == expected

    @pytest.mark.parametrize(
        "kind, part",
        [
            ("lstm", "_text_field_embedder"),
            ("lstm", "_seq2vec_encoder"),
            ("bert", "_text_field_embedder.token_embedder_tokens.transformer_model"),
            ("esim", "_encoder"),
        ],
    )
    def test_around_a_part_of_the_model_changes_no_number(self, kind: str, part: str) -> None:
        predictor = build_predictor(kind)
        expected = IntegratedGradient(predictor).interpret_json(EXAMPLE_INPUTS[kind])
        *path, name = part.split(".")
        parent = predictor._model.get_submodule(".".join(path))
        setattr(parent, name, torch.nn.DataParallel(getattr(parent, name)))
        found = IntegratedGradient(predictor).interpret_json(EXAMPLE_INPUTS[kind])
        assert [one.to_json() for one in found] == [one.to_json() for one in expected]
