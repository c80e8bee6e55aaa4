"""Occlusion against closed forms, other methods, and the plain predictor on changed texts."""

import math
from itertools import combinations
from typing import Any, Dict, List

import pytest
from allennlp.common import JsonDict
from allennlp.common.checks import ConfigurationError
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor

from biome_interpret import (
    IntegratedGradient,
    Interpretation,
    InterpretationError,
    Occlusion,
    ShapleySampling,
)
from tests.interpreters.test_integrated_gradient import linear_attributions
from tests.kinds.others.models.gradients import Argmax, FrozenDetach, WritesIntoItsStates
from tests.kinds.others.records import maker
from tests.models.execution.test_probing import (
    CountsPositions,
    FirstRowOnly,
    Forgetful,
    MixesLongTexts,
    MixesLongTextsMildly,
    MixesRows,
    OneOnly,
    as_kind,
)
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

REVIEW = EXAMPLE_INPUTS["lstm"]
SHORT = {"sentence": "the film is clever"}
PAIR = {"premise": "two dogs sleep .", "hypothesis": "animals sleep in snow"}
REMOVALS = ["baseline", "delete"]


def scores_of(result: Interpretation) -> List[float]:
    return [score for field in result.fields.values() for score in field.scores]


def tokens_of(result: Interpretation) -> List[str]:
    return [token for field in result.fields.values() for token in field.tokens]


def logit(predictor: Predictor, inputs: JsonDict, label: int) -> float:
    """What the predictor says of a text, without this package."""
    output = predictor.predict_json(inputs)
    return float((output.get("logits") or output["label_logits"])[label])


def label_of(predictor: Predictor, inputs: JsonDict) -> int:
    output = predictor.predict_json(inputs)
    logits = output.get("logits") or output["label_logits"]
    return max(range(len(logits)), key=lambda i: logits[i])


def without(inputs: JsonDict, *removed: int) -> JsonDict:
    """The input without some of its words, which are counted through all fields."""
    found, first = {}, 0
    for name, text in inputs.items():
        words = text.split()
        kept = [word for i, word in enumerate(words, start=first) if i not in removed]
        found[name] = " ".join(kept)
        first += len(words)
    return found


def test_loads_by_name() -> None:
    assert SaliencyInterpreter.by_name("biome-occlusion") is Occlusion


class TestLinearModel:
    @pytest.mark.parametrize("baseline", [0.0, 0.3, "unknown", "mean"])
    def test_it_is_integrated_gradients_and_the_shapley_value(self, baseline: Any) -> None:
        predictor = build_predictor("linear", double=True)
        [gradients] = IntegratedGradient(predictor, baseline=baseline).interpret_json(REVIEW)
        for method in (Occlusion, ShapleySampling):
            [found] = method(predictor, baseline=baseline, interactions=True).interpret_json(REVIEW)
            assert scores_of(found) == pytest.approx(scores_of(gradients), abs=1e-9)
            assert found.interactions is not None
            values = [value for row in found.interactions.values for value in row]
            assert values == pytest.approx([0.0] * len(values), abs=1e-9)
            assert found.notes == []
        if not isinstance(baseline, str):
            expected = linear_attributions(predictor, REVIEW, baseline)
            assert scores_of(gradients) == pytest.approx(expected, abs=1e-9)

    def test_a_word_that_is_deleted_takes_its_part_with_it(self) -> None:
        predictor = build_predictor("linear", double=True)
        [found] = Occlusion(predictor, removal="delete", interactions=True).interpret_json(REVIEW)
        expected = linear_attributions(predictor, REVIEW, 0.0)
        assert scores_of(found) == pytest.approx(expected, abs=1e-9)
        values = [value for row in found.interactions.values for value in row]
        assert values == pytest.approx([0.0] * len(values), abs=1e-9)


