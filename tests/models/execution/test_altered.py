"""Copies of a predictor with other weights."""

from typing import Dict, List

import pytest
import torch
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient
from biome_interpret.models.execution.altered import with_noisy_embeddings, with_shuffled_layers
from tests.tiny_models import build_predictor

TEXT = {"sentence": "a wonderful , if thin , film"}


def weights(predictor: Predictor) -> Dict[str, torch.Tensor]:
    return {name: one.detach().clone() for name, one in predictor._model.named_parameters()}


def changed(predictor: Predictor, before: Dict[str, torch.Tensor]) -> List[str]:
    return [name for name, one in weights(predictor).items() if not one.equal(before[name])]


class TestShuffledLayers:
    def test_more_and_more_layers_are_shuffled_from_the_output_to_the_embeddings(self) -> None:
        predictor = build_predictor("cnn")
        before = weights(predictor)
        stages = []
        for share, altered in with_shuffled_layers(predictor, 3, seed=0):
            stages.append((share, changed(altered, before)))
        assert len(stages) == 3 and stages[-1][0] == 1.0
        assert [len(names) for _, names in stages] == sorted({len(names) for _, names in stages})
        is_embedding = ["token_embedder" in " ".join(names) for _, names in stages]
        assert is_embedding == [False, False, True]
        assert any("classification" in name for name in stages[0][1])
        assert set(stages[-1][1]) == set(before)

    def test_the_entries_are_those_of_before_in_another_order(self) -> None:
        predictor = build_predictor("lstm")
        before = weights(predictor)
        *_, (_, altered) = with_shuffled_layers(predictor, 2, seed=0)
        for name, one in weights(altered).items():
            assert one.flatten().sort().values.equal(before[name].flatten().sort().values)

    def test_the_predictor_itself_stays_as_it_is(self) -> None:
        predictor = build_predictor("lstm")
        before, says = weights(predictor), predictor.predict_json(TEXT)
        for _, altered in with_shuffled_layers(predictor, 2, seed=0):
            IntegratedGradient(altered).interpret_json(TEXT)
        assert changed(predictor, before) == []
        assert predictor.predict_json(TEXT)["logits"] == says["logits"]

    def test_the_seed_decides(self) -> None:
        predictor = build_predictor("lstm")
        [(_, one)] = with_shuffled_layers(predictor, 1, seed=0)
        [(_, same)] = with_shuffled_layers(predictor, 1, seed=0)
        [(_, other)] = with_shuffled_layers(predictor, 1, seed=1)
        assert changed(same, weights(one)) == [] and changed(other, weights(one)) != []


class TestNoisyEmbeddings:
    @pytest.mark.parametrize("name", ["cnn", "bert"])
    def test_only_embeddings_move_and_by_at_most_the_radius(self, name: str) -> None:
        predictor = build_predictor(name)
        before = weights(predictor)
        altered = with_noisy_embeddings(predictor, 0.1, seed=0)
        [moved] = changed(altered, before)
        assert "embed" in moved
        change = (weights(altered)[moved] - before[moved]).abs()
        assert 0.04 * before[moved].std() < change.mean() < 0.1 * before[moved].std()
        assert change.max() <= 0.1001 * before[moved].std()

    def test_scores_change_a_little(self) -> None:
        predictor = build_predictor("cnn")
        altered = with_noisy_embeddings(predictor, 0.01, seed=0)
        [one] = IntegratedGradient(predictor).interpret_json(TEXT)
        [other] = IntegratedGradient(altered).interpret_json(TEXT)
        assert one.scores != other.scores
        assert one.scores == pytest.approx(other.scores, abs=0.2 * max(map(abs, one.scores)))
