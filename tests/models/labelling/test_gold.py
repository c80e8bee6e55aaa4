"""The target `"gold"`: a text's own label, of any type that a dataset reader makes."""

from typing import Any, List, Tuple

import pytest
from allennlp.data import Instance, Token
from allennlp.data.fields import LabelField
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient, InterpretationError
from biome_interpret.interpretation import Interpretation
from tests.kinds import predictors as kinds
from tests.kinds.predictors import KINDS, NEWS, PARSED, PASSAGE, QUESTION, REVIEW
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor


def build(name: str) -> Predictor:
    kind = KINDS.kinds[name]
    if kind.missing:
        pytest.skip(f"needs {', '.join(kind.missing)}")
    return kind.build()


def gold(predictor: Predictor, instance: Instance, **options: Any) -> List[Interpretation]:
    return IntegratedGradient(predictor, n_steps=3, **options).interpret_instance(instance, "gold")


def labels(results: List[Interpretation]) -> List[Any]:
    return [result.target.label for result in results]


def sentence(text: str) -> List[Token]:
    return [Token(word) for word in text.split()]


WORDS = sentence(PARSED["sentence"])
ROLES = ["B-ARG0", "I-ARG0", "I-ARG0", "B-V", "O", "O", "B-ARG1", "O"]
HEADS: List[Tuple[str, int]] = [
    ("det", 3),
    ("amod", 3),
    ("nsubj", 4),
    ("root", 0),
    ("case", 7),
    ("det", 7),
    ("obl", 4),
    ("punct", 4),
]
TREE = (
    "(S (NP (NN the) (NN hungry) (NN dogs)) (VP (VBD sleep) (PP (NN in) (NP (NN a) "
    "(NN garden)))) (NN .))"
)
ANSWER = PASSAGE.index("New York")
DROP = {
    "question_text": QUESTION["question"],
    "passage_text": PASSAGE,
    "answer_annotations": [{"number": "3", "spans": [], "date": {}}],
}

# For each model: what the reader is given, and the labels that it makes.
READ: List[Any] = [
    ("classifier", {"text": REVIEW["sentence"], "label": "negative"}, ["negative"]),
    (
        "several labels at once",
        {"sentence": REVIEW["sentence"], "labels": ["short", "long"]},
        ["long", "short"],
    ),
    (
        "multiple choice",
        {"qid": "1", "start": "the film", "alternatives": ["is bad .", "is a story"], "label": 1},
        ["1"],
    ),
    (
        "tagger, BIO",
        {"tokens": sentence(NEWS["sentence"]), "tags": "B-PER I-PER O O B-LOC I-LOC O".split()},
        ["B-PER I-PER", "B-LOC I-LOC"],
    ),
    (
        "tagger, BIO",
        {"tokens": sentence(NEWS["sentence"]), "tags": "O O O O O O O".split()},
        [],
    ),
    (
        "semantic roles",
        {"tokens": WORDS, "verb_label": [0, 0, 0, 1, 0, 0, 0, 0], "tags": ROLES},
        ["B-ARG0 I-ARG0 I-ARG0 B-V B-ARG1"],
    ),
    (
        "dependencies",
        {
            "words": PARSED["sentence"].split(),
            "upos_tags": ["NOUN"] * 8,
            "dependencies": HEADS,
        },
        [
            "det(dogs, the) amod(dogs, hungry) nsubj(sleep, dogs) root(root, sleep) "
            "case(garden, in) det(garden, a) obl(sleep, garden) punct(sleep, .)"
        ],
    ),
    (
        "constituents",
        {
            "tokens": PARSED["sentence"].split(),
            "pos_tags": ["NN", "NN", "NN", "VBD", *["NN"] * 4],
            "gold_tree": TREE,
        },
        None,
    ),
    (
        "span of a passage, BiDAF",
        {
            "question_text": QUESTION["question"],
            "passage_text": PASSAGE,
            "char_spans": [(ANSWER, ANSWER + len("New York"))],
        },
        ["New York"],
    ),
    ("NAQANet, passage span", DROP, None),
    ("NAQANet, sum", DROP, None),
    (
        "masked words",
        {"sentence": "the [MASK] is [MASK]", "targets": ["film", "bad"]},
        ["film bad"],
    ),
    ("next word", {"sentence": "the film is", "target": "great"}, ["great"]),
    ("language model, of its own text", REVIEW, [REVIEW["sentence"]]),
    (
        "sequence, attention",
        {"source_string": "the dogs sleep", "target_string": "les chiens"},
        ["les chiens @end@"],
    ),
    (
        "sequence, CopyNet",
        {"source_string": "the dogs sleep", "target_string": "les dogs"},
        ["les dogs @end@"],
    ),
    (
        "sequence, bart",
        {"source_string": "the film is great", "target_string": "bad film"},
        ["[CLS] bad film [SEP]"],
    ),
    (
        "coreference",
        {
            "sentences": [["Mary", "bought", "a", "dog", "."], ["She", "likes", "the", "dog", "."]],
            "gold_clusters": [[(0, 0), (5, 5)]],
        },
        ["Mary, She"],
    ),
]