class TestDelete:
    @pytest.mark.parametrize("kind", ["lstm", "cnn", "embedding_and_characters"])
    def test_is_the_prediction_of_the_shorter_text(self, kind: str) -> None:
        predictor = build_predictor(kind)
        interpreter = Occlusion(predictor, removal="delete", interactions=True)
        [found] = interpreter.interpret_json(SHORT)
        label = label_of(predictor, SHORT)
        whole = logit(predictor, SHORT, label)
        one = [logit(predictor, without(SHORT, i), label) for i in range(4)]
        assert found.output == pytest.approx(whole, abs=1e-5)
        assert scores_of(found) == pytest.approx([whole - other for other in one], abs=1e-5)
        assert found.n_evaluations == 4 + 6
        for i, j in combinations(range(4), 2):
            both = logit(predictor, without(SHORT, i, j), label)
            expected = whole - one[i] - one[j] + both
            assert found.interactions.values[i][j] == pytest.approx(expected, abs=1e-5)
            assert found.interactions.values[j][i] == found.interactions.values[i][j]

    @pytest.mark.parametrize("kind", ["esim", "decomposable_attention"])
    def test_of_both_texts_of_a_pair(self, kind: str) -> None:
        predictor = build_predictor(kind)
        [found] = Occlusion(predictor, removal="delete").interpret_json(PAIR)
        label = label_of(predictor, PAIR)
        whole = logit(predictor, PAIR, label)
        expected = [whole - logit(predictor, without(PAIR, i), label) for i in range(8)]
        assert list(found.fields) == ["premise", "hypothesis"]
        assert scores_of(found) == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize("kind", ["bert", "roberta", "bert_mismatched"])
    def test_the_pieces_of_a_word_go_together(self, kind: str) -> None:
        predictor = build_predictor(kind)
        text = {"sentence": "the clever ending is surprising"}
        [found] = Occlusion(predictor, removal="delete", granularity="word").interpret_json(text)
        assert tokens_of(found) == text["sentence"].split()
        label = label_of(predictor, text)
        whole = logit(predictor, text, label)
        expected = [whole - logit(predictor, without(text, i), label) for i in range(5)]
        assert scores_of(found) == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize("kind", ["bert", "roberta"])
    @pytest.mark.parametrize("interactions", [False, True])
    def test_special_tokens_stay(self, kind: str, interactions: bool) -> None:
        predictor = build_predictor(kind)
        interpreter = Occlusion(predictor, removal="delete", interactions=interactions)
        [found] = interpreter.interpret_json(SHORT)
        assert scores_of(found)[0] == scores_of(found)[-1] == 0.0
        assert all(score for score in scores_of(found)[1:-1])
        [plain] = Occlusion(predictor, removal="delete", granularity="token").interpret_json(SHORT)
        assert scores_of(plain) == pytest.approx(scores_of(found)[1:-1], abs=1e-6)

    @pytest.mark.parametrize("inputs", [{"sentence": "clever"}, {"sentence": "clever film ."}])
    def test_a_text_without_words_is_one_unknown_word(self, inputs: JsonDict) -> None:
        predictor = build_predictor("lstm")
        number = len(inputs["sentence"].split())
        [found] = ShapleySampling(predictor, removal="delete").interpret_json(inputs)
        label = label_of(predictor, inputs)
        empty = logit(predictor, {"sentence": "never-seen-before"}, label)
        assert found.baseline_output == pytest.approx(empty, abs=1e-5)
        assert len(found.scores) == number
        assert sum(found.scores) == pytest.approx(found.output - empty, abs=1e-5)

    @pytest.mark.parametrize("option", ["baseline", "background"])
    def test_a_baseline_is_refused(self, option: str) -> None:
        value: Any = "unknown" if option == "baseline" else ["a film"]
        message = f"removal='delete' and {option} exclude each other: give .*, or {option}$"
        with pytest.raises(ConfigurationError, match=message):
            Occlusion(build_predictor("lstm"), removal="delete", **{option: value})


