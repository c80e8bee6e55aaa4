"""Embedding sites in unusual models and with unusual calls."""

import copy
from typing import Any, Callable, Dict, List

import pytest
import torch
from allennlp.data import TextFieldTensors
from allennlp.models import Model
from allennlp.nn.util import get_text_field_mask, masked_mean
from allennlp.predictors import Predictor, TextClassifierPredictor
from transformers import AutoModel

from biome_interpret import GradientShap, IntegratedGradient
from biome_interpret.errors import InterpretationError
from biome_interpret.interpretation import Interpretation
from biome_interpret.models.embedding.sites import EmbeddingSite, numbered
from tests.kinds import embedders
from tests.kinds.embedders import DOCUMENT, REVIEW, classifier, documents
from tests.kinds.measure import relative_delta, score_at_the_input, slope_at_the_input
from tests.kinds.models import MeanClassifier, OwnClassifier
from tests.kinds.registry import Kind, Probe
from tests.tiny_models import bert_folder, build_predictor

KINDS = embedders.KINDS.kinds
EXACT = {"n_steps": 100, "quadrature": "gauss-legendre"}


def interpret(predictor: Predictor, inputs: Any = REVIEW, **options: Any) -> Interpretation:
    options = options or EXACT
    [result] = IntegratedGradient(predictor, **options).interpret_json(inputs)
    return result


def scores(result: Interpretation) -> Dict[str, Any]:
    return {name: pytest.approx(f.scores, abs=1e-9) for name, f in result.fields.items()}


def with_vector(predictor: Predictor, vector: Callable[..., torch.Tensor]) -> Predictor:
    """The same model, but `vector` makes the vector of the tokens."""
    model: Any = predictor._model
    model.vector = lambda tokens: vector(model, tokens)
    return predictor


@Model.register("tests_cloning")
class CloningClassifier(MeanClassifier):
    """Copies its ids before it embeds them."""

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        return super().vector({n: {k: v.clone() for k, v in t.items()} for n, t in tokens.items()})


EMBEDDING = {"tokens": {"type": "embedding", "embedding_dim": 8}}


def mean_of(model: str = "tests_mean_classifier", **embedders: Any) -> Callable[[], Predictor]:
    token_embedders = embedders or EMBEDDING
    return classifier(
        model={"type": model, "text_field_embedder": {"token_embedders": token_embedders}}
    )


class TestIds:
    def test_copied_inside_the_model(self) -> None:
        plain, copied = interpret(mean_of()()), interpret(mean_of("tests_cloning")())
        assert plain.fields == copied.fields

    @pytest.mark.parametrize("model", ["tests_mean_classifier", "tests_cloning"])
    def test_the_same_from_two_indexers(self, model: str) -> None:
        indexer = {"type": "single_id", "lowercase_tokens": True}
        build = classifier(
            dataset_reader__token_indexers={"one": indexer, "two": indexer},
            model={
                "type": model,
                "text_field_embedder": {
                    "token_embedders": {
                        "one": {"type": "embedding", "embedding_dim": 4},
                        "two": {"type": "embedding", "embedding_dim": 6},
                    }
                },
            },
        )
        path = "embedder.token_embedder_"
        probes = [Probe(module=f"{path}one"), Probe(module=f"{path}two")]
        check(Kind("two indexers", build, REVIEW, probes=probes))

    @pytest.mark.parametrize("field, call", [("premise", 0), ("hypothesis", 1)])
    def test_the_same_text_in_two_fields(self, field: str, call: int) -> None:
        text = "two dogs are running in the snow ."
        build = embedders.tiny("esim")
        probe = Probe(field=field, call=call)
        inputs = {"premise": text, "hypothesis": text}
        check(Kind("one text twice", build, inputs, probes=[probe], nodes=500))

    def test_of_one_token(self) -> None:
        for name in ("lstm", "bert", "bert_mismatched", "embedding_and_characters"):
            result = interpret(build_predictor(name, double=True), {"sentence": "film"})
            assert relative_delta(result) < 1e-3

    @pytest.mark.parametrize("label_first", [True, False])
    def test_of_a_label_are_not_those_of_the_text(self, label_first: bool) -> None:
        """Embedded by the same matrix, and equal to the one token's."""
        predictor = mean_of()()
        label = predictor._model.vocab.get_token_index("film", "tokens")

        def vector(model: Any, tokens: TextFieldTensors) -> torch.Tensor:
            words = model.embedder.token_embedder_tokens
            labels = torch.full_like(tokens["tokens"]["tokens"], label)
            if label_first:
                own = words(labels)
                return MeanClassifier.vector(model, tokens) * own.squeeze(1)
            return MeanClassifier.vector(model, tokens) * words(labels).squeeze(1)

        with_vector(predictor, vector)
        probe = Probe(token=0, positions=[0], call=int(label_first))
        check(Kind("label", lambda: predictor, {"sentence": "film"}, probes=[probe]))

    def test_of_a_beam_search_are_not_those_of_the_text(self) -> None:
        """The model embeds at each step the word that it chose."""

        def vector(model: Any, tokens: TextFieldTensors) -> torch.Tensor:
            words = model.embedder.token_embedder_tokens
            state = MeanClassifier.vector(model, tokens)
            for step in range(3):
                chosen = torch.full((len(state),), 3 + step)
                state = (state + words(chosen.repeat_interleave(2)).view(-1, 2, 8).sum(1)).tanh()
            return state

        predictor = with_vector(mean_of()(), vector)
        kind = Kind("search", lambda: predictor, REVIEW, probes=[Probe(token=0, positions=[0])])
        check(kind)