@pytest.mark.parametrize("name, read, expected", READ)
def test_is_what_the_reader_says(name: str, read: Any, expected: Any) -> None:
    predictor = build(name)
    instance = predictor._dataset_reader.text_to_instance(**read)
    results = gold(predictor, instance)
    if expected is not None:
        assert labels(results) == expected
    assert all(any(s for f in one.fields.values() for s in f.scores) for one in results)
    # Beside what is predicted it is the same.
    both = IntegratedGradient(predictor, n_steps=3).interpret_instance(instance, [None, "gold"])
    for result in results:
        [same] = [one for one in both if one.target.label == result.target.label][-1:]
        assert same.output == pytest.approx(result.output, rel=1e-5)


def test_is_the_score_of_the_labels_own() -> None:
    predictor = build("multiple choice")
    reader = predictor._dataset_reader
    instance = reader.text_to_instance("1", "the film", ["is bad .", "is a story"], 1)
    logits = predictor.predict_instance(instance)["logits"]
    for index, logit in enumerate(logits):
        instance = reader.text_to_instance("1", "the film", ["is bad .", "is a story"], index)
        [result] = gold(predictor, instance)
        assert (result.target.index, result.output) == (index, pytest.approx(logit))


def test_of_a_span_is_the_sum_of_its_ends() -> None:
    predictor = build("span of a passage, BiDAF")
    [read] = [read for name, read, _ in READ if name == "span of a passage, BiDAF"]
    instance = predictor._dataset_reader.text_to_instance(**read)
    outputs = predictor.predict_instance(instance)
    start, end = (instance[field].sequence_index for field in ("span_start", "span_end"))
    [result] = gold(predictor, instance)
    expected = outputs["span_start_logits"][start] + outputs["span_end_logits"][end]
    assert result.output == pytest.approx(expected)


def test_in_a_window_of_a_long_context() -> None:
    predictor = build("the same, of the best of several windows")
    context = kinds.LONG_FILM["context"]
    windows = predictor._dataset_reader.make_instances(
        "1", kinds.FILM["question"], ["clever"], context, context.index("clever")
    )
    found = []
    for window in windows:
        if "answer_span" in window.fields:
            found += labels(gold(predictor, window))
        else:
            with pytest.raises(InterpretationError, match="'gold' needs the text's own"):
                gold(predictor, window)
    assert set(found) == {"clev ##er"}


def test_in_a_dialogue_is_one_for_each_question() -> None:
    predictor = build("answers in a dialogue")
    [instance, *_] = predictor._dataset_reader.read(str(kinds.dialog_file()))
    assert labels(gold(predictor, instance)) == ["New York", "CANNOTANSWER", "Mary Smith moved"]


