"""Tokens, words and sentences of texts, with every kind of tokenizer."""

from typing import Any, Dict, List

import pytest
from allennlp.data import Token
from allennlp.data.fields import TextField
from allennlp.data.token_indexers import SingleIdTokenIndexer
from allennlp.data.tokenizers import (
    CharacterTokenizer,
    LettersDigitsTokenizer,
    SpacyTokenizer,
    WhitespaceTokenizer,
)

from biome_interpret import IntegratedGradient
from biome_interpret.models.alignment.segments import GRANULARITIES
from tests.tiny_models import build_predictor, spacy_folder

TEXT = "The film's boring. Surprisingly funny!"


def field_of(tokenizer: Any, text: str) -> TextField:
    return TextField(tokenizer.tokenize(text), {"tokens": SingleIdTokenIndexer()})


def field_of_model(kind: str, text: str) -> TextField:
    predictor = build_predictor(kind)
    instance = predictor._json_to_instance({"sentence": text})
    predictor._dataset_reader.apply_token_indexers(instance)
    return instance["tokens"]


def texts(field: TextField, granularity: str, source: str) -> List[str]:
    return [segment.text for segment in GRANULARITIES[granularity](field, [source])]


class TestSentences:
    CASES: Dict[str, List[str]] = {
        'He said "Stop." Then he left.': ['He said "Stop."', "Then he left."],
        "It ended (it was late.) We left.": ["It ended (it was late.)", "We left."],
        "It ended. (It was late.) We left.": ["It ended.", "(It was late.)", "We left."],
        "Dr. Smith paid $3.5 in the U.S. yesterday.": [
            "Dr. Smith paid $3.5 in the U.S. yesterday."
        ],
        "Really?! Yes!": ["Really?!", "Yes!"],
        "no end": ["no end"],
        "Half a \ud83d smile. Yes!": ["Half a \ud83d smile.", "Yes!"],
        "ماذا؟ نعم.": ["ماذا؟", "نعم."],
    }

    @pytest.mark.parametrize("text", CASES)
    @pytest.mark.parametrize("tokenizer", [WhitespaceTokenizer(), LettersDigitsTokenizer()])
    def test_are_found_in_the_text(self, tokenizer: Any, text: str) -> None:
        found = texts(field_of(tokenizer, text), "sentence", text)
        assert found == self.CASES[text]

    def test_of_a_script_without_spaces(self) -> None:
        text = "电影很好。我喜欢！"
        assert texts(field_of(LettersDigitsTokenizer(), text), "sentence", text) == [
            "电影很好。",
            "我喜欢！",
        ]

    @pytest.mark.parametrize(
        "start_tokens, end_tokens", [(["@start@"], ["@end@"]), (["BEGINNING", "OF"], ["END", "S"])]
    )
    @pytest.mark.parametrize("text", [TEXT, f" {TEXT} \n"])
    def test_of_a_tokenizer_that_adds_tokens(
        self, start_tokens: List[str], end_tokens: List[str], text: str
    ) -> None:
        num_special = 1 if "@start@" in start_tokens else 0
        folder = str(spacy_folder())
        tokenizer = SpacyTokenizer(folder, start_tokens=start_tokens, end_tokens=end_tokens)
        field = field_of(tokenizer, text)
        assert texts(field, "sentence", text) == ["The film's boring.", "Surprisingly funny!"]
        groups = [segment.tokens for segment in GRANULARITIES["sentence"](field, [text])]
        assert sum(groups, []) == list(range(num_special, len(field.tokens) - num_special))

    @pytest.mark.parametrize(
        "tokenizer",
        [
            CharacterTokenizer(),
            CharacterTokenizer(lowercase_characters=True),
            CharacterTokenizer(byte_encoding="utf-8", start_tokens=[257], end_tokens=[258]),
        ],
    )
    def test_of_characters_and_bytes(self, tokenizer: Any) -> None:
        text = "Très bon ! Très long."
        field = field_of(tokenizer, text)
        segments = GRANULARITIES["sentence"](field, ["Try another.", text])
        assert [segment.text for segment in segments] == ["Très bon !", "Très long."]
        assert sum([s.tokens for s in segments], []) == list(range(len(field.tokens)))

    def test_of_pre_split_words(self) -> None:
        text = "it is dull . it is long ."
        found = texts(field_of(WhitespaceTokenizer(), text), "sentence", text)
        assert found == ["it is dull .", "it is long ."]

    @pytest.mark.parametrize("kind", ["bert", "roberta"])
    def test_of_word_pieces(self, kind: str) -> None:
        assert texts(field_of_model(kind, TEXT), "sentence", TEXT) == [
            "The film's boring.",
            "Surprisingly funny!",
        ]

    def test_every_token_that_is_not_special_is_in_one(self) -> None:
        field = field_of_model("bert", TEXT)
        groups = [segment.tokens for segment in GRANULARITIES["sentence"](field, [TEXT])]
        assert sum(groups, []) == list(range(1, len(field.tokens) - 1))


