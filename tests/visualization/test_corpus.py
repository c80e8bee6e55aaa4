import json
from dataclasses import replace
from pathlib import Path

import pytest

from biome_interpret import Interpretation
from biome_interpret.models.objectives import Target
from biome_interpret.visualization.corpus import Corpus, Gold, gold_of, relative_delta
from biome_interpret.visualization.report import write_report
from tests.visualization.test_report import interpretation, record


def read(*texts: str, target: str = "yes") -> Corpus:
    """A corpus of texts that are written as "word:score word:score"."""
    corpus = Corpus()
    for line, text in enumerate(texts, start=1):
        pairs = [pair.split(":") for pair in text.split()]
        words, scores = [p[0] for p in pairs], [float(p[1]) for p in pairs]
        corpus.add(line, [interpretation(words, scores, target)], None)
    return corpus


def test_words_are_counted_with_their_mean_and_the_lines_with_their_largest_scores() -> None:
    corpus = read("good:1 bad:-1", "Good:3 the:0.01", "good:2 the:0.01", "good:-4", "good:0.5")
    [words] = corpus.words()
    assert words.label == "yes" and words.num_results == 5
    good = words.common.speak_for[0].word
    assert (good.text, good.count, good.mean) == ("good", 5, 0.5)
    assert [example.line for example in good.examples] == [4, 2, 3]
    assert [one.word.text for one in words.common.speak_against] == ["bad"]


def test_words_that_are_surely_large_rank_first() -> None:
    # Rare words and stop words are behind a switch.
    corpus = read(*["good:1"] * 9, "odd:2", *["so:2", "so:-1"] * 5, *["and:0.5"] * 900)
    [words] = corpus.words()
    assert words.least_count == 3
    assert [one.word.text for one in words.common.speak_for] == ["good", "so"]
    assert [one.word.text for one in words.all.speak_for] == ["odd", "good", "and", "so"]


def test_in_few_texts_words_that_occur_once_are_shown() -> None:
    [words] = read("good:1 and:3", "fine:2").words()
    assert words.least_count == 1
    assert [one.word.text for one in words.common.speak_for] == ["fine", "good"]


def test_negations_are_no_stop_words() -> None:
    [words] = read("not:1 the:2 never:3").words()
    assert [one.word.text for one in words.common.speak_for] == ["never", "not"]


def test_the_standard_error_is_that_of_the_mean() -> None:
    [words] = read(*["so:1", "so:3"] * 200, "odd:2").words()
    so, odd = words.all.speak_for
    assert so.error == pytest.approx(1 / 400**0.5, rel=0.01)
    # One occurrence shows no spread: its error is the size of an ordinary score.
    assert odd.error == pytest.approx(5**0.5, rel=0.01)


def test_a_line_is_an_example_once_with_its_largest_score() -> None:
    corpus = read("so:1 so:-5 so:2", "so:1")
    [so] = corpus.words()[0].common.speak_against
    assert [(e.line, e.score) for e in so.word.examples] == [(1, -5.0), (2, 1.0)]


def test_pictographs_are_words_and_punctuation_is_not() -> None:
    corpus = read(".:9 🎉:1 ，:3 电影:2 7:0.5")
    assert [one.word.text for one in corpus.words()[0].common.speak_for] == ["电影", "🎉", "7"]


def test_predictions_are_compared_with_the_texts_own_labels() -> None:
    corpus = Corpus()
    for line, (gold, predicted) in enumerate([("a", "a"), ("a", "b"), ("b", "b"), (None, "b")]):
        other = "b" if predicted == "a" else "a"
        found = [interpretation(["x"], [1.0], probabilities={predicted: 0.9, other: 0.1})]
        own = gold_of(None, {"label": gold, "text": "x"}, found)
        assert own == (None if gold is None else Gold(gold, gold == predicted))
        # What the record says goes before the input.
        assert gold_of(gold, {"label": "b"}, found) == own or gold is None
        corpus.add(line, found, own)
    assert [(c.label, c.predicted, c.right) for c in corpus.labels()] == [("b", 3, 1), ("a", 1, 1)]
    assert (corpus.num_gold, corpus.num_right) == (3, 2)


@pytest.mark.parametrize("inputs", [None, "text", {"label": 7}, {"label": "0"}, {"text": "yes"}])
def test_a_label_that_the_model_does_not_know_is_ignored(inputs: object) -> None:
    found = [interpretation(["x"], [1.0], probabilities={"yes": 0.9, "no": 0.1})]
    assert gold_of(None, inputs, found) is None