class TestBaseline:
    def test_unknown_is_the_prediction_with_an_unknown_word(self) -> None:
        predictor = build_predictor("lstm")
        [found] = Occlusion(predictor, baseline="unknown", interactions=True).interpret_json(SHORT)
        label = label_of(predictor, SHORT)

        def value(*places: int) -> float:
            words = SHORT["sentence"].split()
            changed = ["xyzzy" if i in places else word for i, word in enumerate(words)]
            return logit(predictor, {"sentence": " ".join(changed)}, label)

        assert scores_of(found) == pytest.approx([value() - value(i) for i in range(4)], abs=1e-5)
        for i, j in combinations(range(4), 2):
            expected = value() - value(i) - value(j) + value(i, j)
            assert found.interactions.values[i][j] == pytest.approx(expected, abs=1e-5)

    def test_mask_is_the_prediction_with_the_mask_of_a_transformer(self) -> None:
        predictor = build_predictor("bert")
        [found] = Occlusion(predictor, baseline="mask").interpret_json(SHORT)
        instance = predictor._json_to_instance(SHORT)
        label = label_of(predictor, SHORT)
        tokens = instance["tokens"].tokens
        mask = predictor._dataset_reader._tokenizer.tokenizer
        expected = []
        for place in range(len(tokens)):
            changed = predictor._json_to_instance(SHORT)
            token = changed["tokens"].tokens[place]
            token.text, token.text_id = mask.mask_token, mask.mask_token_id
            output = predictor.predict_instance(changed)
            expected.append(found.output - output["logits"][label])
        assert scores_of(found) == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize("kind", ["bert", "bert_mismatched"])
    def test_held_special_tokens_get_exactly_nothing(self, kind: str) -> None:
        interpreter = Occlusion(build_predictor(kind), hold_special_tokens=True)
        [found] = interpreter.interpret_json(SHORT)
        if kind == "bert":
            assert scores_of(found)[0] == scores_of(found)[-1] == 0.0
        words = scores_of(found)[1:-1] if kind == "bert" else scores_of(found)
        assert all(words)

    def test_a_word_is_all_its_pieces(self) -> None:
        predictor = build_predictor("bert")
        text = {"sentence": "boring"}
        [word] = Occlusion(predictor, granularity="word").interpret_json(text)
        interpreter = Occlusion(predictor, granularity="token", interactions=True)
        [pieces] = interpreter.interpret_json(text)
        assert tokens_of(pieces) == ["bor", "##ing"] and tokens_of(word) == ["boring"]
        one, other = scores_of(pieces)
        together = pieces.interactions.values[0][1]
        assert scores_of(word)[0] == pytest.approx(one + other - together, abs=1e-5)

    def test_several_backgrounds_are_averaged(self) -> None:
        predictor = build_predictor("lstm")
        texts = ["a dull film", "the story is great", "not bad at all ."]
        [found] = Occlusion(predictor, background=texts).interpret_json(SHORT)
        each = [Occlusion(predictor, background=[t]).interpret_json(SHORT)[0] for t in texts]
        for i, score in enumerate(scores_of(found)):
            assert score == pytest.approx(sum(scores_of(e)[i] for e in each) / 3, abs=1e-5)

    def test_sentences(self) -> None:
        predictor = build_predictor("lstm")
        text = {"sentence": "the film is clever . the story is great ."}
        interpreter = Occlusion(predictor, granularity="sentence", baseline="unknown")
        [found] = interpreter.interpret_json(text)
        label = label_of(predictor, text)
        halves = ["x x x x x the story is great .", "the film is clever . x x x x x"]
        expected = [found.output - logit(predictor, {"sentence": h}, label) for h in halves]
        assert scores_of(found) == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize("mode", ["softmax", "log_softmax", "loss"])
    def test_modes(self, mode: str) -> None:
        predictor = build_predictor("lstm")
        interpreter = Occlusion(predictor, baseline="unknown", inference_mode=mode)
        [found] = interpreter.interpret_json(SHORT)
        label = label_of(predictor, SHORT)

        def value(text: str) -> float:
            probability = predictor.predict_json({"sentence": text})["probs"][label]
            return probability if mode == "softmax" else math.log(probability)

        changed = ["x film is clever", "the x is clever", "the film x clever", "the film is x"]
        expected = [value(SHORT["sentence"]) - value(text) for text in changed]
        assert scores_of(found) == pytest.approx(expected, abs=1e-5)


class TestTaggers:
    @pytest.mark.parametrize("kind", ["simple_tagger", "crf_tagger"])
    def test_leaving_words_out_is_refused_with_what_to_do(self, kind: str) -> None:
        interpreter = Occlusion(build_predictor(kind), removal="delete")
        message = "the field 'tags' refers to its tokens: remove words by a baseline instead"
        with pytest.raises(InterpretationError, match=message):
            interpreter.interpret_json(EXAMPLE_INPUTS[kind])

    @pytest.mark.parametrize("kind", ["simple_tagger", "crf_tagger"])
    def test_a_baseline_works_for_each_span(self, kind: str) -> None:
        predictor = build_predictor(kind)
        found = Occlusion(predictor, interactions=True).interpret_json(EXAMPLE_INPUTS[kind])
        others = IntegratedGradient(predictor).interpret_json(EXAMPLE_INPUTS[kind])
        assert [one.target.label for one in found] == [one.target.label for one in others]
        for one, other in zip(found, others):
            assert one.output == pytest.approx(other.output, abs=1e-5)
            assert any(scores_of(one))
            assert len(one.interactions.values) == len(scores_of(one))


class TestGradients:
    @pytest.mark.parametrize("model", [FrozenDetach, Argmax, WritesIntoItsStates])
    @pytest.mark.parametrize("removal", REMOVALS)
    def test_are_not_needed(self, model: Any, removal: str) -> None:
        predictor = maker(model)()
        with pytest.raises(InterpretationError, match="gradient"):
            IntegratedGradient(predictor).interpret_json({"sentence": "a dull film"})
        [found] = Occlusion(predictor, removal=removal).interpret_json({"sentence": "a dull film"})
        assert any(scores_of(found)) and found.notes == []


