"""The examples of the page on a model of the user's own work."""

import re
from pathlib import Path
from typing import Any, Dict

import pytest
from allennlp.common import Params

from biome_interpret import IntegratedGradient
from tests.tiny_models import build_from_params, load_params

DOCS = Path(__file__).parents[2] / "docs"
REVIEW = {"sentence": "the film is dull"}


@pytest.fixture(scope="module")
def own_model() -> Dict[str, Any]:
    """What the page on a model of the user's own defines."""
    page = (DOCS / "your-own-model.md").read_text(encoding="utf-8")
    namespace: Dict[str, Any] = {"__name__": "own_model"}
    for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL):
        exec(block, namespace)
    return namespace


def scores_of(note: str = "", **overrides: Any) -> Any:
    params = load_params("linear", **{"model": {"type": "gated_words", "dim": 8}, **overrides})
    predictor = build_from_params(Params(params.as_dict()), double=True)
    [result] = IntegratedGradient(predictor, n_steps=50).interpret_json(REVIEW)
    assert abs(result.convergence_delta or 0.0) < 1e-9
    assert all(note and note in one for one in result.notes)
    return result.fields["tokens"]


def test_a_site_finder_and_a_named_layer_give_the_same(own_model: Dict[str, Any]) -> None:
    # The gates are no part of the embedding.
    note = "does not lead through their embeddings"
    found = scores_of(note)
    assert found.tokens == ["the", "film", "is", "dull"]
    assert found == scores_of(note, predictor={"type": "gated_words"})


def test_each_score_lands_on_its_token(own_model: Dict[str, Any]) -> None:
    """Each token counts twice in a sum: twice the score, if the model is linear."""
    model = {
        "type": "basic_classifier",
        "text_field_embedder": {
            "token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 8}}
        },
        "seq2vec_encoder": {"type": "bag_of_embeddings", "embedding_dim": 8},
    }
    once = scores_of(model=model)
    indexers = {"tokens": {"type": "twice", "lowercase_tokens": True}}
    twice = scores_of(model=model, **{"dataset_reader.token_indexers": indexers})
    assert twice.tokens == once.tokens
    assert twice.scores == pytest.approx([2 * score for score in once.scores])


def test_a_number_is_explained(own_model: Dict[str, Any]) -> None:
    embedder = {"token_embedders": {"tokens": {"type": "embedding", "embedding_dim": 8}}}
    params = load_params("linear", model={"type": "rating", "text_field_embedder": embedder})
    predictor = build_from_params(Params(params.as_dict()), double=True)
    rating = predictor.predict_json(REVIEW)["rating"]
    for mode in ("logits", "loss"):
        interpreter = IntegratedGradient(predictor, n_steps=50, inference_mode=mode)
        [result] = interpreter.interpret_json(REVIEW)
        assert result.output == pytest.approx(rating if mode == "logits" else 0.0)
        assert result.target.label == f"{rating:.1f} stars"
        assert abs(result.convergence_delta or 0.0) < 1e-9