def test_several_labels_are_right_if_all_are_predicted() -> None:
    found = [interpretation(["x"], [1.0], target=label) for label in ("a", "b")]
    assert gold_of(["b", "a"], {}, found) == Gold("a, b", True)
    assert gold_of(["b"], {}, found) == Gold("b", False)
    assert gold_of([], {}, []) == Gold("nothing", True)
    assert gold_of(["O", "O"], {}, []) == Gold("nothing", True)
    assert gold_of(["O", "B-person"], {}, []) == Gold("B-person", False)


SEVERAL = {"joy": 0.95, "love": 0.93, "fear": 0.02}


def test_all_labels_of_a_model_of_several_are_counted_and_compared() -> None:
    """Whatever labels are explained."""
    for targets in (["joy", "love"], ["love"], ["fear"]):
        found = [
            interpretation(["x"], [1.0], target=label, probabilities=SEVERAL) for label in targets
        ]
        corpus = Corpus()
        corpus.add(1, found, None)
        assert [(one.label, one.predicted) for one in corpus.labels()] == [("joy", 1), ("love", 1)]
        assert gold_of(["love", "joy"], {}, found, False) == Gold("joy, love", True)
        assert gold_of(["fear"], {}, found) == Gold("fear", False)
        assert gold_of([], {}, found) == Gold("nothing", False)
    none = [interpretation(["x"], [1.0], probabilities={"joy": 0.4, "love": 0.3})]
    assert gold_of([], {}, none) == Gold("nothing", True)


def test_chosen_spans_are_not_compared_with_the_gold_ones() -> None:
    """All that is known of the prediction is what is explained."""
    target = Target("B-person", None, 0.5, "Ann")
    found = [replace(interpretation(["Ann", "left"], [1.0, 0.5]), target=target)]
    gold = ["B-person", "O"]
    assert gold_of(gold, {}, found) == Gold("person: Ann", True)
    assert gold_of(gold, {}, found, False) is None and gold_of([], {}, [], False) is None
    corpus = Corpus(explains_predictions=False)
    corpus.add(1, found, None)
    assert corpus.labels() == []


def test_notes_that_differ_by_numbers_are_counted_together() -> None:
    corpus = Corpus()
    for line, share in enumerate(("5.3", "1e-07", "12,000"), 1):
        notes = [f"they miss {share}", "they miss 7.25", f"note of {line} word"]
        corpus.add(line, [interpretation(["x"], [1.0], notes=notes)], None)
    assert corpus.notes == [("they miss 7.25", 3), ("note of 1 word", 3)]


def test_huge_scores_do_not_end_a_report(tmp_path: Path) -> None:
    scores = [1.7e308, 1.7e308, -1e200, 1.0]
    one = interpretation(list("abcd"), scores, convergence_delta=1e300)
    write_report([{"line": 1, "interpretations": [one.to_json()]}], tmp_path / "page.html")
    assert relative_delta(one) == pytest.approx(1e300 / 1.7e308 / 2)


def test_deltas_are_relative_and_counted_by_decade() -> None:
    corpus = Corpus()
    for delta in (0.0, 1e-9, 4 * 2e-3, 4 * 5e-3, 4 * 0.5, 4 * 20):
        one = interpretation(["x", "y"], [1.5, -2.0], convergence_delta=delta, unassigned=-0.5)
        corpus.add(1, [one], None)
    counted = [(bar.limit, bar.num_texts) for bar in corpus.deltas[None].bars() if bar.num_texts]
    assert counted == [(1e-7, 2), (1e-2, 2), (1.0, 1), (None, 1)]
    without = Interpretation({}, interpretation(["x"], [1.0]).target, 1.0)
    assert relative_delta(without) is None
    assert relative_delta(interpretation(["x"], [0.0], convergence_delta=0.5)) is None


def test_a_delta_is_small_beside_scores_that_cancel() -> None:
    # The outputs coincide, so that any delta is all of their difference.
    one = interpretation(
        ["good", "bad"], [2.0, -2.0], output=1.0, baseline_output=1.0, convergence_delta=8e-6
    )
    assert relative_delta(one) == pytest.approx(2e-6)


def test_the_page_contains_the_summary(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    records = [
        record(i, "splendid stuff", [2.5, -0.25], probabilities={"positive": 1.0, "negative": 0.0})
        for i in range(1, 8)
    ]
    records[3]["inputs"]["label"] = "negative"
    records.append({"line": 8, "error": "ValueError: no text"})
    write_report(json.loads(json.dumps(records)), page, "Films")
    summary = page.read_text(encoding="utf-8").split('<form class="tools"')[0]
    for part in (
        "<dt>Texts</dt><dd>8, 1 with an error</dd>",
        "splendid",
        "+2.5",
        "×7",
        "−0.25",
        "ValueError: no text",
    ):
        assert part in summary
    assert "Accuracy 0.0 %: 0 of 1 texts predicted correctly." in summary