class TestWords:
    def test_by_the_marks_of_word_pieces(self) -> None:
        found = texts(field_of_model("bert", TEXT), "word", TEXT)
        assert found == ["The", "film's", "boring", ".", "Surprisingly", "funny", "!"]

    def test_by_the_marks_of_byte_pairs(self) -> None:
        found = texts(field_of_model("roberta", TEXT), "word", TEXT)
        assert found == ["The", "film's", "boring.", "Surprisingly", "funny!"]

    @pytest.mark.parametrize(
        "text, words",
        [
            ("It isn't 3,500.50 .", ["It", "isn't", "3,500.50", "."]),
            ("l’homme's (best) 'x'.", ["l’homme's", "(", "best", ")", "'", "x", "'", "."]),
            ("isn 't 3 .5 a, b. 7.", ["isn", "'", "t", "3", ".", "5", *"a,b.7."]),
            ("well-known 10km", ["well", "-", "known", "10", "km"]),
            ("'", ["'"]),
        ],
    )
    def test_that_a_tokenizer_divided_at_a_mark_are_joined(
        self, text: str, words: List[str]
    ) -> None:
        field = field_of(LettersDigitsTokenizer(), text)
        assert texts(field, "word", text) == words
        assert texts(field, "word", "another text") == words
        groups = [segment.tokens for segment in GRANULARITIES["word"](field, [text])]
        assert sum(groups, []) == list(range(len(field.tokens)))

    def test_are_shown_as_their_tokens_are(self) -> None:
        """Some readers write tokens in lower case."""
        tokens = LettersDigitsTokenizer().tokenize("The film isn't bad")
        field = TextField([Token(t.text.lower(), idx=t.idx) for t in tokens], {})
        assert texts(field, "word", "The film ISN'T bad") == ["the", "film", "ISN'T", "bad"]

    def test_of_spacy_stay(self) -> None:
        text = "It isn't well-known, it's 3.5 l'x 'y'."
        field = field_of(SpacyTokenizer(str(spacy_folder())), text)
        assert texts(field, "word", text) == texts(field, "all_tokens", text)

    @pytest.mark.parametrize("kind", ["lstm", "bert_mismatched"])
    def test_tokens_that_are_words_stay(self, kind: str) -> None:
        assert texts(field_of_model(kind, TEXT), "word", TEXT) == TEXT.split()

    @pytest.mark.parametrize("kind", ["bert", "roberta"])
    @pytest.mark.parametrize(
        "text", ["ß das ist gut", "line one\nline two", "🙂 good 漢字", "İstanbul good"]
    )
    def test_are_written_as_in_the_text(self, kind: str, text: str) -> None:
        assert "".join(texts(field_of_model(kind, text), "word", text)) == "".join(text.split())

    def test_of_words_that_are_unknown_and_masked(self) -> None:
        text = "the [MASK] is 漢 good"
        found = texts(field_of_model("bert", text), "word", text)
        assert found == ["the", "[MASK]", "is", "漢", "good"]


def test_two_texts_in_one_field() -> None:
    """Offsets begin again with the second text."""
    premise, hypothesis = "The film is boring. Bad.", "it is surprising"
    predictor = build_predictor("bert")
    tokenizer = predictor._dataset_reader._tokenizer
    tokens = tokenizer.add_special_tokens(
        tokenizer.tokenize(premise)[1:-1], tokenizer.tokenize(hypothesis)[1:-1]
    )
    field = TextField(tokens, predictor._dataset_reader._token_indexers)
    found = [s.text for s in GRANULARITIES["word"](field, [premise, hypothesis])]
    assert found == "The film is boring . Bad . it is surprising".split()
    found = [s.text for s in GRANULARITIES["sentence"](field, [premise, hypothesis])]
    assert found == ["The film is boring.", "Bad.", "it is surprising"]


class TestTokens:
    def test_bytes_are_named(self) -> None:
        tokenizer = CharacterTokenizer(byte_encoding="utf-8", start_tokens=[257], end_tokens=[258])
        field = field_of(tokenizer, "né\n!")
        named = ["<257>", "n", "<0xC3>", "<0xA9>", "<0x0A>", "!", "<258>"]
        for granularity in ("all_tokens", "token", "word"):
            assert texts(field, granularity, "né\n!") == named

    def test_special_ones_are_dropped_and_unknown_and_masked_ones_stay(self) -> None:
        text = "the [MASK] is 漢"
        field = field_of_model("bert", text)
        everything = texts(field, "all_tokens", text)
        assert everything == ["[CLS]", "the", "[MASK]", "is", "[UNK]", "[SEP]"]
        assert texts(field, "token", text) == everything[1:-1]

    def test_the_delta_includes_tokens_that_are_dropped(self) -> None:
        predictor = build_predictor("bert")
        inputs = {"sentence": TEXT}
        results = {
            granularity: IntegratedGradient(
                predictor,
                granularity=granularity,
                granularity_aggregation_strategy="sum",
            ).interpret_json(inputs)[0]
            for granularity in GRANULARITIES
        }
        assert len({result.convergence_delta for result in results.values()}) == 1
        sums = {g: sum(r.fields["tokens"].scores) for g, r in results.items()}
        assert sums["word"] == pytest.approx(sums["token"], abs=1e-6)
        assert sums["sentence"] == pytest.approx(sums["token"], abs=1e-6)
        assert sums["all_tokens"] != pytest.approx(sums["token"], abs=1e-3)
