"""
Which modules are embedding sites. That their scores are right is checked on `BART`, `mBART` and
`positions by the ids` in `tests/kinds/others`.
"""

from typing import Any, Callable, Dict, List

import pytest
import torch
from allennlp.predictors import Predictor
from transformers import PretrainedConfig, PreTrainedModel

from biome_interpret import IntegratedGradient
from biome_interpret.models.embedding.finders import TransformerFinder, find_sites, sites_inside
from tests.kinds.embedders import transformer
from tests.kinds.registry import from_config
from tests.models.baselines.calls import call_of

# Encoders that multiply their word embeddings by the root of the dimension, which is 4.
SCALED: Dict[str, Callable[[], Predictor]] = {
    name: from_config(
        lambda name=name: transformer(name, {"sub_module": "encoder"}, scale_embedding=True)
    )
    for name in ("bart", "mbart", "pegasus")
}


def encoder_of(predictor: Predictor) -> Any:
    model: Any = predictor._model
    return model._text_field_embedder.token_embedder_tokens.transformer_model


class Copying(PreTrainedModel):
    """Has a copy of its embedding with the same matrix, and an embedding of its own besides."""

    def __init__(self) -> None:
        super().__init__(PretrainedConfig())
        self.shared, self.copy, self.labels = [torch.nn.Embedding(5, 2) for _ in range(3)]
        self.copy.weight = self.shared.weight

    def get_input_embeddings(self) -> torch.nn.Module:
        return self.shared


def test_copies_of_the_embedding_are_sites() -> None:
    model = Copying()
    sites = [*TransformerFinder().sites("transformer", model)]
    assert [site.lookup for site in sites] == [model.shared, model.copy]
    assert [site.name for site in sites] == ["transformer.shared", "transformer.copy"]


def test_an_embedding_is_one_of_positions_by_its_name() -> None:
    names = ["words", "prepositions", "composition", "position_embeddings", "token_positions"]
    model = torch.nn.ModuleDict({name: torch.nn.Embedding(5, 2) for name in names})
    found = [site.name for site in sites_inside("", model, also=(torch.nn.Embedding,))]
    assert found == ["words", "prepositions", "composition"]


@pytest.mark.parametrize("name", SCALED)
def test_a_position_embedding_is_no_site(name: str) -> None:
    predictor = SCALED[name]()
    lookups = [site.lookup for site in find_sites(predictor)]
    assert lookups[0] is encoder_of(predictor).embed_tokens
    assert encoder_of(predictor).embed_positions not in lookups


@pytest.mark.parametrize("name", SCALED)
def test_the_embedding_of_a_scaled_lookup_is_the_row_of_the_matrix(name: str) -> None:
    predictor = SCALED[name]()
    call = call_of(predictor, "a dull film")
    ids = predictor._dataset_reader._tokenizer.tokenize("a dull film")
    rows = encoder_of(predictor).embed_tokens.weight[[token.text_id for token in ids]]
    assert torch.allclose(call.embedded[0], rows)


@pytest.mark.parametrize("name", SCALED)
def test_the_unknown_word_is_the_baseline_that_a_text_of_unknown_words_is(name: str) -> None:
    [unknown] = integrated(SCALED[name](), "¤ ¤")
    [result] = integrated(SCALED[name](), "the film", baseline="unknown", hold_special_tokens=True)
    assert unknown.fields["tokens"].tokens[1:-1] == ["[UNK]", "[UNK]"]
    assert result.baseline_output == pytest.approx(unknown.output, abs=1e-9)


def integrated(predictor: Predictor, text: str, **options: Any) -> List[Any]:
    return IntegratedGradient(predictor, n_steps=2, target=0, **options).interpret_json(
        {"sentence": text}
    )
