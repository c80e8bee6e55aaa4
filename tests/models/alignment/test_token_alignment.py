"""The owners of positions: tokens, special pieces and padding."""

from typing import Any, Dict, List

import pytest
import torch
from allennlp.data import Instance, Token, Vocabulary
from allennlp.data.fields import ListField, TextField
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient
from biome_interpret.errors import InterpretationError
from biome_interpret.models.alignment import PADDING, UNOWNED
from biome_interpret.models.alignment.text_fields import texts_of
from biome_interpret.models.alignment.token_alignment import owners_of_ids
from tests.tiny_models import build_predictor


def field_of(predictor: Predictor, text: str) -> TextField:
    instance = predictor._json_to_instance({"sentence": text})
    predictor._dataset_reader.apply_token_indexers(instance)
    instance.index_fields(predictor._model.vocab)
    return instance["tokens"]


def owners(field: Any, argument: str, *shape: int) -> List[Any]:
    texts = texts_of(Instance({"field": field}), "field")
    [indexer] = texts[0].field.token_indexers
    return owners_of_ids(texts, indexer, argument, torch.Size(shape)).tolist()


def test_one_position_for_each_token() -> None:
    field = field_of(build_predictor("lstm"), "a dull film")
    assert owners(field, "tokens", 5) == [0, 1, 2, PADDING, PADDING]
    # The text is cut.
    assert owners(field, "tokens", 2) == [0, 1]


class HalvesIndexer(SingleIdTokenIndexer):
    """The beginning and the rest of each word of more than three letters."""

    def tokens_to_indices(
        self, tokens: List[Token], vocabulary: Vocabulary
    ) -> Dict[str, List[int]]:
        return {"tokens": [2 + len(t.text) for t in tokens for _ in range(1 + (len(t.text) > 3))]}


def test_an_indexer_with_another_number_of_positions_needs_an_alignment() -> None:
    predictor = build_predictor("lstm")
    predictor._dataset_reader._token_indexers = {"tokens": HalvesIndexer()}
    interpreter = IntegratedGradient(predictor, n_steps=2)
    good, refused = interpreter.interpret_each(
        [{"sentence": "a bad day"}, {"sentence": "a dull film"}]
    )
    assert isinstance(good, list) and len(good[0].fields["tokens"].scores) == 3
    assert isinstance(refused, InterpretationError)
    assert "(HalvesIndexer) makes 5 positions of 3 tokens" in str(refused)
    assert "register a `TokenAlignment` for it" in str(refused)


def test_start_and_end_tokens_belong_to_none() -> None:
    indexer = {"type": "single_id", "start_tokens": ["<s>"], "end_tokens": ["</s>", "</s>"]}
    predictor = build_predictor("lstm", **{"dataset_reader.token_indexers.tokens": indexer})
    expected = [UNOWNED, 0, 1, UNOWNED, UNOWNED, PADDING]
    assert owners(field_of(predictor, "a film"), "tokens", 6) == expected


def test_several_pieces_for_a_token() -> None:
    field = field_of(build_predictor("bert_mismatched"), "boring film")
    assert owners(field, "token_ids", 6) == [UNOWNED, 0, 0, 1, UNOWNED, PADDING]


@pytest.mark.parametrize("max_length, inner", [(None, []), (4, [UNOWNED, UNOWNED])])
def test_special_pieces_of_a_folded_text(max_length: Any, inner: List[int]) -> None:
    overrides = {"dataset_reader.token_indexers.tokens.max_length": max_length}
    field = field_of(build_predictor("bert", **overrides), "a film is fun")
    expected = [0, 1, 2, *inner, 3, 4, 5]
    assert owners(field, "token_ids", len(expected)) == expected


def test_the_tokens_of_a_list_are_numbered_in_order() -> None:
    predictor = build_predictor("lstm")
    field = ListField([field_of(predictor, text) for text in ("a film", "a dull film")])
    assert owners(field, "tokens", 3, 3) == [[0, 1, PADDING], [2, 3, 4], [PADDING] * 3]