def check(kind: Kind) -> None:
    predictor = kind.build()
    options = {"n_steps": kind.nodes, "quadrature": "gauss-legendre"}
    for result in IntegratedGradient(predictor, **options).interpret_json(kind.inputs):
        assert relative_delta(result) < 1e-3
    slopes = slope_at_the_input(predictor, kind)
    assert any(abs(slope) > 1e-5 for slope in slopes)
    assert score_at_the_input(predictor, kind, kind.probes[0]) == pytest.approx(slopes, rel=1e-3)


class TestFields:
    def test_more_than_nine_are_numbered_in_their_order(self) -> None:
        text = " ".join(f"{word} film ." for word in "a b c d e f g h i j k l".split())
        predictor = documents()()
        result = interpret(predictor, {"sentence": text})
        assert [*result.fields] == [f"sentences[{i}]" for i in range(12)]
        keys = [f"grad_input_{i}" for i in range(1, 13)]
        assert [field.key for field in result.fields.values()] == keys
        assert [*result.saliency()] == keys
        json = IntegratedGradient(predictor).saliency_interpret_from_json({"sentence": text})
        assert [*json["instance_1"]] == keys

    def test_without_a_list_are_numbered_backwards(self) -> None:
        """As AllenNLP numbers them: gradients arrive in that order."""
        result = interpret(KINDS["two embedders"].build(), embedders.PAIR)
        keys = {name: field.key for name, field in result.fields.items()}
        assert keys == {"premise": "grad_input_2", "hypothesis": "grad_input_1"}


TOGETHER = [
    "`elmo_token_embedder`",
    "`bidirectional_lm_token_embedder`",
    "`pretrained_transformer_mismatched`",
    "`pretrained_transformer`, a text folded into several of `max_length`",
    "`embedding` beside `character_encoding` in a `ListField`",
    "`elmo_token_embedder` in a `ListField`",
    "`pretrained_transformer`, xlnet",
    "AllenNLP's own `TransformerEmbeddings`, from a `TransformerTextField`",
]
OTHERS = [
    {"sentence": "a dull film . fun"},
    {"sentence": "the film is not boring but dull . the acting great ."},
]


@pytest.mark.parametrize("name", TOGETHER)
def test_texts_of_several_lengths_get_the_same_scores_as_alone(name: str) -> None:
    kind = next(kind for full, kind in KINDS.items() if full.startswith(name))
    if kind.missing:
        pytest.skip(f"needs {kind.missing}")
    predictor = kind.build()
    inputs = [kind.inputs, *OTHERS]
    interpreter = IntegratedGradient(predictor, n_steps=10, **kind.options)
    together = interpreter.interpret_batch_json(inputs)
    for one, [result] in zip(inputs, together):
        [alone] = IntegratedGradient(predictor, n_steps=10, **kind.options).interpret_json(one)
        assert [*alone.fields] == [*result.fields]
        for field, values in scores(alone).items():
            assert result.fields[field].scores == values
        assert result.unassigned == pytest.approx(alone.unassigned, abs=1e-9)