class TestRowsThatMix:
    @pytest.mark.parametrize("removal", REMOVALS)
    @pytest.mark.parametrize(
        "model",
        [MixesRows, OneOnly, FirstRowOnly, MixesLongTexts, MixesLongTextsMildly],
    )
    def test_the_scores_are_right(self, model: type, removal: str) -> None:
        options = {"removal": removal, "interactions": True}
        [expected] = Occlusion(build_predictor("lstm"), **options).interpret_json(REVIEW)
        odd = Occlusion(as_kind(model), **options)
        odd.interpret_json({"sentence": "dull film"})
        for found in (odd.interpret_json(REVIEW), odd.interpret_batch_json([REVIEW] * 3)[1]):
            assert scores_of(found[0]) == pytest.approx(scores_of(expected), abs=1e-5)
            for row, other in zip(found[0].interactions.values, expected.interactions.values):
                assert row == pytest.approx(other, abs=1e-5)

    @pytest.mark.parametrize("removal", REMOVALS)
    def test_padding_that_matters_is_noted_and_avoided(self, removal: str) -> None:
        predictor = as_kind(CountsPositions)
        interpreter = Occlusion(predictor, removal=removal)
        texts = [SHORT, {"sentence": "the film is clever ."}, REVIEW]
        for found, text in zip(interpreter.interpret_batch_json(texts), texts):
            assert "changes when padding is appended" in found[0].notes[0]
            if removal == "delete":
                label = label_of(predictor, text)
                number = len(text["sentence"].split())
                whole = logit(predictor, text, label)
                expected = [
                    whole - logit(predictor, without(text, i), label) for i in range(number)
                ]
                assert scores_of(found[0]) == pytest.approx(expected, abs=1e-5)

    def test_words_left_out_of_a_text_that_must_not_be_padded_share_passes_by_length(self) -> None:
        # Without one of 17 words and without two, texts are nearly of the same length.
        text = {"sentence": " ".join([*REVIEW["sentence"].split()] * 2).rsplit(" ", 9)[0]}
        assert len(text["sentence"].split()) == 17
        interpreter = Occlusion(as_kind(CountsPositions), removal="delete", interactions=True)
        [found] = interpreter.interpret_json(text)
        assert len(found.notes) == 1 and "padding" in found.notes[0]

    def test_a_model_with_another_output_each_time_is_refused(self) -> None:
        with pytest.raises(InterpretationError, match="does not give the same output again"):
            Occlusion(as_kind(Forgetful)).interpret_json(REVIEW)


TEXTS: Dict[str, JsonDict] = {
    "one token": {"sentence": "film"},
    "emoji": {"sentence": "clever 😍 👩‍👩‍👧 film"},
    "right to left": {"sentence": "فيلم رائع جدا"},
    "markup": {"sentence": "<b>film</b> & \x1b[31m story"},
}


@pytest.mark.parametrize("removal", REMOVALS)
@pytest.mark.parametrize("name", TEXTS)
def test_odd_texts(name: str, removal: str) -> None:
    interpreter = Occlusion(build_predictor("lstm"), removal=removal, interactions=True)
    [found] = interpreter.interpret_json(TEXTS[name])
    number = len(TEXTS[name]["sentence"].split())
    assert len(scores_of(found)) == number == len(found.interactions.values)


@pytest.mark.parametrize("removal", REMOVALS)
def test_a_text_without_tokens_is_refused(removal: str) -> None:
    interpreter = Occlusion(build_predictor("lstm"), removal=removal)
    with pytest.raises(InterpretationError, match="has no tokens"):
        interpreter.interpret_json({"sentence": ""})


def test_interactions_of_very_many_units_are_refused_with_what_to_do() -> None:
    text = {"sentence": "film " * 300}
    interpreter = Occlusion(build_predictor("linear"), interactions=True)
    with pytest.raises(InterpretationError, match="300 units.*'sentence'"):
        interpreter.interpret_json(text)
    [found] = Occlusion(build_predictor("linear")).interpret_json(text)
    assert found.n_evaluations == 300


class TestOptions:
    @pytest.mark.parametrize(
        "options, said",
        [
            ({"removal": "drop"}, "removal is 'drop'.*'baseline', 'delete'"),
            ({"interactions": 1}, "interactions is 1; it must be true or false"),
            ({"interaction": True}, "no option 'interaction' .did you mean 'interactions'"),
            (
                {"n_steps": 3},
                "no option 'n_steps'; its options are .*device, removal, interactions$",
            ),
            ({"autocast": True}, "no option 'autocast'.*baseline, background, hold_special_tokens"),
        ],
    )
    def test_wrong_ones_name_the_allowed_ones(self, options: Dict[str, Any], said: str) -> None:
        with pytest.raises(ConfigurationError, match=said):
            Occlusion(build_predictor("lstm"), **options)

    def test_several_targets_differ_by_their_label(self) -> None:
        predictor = build_predictor("lstm")
        found = Occlusion(predictor, baseline="unknown").interpret_json(SHORT, target=[0, 1])
        for label, one in enumerate(found):
            changed = {"sentence": "x film is clever"}
            expected = logit(predictor, SHORT, label) - logit(predictor, changed, label)
            assert one.scores[0] == pytest.approx(expected, abs=1e-5)
