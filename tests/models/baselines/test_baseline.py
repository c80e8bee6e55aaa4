"""The vectors of each registered baseline on small models, and the messages about wrong ones."""

import re
from typing import Any

import pytest
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.data import TextFieldTensors, Vocabulary
from torch.nn.utils.rnn import pack_padded_sequence

from biome_interpret import Baseline, IntegratedGradient, InterpretationError
from tests.kinds.embedders import KINDS
from tests.kinds.others.records import INPUTS, Classifier, maker
from tests.models.baselines.calls import call_of
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

REVIEW = EXAMPLE_INPUTS["lstm"]
# The ids of the tiny BERT's special tokens.
SPECIAL_TOKENS = {"padding": 0, "unknown": 1, "mask": 4}


def vectors_of(kind: str, value: Any, *sentences: str) -> torch.Tensor:
    predictor = build_predictor(kind)
    call = call_of(predictor, *sentences)
    vectors = Baseline.of(value).vectors(call, predictor._model.vocab)
    return vectors.expand_as(call.embedded)


def matrix_of(kind: str) -> torch.Tensor:
    weight = call_of(build_predictor(kind), "film").site.weight
    assert weight is not None
    return weight


@pytest.mark.parametrize(
    "value, number", [(None, 0.0), (0.5, 0.5), ({"type": "constant", "value": 2}, 2.0)]
)
def test_a_number(value: Any, number: float) -> None:
    assert (vectors_of("lstm", value, "a dull film") == number).all()


@pytest.mark.parametrize("name", SPECIAL_TOKENS)
def test_a_special_token_of_a_transformer(name: str) -> None:
    expected = matrix_of("bert")[SPECIAL_TOKENS[name]]
    assert (vectors_of("bert", name, "a dull film", "film") == expected).all()


@pytest.mark.parametrize("name, index", [("padding", 0), ("unknown", 1)])
def test_a_special_token_of_a_vocabulary(name: str, index: int) -> None:
    assert (vectors_of("lstm", name, "a dull film") == matrix_of("lstm")[index]).all()


@pytest.mark.parametrize("kind", ["lstm", "bert"])
def test_the_mean_of_the_matrix(kind: str) -> None:
    expected = matrix_of(kind).mean(dim=0)
    assert torch.allclose(vectors_of(kind, "mean", "a dull film"), expected)


def test_a_vector_for_each_position() -> None:
    vector = torch.linspace(-1, 1, 8)
    assert torch.allclose(vectors_of("lstm", vector.tolist(), "a dull film"), vector)


def test_word_pieces_get_the_vector_of_their_token_and_others_stay() -> None:
    call = call_of(build_predictor("bert_mismatched"), "boring film")
    values = torch.stack([torch.full((call.embedded.size(-1),), float(i)) for i in range(2)])
    found = vectors_of("bert_mismatched", values, "boring film")
    # [CLS] bor ##ing film [SEP]
    assert call.owners.tolist() == [[-1, 0, 0, 1, -1]]
    assert torch.equal(found[0, 1:4, 0], torch.tensor([0.0, 0.0, 1.0]))
    assert torch.equal(found[0, [0, 4]], call.embedded[0, [0, 4]])


def test_special_tokens_by_name_and_by_vector() -> None:
    predictor = build_predictor("bert")
    embedder = predictor._model._text_field_embedder.token_embedder_tokens
    weight = embedder.transformer_model.get_input_embeddings().weight
    for name, index in SPECIAL_TOKENS.items():
        by_name, by_vector = [
            IntegratedGradient(predictor, baseline=baseline).interpret_json(REVIEW)
            for baseline in (name, weight[index].tolist())
        ]
        assert by_name == by_vector


def test_the_mean_by_name_and_by_vector() -> None:
    predictor = build_predictor("lstm")
    weight = predictor._model._text_field_embedder.token_embedder_tokens.weight.detach()
    by_name, by_vector = [
        IntegratedGradient(predictor, baseline=baseline).interpret_json(REVIEW)
        for baseline in ("mean", weight.mean(dim=0))
    ]
    assert by_name[0].baseline_output == pytest.approx(by_vector[0].baseline_output)