def test_ids_with_the_positions_first_take_many_rows_to_a_pass() -> None:
    kind = KINDS["`pretrained_transformer`, xlnet"]
    interpreter = IntegratedGradient(kind.build(), n_steps=5, **kind.options)
    interpreter.saliency_interpret_from_json(kind.inputs)  # This also probes the rows.
    passes: List[int] = []
    interpreter.predictor._model.register_forward_hook(lambda *_: passes.append(1))
    interpreter.saliency_interpret_from_json(kind.inputs)
    assert len(passes) == 2


SPECIAL = [
    "`elmo_token_embedder`",
    "`bidirectional_lm_token_embedder`",
    "`pretrained_transformer_mismatched`",
    "`pretrained_transformer`, a text folded into several of `max_length`",
    "`embedding` with start and end tokens, and padding (`token_min_padding_length`)",
]


@pytest.mark.parametrize("name", SPECIAL)
def test_scores_without_a_token_are_reported(name: str) -> None:
    kind = KINDS[name]
    if kind.missing:
        pytest.skip(f"needs {kind.missing}")
    assert interpret(kind.build(), kind.inputs).unassigned != 0.0


class TestJoinedFields:
    """Texts of two fields in one tensor."""

    @pytest.mark.parametrize("dim", [0, 1])
    def test_are_refused(self, dim: int) -> None:
        predictor = KINDS["two embedders"].build()
        model: Any = predictor._model

        def vector(tokens: Any) -> torch.Tensor:
            ids = [text["tokens"]["tokens"] for text in tokens]
            length = max(one.size(1) for one in ids)
            pad = torch.nn.functional.pad
            filled = [pad(one, (0, length - one.size(1))) for one in ids] if dim == 0 else ids
            words = model.premise_embedder.token_embedder_tokens(torch.cat(filled, dim=dim))
            return words.tanh().mean(dim=1).mean(dim=0, keepdim=True).repeat(1, 2)[:, :12]

        model.vector = vector
        with pytest.raises(InterpretationError, match="joins fields 'premise' and 'hypothesis'"):
            interpret(predictor, embedders.PAIR)


class TestPrecision:
    @pytest.mark.parametrize("name", ["`elmo_token_embedder`", "`bag_of_word_counts`"])
    def test_float32_gives_the_same_numbers_as_float64(self, name: str) -> None:
        kind = KINDS[name]
        single = kind.build()
        single._model.float()
        double, single_result = interpret(kind.build()), interpret(single)
        found, expected = (r.fields["tokens"].scores for r in (single_result, double))
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-5)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
    def test_of_half_precision(self, dtype: torch.dtype) -> None:
        """Points of a path are computed in float32. The model gets its own type."""
        seen: List[torch.dtype] = []

        def vector(model: Any, tokens: TextFieldTensors) -> torch.Tensor:
            embedded = model.embedder(tokens)
            seen.append(embedded.dtype)
            mask = get_text_field_mask(tokens).unsqueeze(-1)
            return masked_mean(embedded.double().tanh(), mask, dim=1)

        predictor = with_vector(mean_of()(), vector)
        predictor._model.embedder.to(dtype)
        result = interpret(predictor)
        assert set(seen) == {dtype}
        exact = interpret(mean_of()())
        for found, expected in zip(result.fields["tokens"].scores, exact.fields["tokens"].scores):
            assert found == pytest.approx(expected, abs=0.02)


class TestGradients:
    def test_flow_through_a_frozen_embedder(self) -> None:
        """The embedder's `torch.no_grad` ends at the embedding. The mode is put back."""
        modes: List[bool] = []

        def vector(model: Any, tokens: TextFieldTensors) -> torch.Tensor:
            before = torch.is_grad_enabled()
            with torch.no_grad():
                result = MeanClassifier.vector(model, tokens)
            modes.append(torch.is_grad_enabled() == before)
            return result

        frozen = interpret(with_vector(mean_of()(), vector))
        assert frozen == interpret(mean_of()())
        assert all(modes)
        assert torch.is_grad_enabled()

    def test_that_are_cut_off_are_refused(self) -> None:
        predictor = with_vector(
            mean_of()(), lambda model, tokens: MeanClassifier.vector(model, tokens).detach()
        )
        with pytest.raises(InterpretationError, match="cuts its gradient off"):
            interpret(predictor)

    def test_under_gradient_checkpointing(self) -> None:
        plain, checkpointed = (
            build_predictor("bert", double=True, **overrides)
            for overrides in (
                {},
                {"model.text_field_embedder.token_embedders.tokens.gradient_checkpointing": True},
            )
        )
        assert interpret(plain) == interpret(checkpointed)