def test_may_be_several_labels_of_the_input() -> None:
    predictor = build("several labels at once")
    interpreter = IntegratedGradient(predictor, n_steps=3, target="gold")
    results = interpreter.interpret_json({**REVIEW, "labels": ["short", "long"]})
    assert labels(results) == ["short", "long"]


def test_of_a_tagger_that_finds_nothing() -> None:
    predictor = build_predictor("simple_tagger")
    predictor._model.tag_projection_layer._module.bias.data[
        predictor._model.vocab.get_token_index("O", "labels")
    ] += 100
    tokens = sentence(NEWS["sentence"])
    tags = "O O O O B-LOC L-LOC O".split()
    instance = predictor._dataset_reader.text_to_instance(tokens, tags)
    interpreter = IntegratedGradient(predictor, n_steps=3)
    assert interpreter.interpret_instance(instance) == []
    assert labels(interpreter.interpret_instance(instance, "gold")) == ["B-LOC L-LOC"]
    with pytest.raises(InterpretationError, match="'gold' needs the text's own label"):
        interpreter.interpret_json(NEWS, "gold")


@pytest.mark.parametrize("name", ["span of a passage, BiDAF", "dependencies", "next word"])
def test_that_the_text_lacks_is_refused(name: str) -> None:
    interpreter = IntegratedGradient(build(name), n_steps=3, target="gold")
    with pytest.raises(InterpretationError, match="'gold' needs the text's own .*, which it lacks"):
        interpreter.interpret_json(KINDS.kinds[name].inputs)


def test_that_the_model_does_not_know_is_refused() -> None:
    predictor = build_predictor("lstm")
    instance = predictor._dataset_reader.text_to_instance(REVIEW["sentence"])
    instance.add_field("label", LabelField("no such label"))
    with pytest.raises(InterpretationError, match="does not know .*no such label"):
        gold(predictor, instance)


def test_does_not_change_the_result_for_the_prediction() -> None:
    """NAQANet has a label for each way to find an answer: the reader's are not the model's."""
    predictor = build("NAQANet, any answer")
    plain = predictor._dataset_reader.text_to_instance(**{**DROP, "answer_annotations": None})
    labelled = predictor._dataset_reader.text_to_instance(**DROP)
    interpreter = IntegratedGradient(predictor, n_steps=3)
    [expected], [found] = map(interpreter.interpret_instance, (plain, labelled))
    assert found.output == pytest.approx(expected.output)


@pytest.mark.parametrize("mode", ["logits", "softmax", "loss"])
@pytest.mark.parametrize("name", ["cnn", "linear", "lstm", "bert"])
def test_an_own_label_does_not_change_the_result_for_the_predicted_one(
    name: str, mode: str
) -> None:
    predictor = build_predictor(name)
    inputs = EXAMPLE_INPUTS[name]
    [expected] = IntegratedGradient(predictor, inference_mode=mode).interpret_json(inputs)
    for label in ("positive", "negative"):
        instance = predictor._dataset_reader.text_to_instance(inputs["sentence"], label)
        interpreter = IntegratedGradient(predictor, inference_mode=mode)
        for _ in range(2):
            [found] = interpreter.interpret_instance(instance)
            assert found.target.label == expected.target.label
            for field, scores in expected.fields.items():
                assert found.fields[field].scores == pytest.approx(scores.scores, abs=1e-5)


def test_a_text_with_a_label_keeps_its_own_loss() -> None:
    predictor = build_predictor("cnn")
    instance = predictor._dataset_reader.text_to_instance("a dull and boring film .", "negative")
    expected = predictor.predict_instance(instance)["loss"]
    interpreter = IntegratedGradient(predictor)
    for _ in range(2):
        [outcome] = interpreter.outcomes([instance])
        assert outcome.outputs is not None
        assert outcome.outputs["loss"] == pytest.approx(expected)