def test_a_vector_for_each_token() -> None:
    predictor = build_predictor("linear", double=True)
    weight = predictor._model._classification_layer.weight.detach()[0]
    vectors = torch.randn(13, 8, dtype=torch.float64)
    zero, moved = [
        IntegratedGradient(predictor, baseline=b, target=0).interpret_json(REVIEW)[0]
        for b in (None, vectors)
    ]
    pairs = zip(zero.fields["tokens"].scores, (vectors @ weight).tolist())
    expected = [score - shift for score, shift in pairs]
    assert moved.fields["tokens"].scores == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", [(3,), (5, 8), (13, 3), (1, 13, 8)])
def test_a_wrong_shape_is_answered(shape: tuple) -> None:
    interpreter = IntegratedGradient(build_predictor("lstm"), baseline=torch.zeros(shape))
    with pytest.raises(ConfigurationError, match=re.escape("must be (8,) or (13, 8)")):
        interpreter.saliency_interpret_from_json(REVIEW)


def test_a_model_without_a_mask_token_is_answered() -> None:
    interpreter = IntegratedGradient(build_predictor("lstm"), baseline="mask")
    with pytest.raises(ConfigurationError, match="needs a mask token"):
        interpreter.saliency_interpret_from_json(REVIEW)


def test_ids_of_a_tokenizer_that_is_not_known_have_no_special_tokens() -> None:
    """Row 1 of a transformer's matrix is not that of its unknown word."""
    name = "AllenNLP's own `TransformerEmbeddings`, from a `TransformerTextField`"
    predictor = KINDS.kinds[name].build_or_skip()
    reader: Any = predictor._dataset_reader
    assert IntegratedGradient(predictor, baseline="unknown").interpret_json(REVIEW)

    class Hidden(type(reader)):  # type: ignore[misc]
        _tokenizer = reader._tokenizer

    del reader._tokenizer
    reader.__class__ = Hidden
    for baseline in ("unknown", "padding", "mask"):
        interpreter = IntegratedGradient(predictor, baseline=baseline)
        with pytest.raises(ConfigurationError, match=f"needs a {baseline} token"):
            interpreter.interpret_json(REVIEW)


class CountsVectors(Classifier):
    """The length of a text is the number of its vectors that are not zero."""

    def __init__(self, vocab: Vocabulary) -> None:
        super().__init__(vocab)
        self.encoder = torch.nn.LSTM(4, 4, batch_first=True)

    def pooled(self, vectors: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        vectors = vectors * mask.unsqueeze(-1)
        # Shape: (rows,)
        lengths = (vectors.abs().sum(dim=-1) > 0).sum(dim=-1).cpu()
        packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        state: torch.Tensor = self.encoder(packed)[1][0][-1]
        return state


class FailsWithGradients(Classifier):
    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        vector = super().vector(tokens)
        if vector.requires_grad:
            raise RuntimeError("no gradients here")
        return vector


@pytest.mark.parametrize("options", [{}, {"n_steps": 5, "quadrature": "riemann-left"}])
def test_a_model_that_fails_at_the_baseline_needs_another_one(options: Any) -> None:
    predictor = maker(CountsVectors)()
    told = r"CountsVectors runs on the text, but fails.*RuntimeError: Length.*another `baseline`"
    for found in IntegratedGradient(predictor, **options).interpret_each(INPUTS):
        assert isinstance(found, InterpretationError) and re.search(told, str(found))
    other = IntegratedGradient(predictor, baseline="unknown", **options).interpret_each(INPUTS)
    assert not any(isinstance(found, Exception) for found in other)


def test_a_model_that_fails_everywhere_needs_no_other_baseline() -> None:
    for found in IntegratedGradient(maker(FailsWithGradients)()).interpret_each(INPUTS):
        assert isinstance(found, InterpretationError) and "no gradients here" in str(found)
        assert "baseline" not in str(found)