@Model.register("tests_positions")
class ByEmbeddings(OwnClassifier):
    """Embeds its words and gives the vectors to a transformer."""

    def __init__(self, vocab: Any, model_name: str) -> None:
        transformer = AutoModel.from_pretrained(model_name)
        super().__init__(vocab, transformer.config.hidden_size)
        self.transformer = transformer

    def vector(self, tokens: TextFieldTensors) -> torch.Tensor:
        ids = tokens["tokens"]["token_ids"]
        vectors = self.transformer.get_input_embeddings()(input=ids)
        return self.transformer(inputs_embeds=vectors)[0][:, 0]


def test_a_transformer_that_is_given_vectors() -> None:
    build = embedders.from_config(
        lambda: embedders.load_params(
            "bert", **{"model": {"type": "tests_positions", "model_name": str(bert_folder())}}
        ).as_dict()
    )
    assert relative_delta(interpret(build())) < 1e-6


class WholeTransformer(TextClassifierPredictor):
    """Names a layer with an output of a Hugging Face class."""

    def get_interpretable_layer(self) -> torch.nn.Module:
        return self._model._text_field_embedder.token_embedder_tokens.transformer_model


class AboveTheText(WholeTransformer):
    """Names a layer that is not called with the text."""

    def get_interpretable_layer(self) -> torch.nn.Module:
        return super().get_interpretable_layer().encoder


def test_the_layer_of_the_predictor_is_used() -> None:
    own = build_predictor("bert", double=True)
    result = interpret(WholeTransformer(own._model, own._dataset_reader))
    assert relative_delta(result) < 1e-6
    assert result.fields["tokens"].scores != interpret(own).fields["tokens"].scores
    with pytest.raises(InterpretationError, match="never calls BertEncoder with the text"):
        interpret(AboveTheText(own._model, own._dataset_reader))


def test_an_embedder_that_is_replaced_needs_a_new_interpreter() -> None:
    predictor = build_predictor("lstm", double=True)
    interpreter = IntegratedGradient(predictor)
    embedder = predictor._model._text_field_embedder
    predictor._model._text_field_embedder = copy.deepcopy(embedder)
    with pytest.raises(InterpretationError, match="was replaced, make the interpreter anew"):
        interpreter.interpret_json({"sentence": "a dull film"})
    assert relative_delta(interpret(predictor)) < 1e-6


@pytest.mark.parametrize("name", [*KINDS])
def test_gradient_shap_works_with_every_kind(name: str) -> None:
    kind = KINDS[name]
    if kind.missing:
        pytest.skip(f"needs {kind.missing}")
    [result] = GradientShap(kind.build(), n_perturbations=4, **kind.options).interpret_json(
        kind.inputs
    )
    assert any(score for field in result.fields.values() for score in field.scores)


def test_the_embedding_of_a_scaled_lookup_is_what_it_multiplies() -> None:
    words, ids = torch.nn.Embedding(5, 2), torch.tensor([[1, 3]])
    seen: List[torch.Tensor] = []

    def replace(given: Any, embedding: torch.Tensor) -> torch.Tensor:
        seen.append(embedding)
        return embedding + 1

    site = EmbeddingSite("words", words, scale=4.0)
    output = site.run(replace, lambda ids: 4 * words(ids), (ids,), {})
    assert torch.equal(seen[0], words(ids))
    assert torch.equal(output, 4 * (words(ids) + 1))


def test_sites_that_share_a_matrix_have_one_number() -> None:
    words, copied, others = (torch.nn.Embedding(5, 2) for _ in range(3))
    copied.weight = words.weight
    sites = [EmbeddingSite("", lookup) for lookup in (words, others, copied, torch.nn.ReLU())]
    assert [site.number for site in numbered(sites)] == [0, 1, 0, 2]


def test_sentences_of_a_document_are_separate_fields() -> None:
    result = interpret(documents()(), DOCUMENT)
    assert [field.tokens[-1] for field in result.fields.values()] == [".", ".", "."]
