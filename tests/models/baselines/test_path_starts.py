"""Where paths begin: what they move, background texts and noise."""

from typing import Any, Sequence

import pytest
import torch
from allennlp.predictors import Predictor

from biome_interpret import Baseline, IntegratedGradient
from biome_interpret.attribution.paths import Noise, Path
from biome_interpret.models.baselines.background import Background
from biome_interpret.models.baselines.path_starts import InstancePath, PathStarts
from biome_interpret.models.embedding import SiteCall
from biome_interpret.models.embedding.finders import find_sites
from tests.models.baselines.calls import call_of
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

REVIEW = EXAMPLE_INPUTS["bert"]
LONG, SHORT = "the film is not boring", "dull film"
PLAIN = Path(nodes=[1.0], weights=[1.0])


def noisy(seed: int = 0, sign: int = 1, relative: bool = False) -> Path:
    return Path(nodes=[1.0], weights=[1.0], noise=Noise((seed,), 0.5, relative, sign))


def starts(
    predictor: Predictor, call: SiteCall, paths: Sequence[InstancePath], **options: Any
) -> torch.Tensor:
    arguments = {"baseline": Baseline.of(None), "background": None, "hold_special_tokens": False}
    path_starts = PathStarts(**{**arguments, **options}, vocabulary=predictor._model.vocab)
    return path_starts.vectors(call, paths)


class TestWhatStays:
    @pytest.mark.parametrize("path", [PLAIN, noisy()])
    def test_padding(self, path: Path) -> None:
        predictor = build_predictor("lstm")
        call = call_of(predictor, LONG, SHORT)
        found = starts(predictor, call, [(0, path), (1, path)])
        moved = (found != call.embedded).any(dim=-1)
        assert moved.tolist() == [[True] * 5, [True] * 2 + [False] * 3]

    @pytest.mark.parametrize("kind", ["bert", "bert_mismatched"])
    @pytest.mark.parametrize("hold", [False, True])
    def test_special_tokens_that_are_held(self, kind: str, hold: bool) -> None:
        predictor = build_predictor(kind)
        call = call_of(predictor, "not boring")
        found = starts(predictor, call, [(0, PLAIN)], hold_special_tokens=hold)
        moved = (found != call.embedded).any(dim=-1)[0].tolist()
        # [CLS] not bor ##ing [SEP]
        assert moved == [not hold, True, True, True, not hold]

    def test_special_tokens_held_get_nothing(self) -> None:
        predictor = build_predictor("bert")
        [result] = IntegratedGradient(
            predictor, hold_special_tokens=True, n_steps=50
        ).interpret_json(REVIEW)
        field = result.fields["tokens"]
        zeros = [token for token, score in zip(field.tokens, field.scores) if score == 0]
        assert zeros == ["[CLS]", "[SEP]"]
        assert abs(result.convergence_delta) < 1e-5


class TestBackground:
    @pytest.mark.parametrize("text, background", [(LONG, SHORT), (SHORT, LONG)])
    def test_texts_are_cut_or_padded(self, text: str, background: str) -> None:
        predictor = build_predictor("lstm")
        instance = predictor._json_to_instance({"sentence": background})
        predictor._dataset_reader.apply_token_indexers(instance)
        texts = Background(predictor._model, find_sites(predictor), [instance])
        call = call_of(predictor, text)
        path = Path(nodes=[1.0], weights=[1.0], background=0)
        [found] = starts(predictor, call, [(0, path)], background=texts)
        assert call.site.weight is not None
        expected = call.site.weight[0].repeat(len(found), 1)
        other = call_of(predictor, background).embedded[0][: len(found)]
        expected[: len(other)] = other
        assert torch.equal(found, expected)


class TestNoise:
    @pytest.mark.parametrize("relative", [False, True])
    def test_depends_neither_on_the_batch_nor_on_the_order(self, relative: bool) -> None:
        predictor = build_predictor("lstm")
        alone, batch = call_of(predictor, SHORT), call_of(predictor, LONG, SHORT)
        paths = [noisy(seed, relative=relative) for seed in (0, 1)]
        expected = starts(predictor, alone, [(0, path) for path in paths])
        mixed = [(1, paths[1]), (0, paths[0]), (1, paths[0])]
        found = starts(predictor, batch, mixed)
        assert torch.allclose(found[[2, 0], :2], expected)
        assert not torch.allclose(expected[0], expected[1])

    def test_is_mirrored(self) -> None:
        predictor = build_predictor("lstm")
        call = call_of(predictor, SHORT)
        one, other = starts(predictor, call, [(0, noisy()), (0, noisy(sign=-1))])
        assert torch.equal(one, -other)

    def test_may_be_relative_to_the_spread_of_the_embedding(self) -> None:
        predictor = build_predictor("lstm")
        call = call_of(predictor, SHORT)
        absolute, relative = starts(predictor, call, [(0, noisy()), (0, noisy(relative=True))])
        assert torch.allclose(relative, absolute * call.embedded.std(unbiased=False))
