"""Instances are labelled with what the model predicts, even if its predictor fails to."""

from typing import Any, Dict, List

import numpy
import pytest
from allennlp.data import Instance
from allennlp.data.fields import LabelField
from allennlp.predictors import Predictor, TextClassifierPredictor

from biome_interpret import IntegratedGradient, InterpretationError
from biome_interpret.interpretation import Interpretation
from biome_interpret.models.labelling import Labelling, labelled_instances
from biome_interpret.models.labelling.tasks.tags import has_scheme, runs_of, spans_of
from biome_interpret.models.labelling.tasks.words import OwnTextLabelling
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.models.registry import by_priority
from tests.kinds.predictors import FILM, KINDS, LONG_FILM, NEWS, QUESTION, REVIEW, SOURCE, TWO_VERBS
from tests.tiny_models import build_predictor

DULL = {"sentence": "a dull and boring film ."}


def build(name: str) -> Predictor:
    return KINDS.kinds[name].build_or_skip()


def interpret(predictor: Predictor, inputs: Any, **options: Any) -> List[Interpretation]:
    return IntegratedGradient(predictor, n_steps=3, **options).interpret_json(inputs)


@pytest.mark.parametrize(
    "tags, expected",
    [
        ("B-PER L-PER O U-LOC", [(0, 1), (3, 3)]),
        ("B-PER I-PER O B-LOC B-LOC I-LOC", [(0, 1), (3, 3), (4, 5)]),
        ("I-PER I-PER I-LOC O I-LOC B-LOC", [(0, 1), (2, 2), (4, 4), (5, 5)]),
        ("B-PER M-PER E-PER S-PER", [(0, 2), (3, 3)]),
        ("O B-PER", [(1, 1)]),
        ("B-PER O O L-PER U-LOC", [(0, 0), (3, 3), (4, 4)]),
        ("L-PER I-PER", [(0, 0), (1, 1)]),
        ("B I O I", [(0, 1), (3, 3)]),
        ("O O", []),
    ],
)
def test_spans_of_tags_of_any_scheme(tags: str, expected: List[Any]) -> None:
    assert has_scheme(tags.split())
    assert spans_of(tags.split()) == expected


def test_runs_of_tags_without_a_scheme() -> None:
    assert not has_scheme(["NNP", "VBD"])
    assert not has_scheme(["PER", "O", "LOC"])
    assert runs_of("PER PER O PER LOC".split()) == [(0, 1), (3, 3), (4, 4)]


class Forced:
    """Makes a tagger predict given tags, whatever it thinks."""

    def __init__(self, predictor: Predictor, tags: str) -> None:
        readable = predictor._model.make_output_human_readable

        def forced(outputs: Dict[str, Any]) -> Dict[str, Any]:
            return {**readable(outputs), "tags": [tags.split()]}

        vars(predictor._model)["make_output_human_readable"] = forced


@pytest.mark.parametrize("name", ["simple_tagger", "crf_tagger"])
def test_an_unfinished_span_is_explained(name: str) -> None:
    predictor = build_predictor(name)
    Forced(predictor, "O B-PER I-PER O O B-LOC O")
    results = interpret(predictor, NEWS)
    assert [result.target.label for result in results] == ["B-PER I-PER", "B-LOC"]
    with pytest.raises(IndexError):
        predictor.json_to_labeled_instances(NEWS)


def test_a_loss_that_the_model_cannot_give_is_refused_in_words() -> None:
    predictor = build_predictor("crf_tagger")
    Forced(predictor, "O B-PER I-PER O O B-LOC O")
    with pytest.raises(
        InterpretationError, match="gives no loss for the explained label .*InvalidTagSequence"
    ):
        interpret(predictor, NEWS, inference_mode="loss")


def test_well_formed_spans_are_those_of_allennlp() -> None:
    predictor = build_predictor("simple_tagger")
    theirs = predictor.json_to_labeled_instances(NEWS)
    results = interpret(predictor, NEWS)
    expected = [" ".join(t for t in one["tags"].labels if t != "O") for one in theirs]
    assert [result.target.label for result in results] == expected


def test_parts_of_speech_are_explained_together() -> None:
    predictor = build("tagger, parts of speech")
    [result] = interpret(predictor, NEWS)
    outputs = predictor.predict_json(NEWS)
    assert result.target.label == " ".join(outputs["tags"])
    chosen = numpy.array(outputs["logits"]).max(axis=-1).sum()
    assert result.output == pytest.approx(chosen)


def test_tags_of_padding_are_cut() -> None:
    predictor = build_predictor("simple_tagger")
    [text] = InputText.read(predictor, NEWS)
    padded = {"tags": "O B-PER I-PER O O O O O U-LOC".split()}
    [labelled] = labelled_instances(predictor, text.instance, padded)
    tags: Any = labelled["tags"]
    assert tags.labels == "O B-PER I-PER O O O O".split()


def test_a_tagger_that_finds_nothing_explains_nothing() -> None:
    predictor = build_predictor("simple_tagger")
    Forced(predictor, "O O O O O O O")
    assert IntegratedGradient(predictor).saliency_interpret_from_json(NEWS) == {}


def test_one_instance_for_each_predicate() -> None:
    predictor = build("semantic roles")
    frames = predictor.predict_json(TWO_VERBS)["verbs"]
    results = interpret(predictor, TWO_VERBS)
    assert [result.target.label for result in results] == [
        " ".join(tag for tag in frame["tags"] if tag != "O") for frame in frames
    ]
    assert interpret(predictor, {"sentence": "a garden ."}) == []


def test_texts_of_many_instances_in_one_batch() -> None:
    texts = [TWO_VERBS, {"sentence": "a garden ."}, {"sentence": "the dogs sleep ."}]
    interpreter = IntegratedGradient(build("semantic roles"), n_steps=3)
    together = interpreter.interpret_batch_json(texts)
    assert [len(results) for results in together] == [2, 0, 1]
    for text, results in zip(texts, together):
        alone = interpreter.interpret_json(text)
        for one, other in zip(results, alone):
            assert one.fields["tokens"].tokens == other.fields["tokens"].tokens
            assert one.fields["tokens"].scores == pytest.approx(other.fields["tokens"].scores)


def test_an_instance_that_a_reader_labelled_is_explained_for_the_prediction() -> None:
    for name in ("dependencies", "span of a passage, BiDAF", "sequence, attention"):
        predictor, inputs = build(name), KINDS.kinds[name].inputs
        [expected] = interpret(predictor, inputs)
        [instance] = InputText.read(predictor, inputs)
        [labelled, *_] = labelled_instances(
            predictor,
            instance.instance,
            predictor._model.forward_on_instance(instance.instance),
        )
        interpreter = IntegratedGradient(predictor, n_steps=3)
        [result] = interpreter.interpret_instance(labelled)
        assert result.output == pytest.approx(expected.output)
        assert list(result.fields) == list(expected.fields)


def test_the_same_predicates_as_the_extractor_finds() -> None:
    predictor = build("open information extraction")
    assert len(interpret(predictor, TWO_VERBS)) == 2


def test_the_next_word_is_the_whole_word() -> None:
    predictor = build("next word")
    [best, *_] = predictor.predict_json(REVIEW)["top_tokens"]
    [result] = interpret(predictor, REVIEW, inference_mode="softmax")
    assert result.target.label == best[0]
    assert result.output == pytest.approx(predictor.predict_json(REVIEW)["probabilities"][0])


def test_a_masked_word_may_be_chosen() -> None:
    predictor = build("masked words")
    masked = {"sentence": "the film is [MASK]"}
    outputs = predictor.predict_json(masked)
    [[_, second, *_]] = outputs["words"]
    [result] = interpret(predictor, masked, target=second, inference_mode="softmax")
    assert result.target.label == second
    assert result.output == pytest.approx(outputs["probabilities"][0][1])
    index = result.target.index
    assert interpret(predictor, masked, target=index, inference_mode="softmax")[0] == result
    with pytest.raises(InterpretationError, match="word or word piece of the model's vocabulary"):
        interpret(predictor, masked, target="no such word")
    with pytest.raises(InterpretationError, match="2 words to fill in"):
        interpret(predictor, {"sentence": "the [MASK] is [MASK]"}, target=second)


def test_the_window_of_the_answer_is_explained() -> None:
    predictor = build("the same, of the best of several windows")
    assert len(predictor._json_to_instances(LONG_FILM)) > 1  # type: ignore[attr-defined]
    outputs = predictor.predict_json(LONG_FILM)
    [result] = interpret(predictor, LONG_FILM)
    assert result.output == pytest.approx(outputs["best_span_scores"])


def test_no_answer_is_explained_at_its_token() -> None:
    predictor = build("span of a context, TransformerQA")
    model = predictor._model
    forward = model._linear_layer.forward

    def nothing(embedded: Any) -> Any:
        logits = forward(embedded)
        logits[:, 0] += 50
        return logits

    model._linear_layer.forward = nothing
    assert list(predictor.predict_json(FILM)["best_span"]) == [-1, -1]
    [result] = interpret(predictor, FILM)
    assert result.target.label == "[CLS]"
    assert result.output == pytest.approx(predictor.predict_json(FILM)["best_span_scores"])


def test_an_output_of_another_name_is_found() -> None:
    for name in ("entailment, BiMPM", "classifier, biattentive"):
        predictor, inputs = build(name), KINDS.kinds[name].inputs
        with pytest.raises(KeyError):
            predictor.json_to_labeled_instances(inputs)
        [result] = interpret(predictor, inputs)
        assert result.target.label == predictor.predict_json(inputs)["label"]


def test_one_instance_for_each_of_several_labels() -> None:
    predictor = build("several labels at once")
    outputs = predictor.predict_json(REVIEW)
    results = interpret(predictor, REVIEW, inference_mode="softmax")
    probable = sorted((p for p in outputs["probs"] if p > 0.5), reverse=True)
    assert [result.output for result in results] == pytest.approx(probable)
    assert results[0].probabilities is not None
    assert max(results[0].probabilities.values()) == pytest.approx(probable[0])
    # The instances differ in their labels only: a target is explained once.
    chosen = IntegratedGradient(predictor, n_steps=3).interpret_json(REVIEW, target="short")
    assert [result.target.label for result in chosen] == ["short"]
    both = IntegratedGradient(predictor, n_steps=3).interpret_json(REVIEW, ["short", "long"])
    assert [result.target.label for result in both] == ["short", "long"]
    with pytest.raises(InterpretationError, match="the labels are"):
        interpret(predictor, REVIEW, target="no such label")


def test_the_most_probable_label_if_none_is_probable() -> None:
    predictor = build("several labels at once")
    predictor._model._projection.bias.data -= 100
    [result] = interpret(predictor, REVIEW)
    assert result.output == pytest.approx(max(predictor.predict_json(REVIEW)["logits"]))


@pytest.mark.parametrize(
    "name, inputs",
    [("span of a passage, BiDAF", QUESTION), ("sequence, attention", SOURCE)],
)
def test_what_takes_no_target_says_so(name: str, inputs: Any) -> None:
    with pytest.raises(InterpretationError, match="cannot be chosen here: only labels"):
        interpret(build(name), inputs, target="Mary")


def test_an_alternative_is_chosen_by_its_number() -> None:
    predictor = build("multiple choice")
    inputs = KINDS.kinds["multiple choice"].inputs
    logits = predictor.predict_json(inputs)["logits"]
    for target in (2, "2"):
        [result] = interpret(predictor, inputs, target=target)
        assert result.target.index == 2
        assert result.output == pytest.approx(logits[2])
    with pytest.raises(InterpretationError, match="numbered from 0 to 2"):
        interpret(predictor, inputs, target=3)


def test_a_label_without_a_name_is_chosen_by_its_number() -> None:
    predictor = build("head of several")
    inputs = KINDS.kinds["head of several"].inputs
    [result] = interpret(predictor, inputs, target=2)
    assert result.target.index == 2
    with pytest.raises(InterpretationError, match="the index of one, a number"):
        interpret(predictor, inputs, target="2")
    with pytest.raises(InterpretationError, match="unknown target 99: the model has 3 outputs"):
        interpret(predictor, inputs, target=99)


def test_an_input_that_the_predictor_does_not_take_is_refused_in_words() -> None:
    with pytest.raises(InterpretationError, match="which has 'text' .KeyError: 'sentence'"):
        interpret(build_predictor("lstm"), {"text": "a film"})


def test_the_head_of_the_task_is_explained() -> None:
    predictor = build("head of several")
    inputs = {**REVIEW, "task": "sentiment"}
    [result] = interpret(predictor, inputs, target=0)
    assert inputs["task"] == "sentiment"
    outputs = predictor.predict_json(dict(inputs))
    assert result.output == pytest.approx(outputs["sentiment_logits"][0])
    with pytest.raises(InterpretationError, match="^unknown task 'topic': the model's are"):
        interpret(predictor, {**REVIEW, "task": "topic"})


def test_the_prediction_of_a_head_that_names_no_label_is_its_largest_logit() -> None:
    predictor = build("head of several")
    for task in ("sentiment", "length"):
        inputs = {**REVIEW, "task": task}
        [result] = interpret(predictor, dict(inputs))
        logits = predictor.predict_json(dict(inputs))[f"{task}_logits"]
        assert result.target.index == numpy.argmax(logits)
        assert result.output == pytest.approx(max(logits))


class Unlabelling(TextClassifierPredictor):
    predictions_to_labeled_instances = Predictor.predictions_to_labeled_instances


def test_a_classifier_whose_predictor_labels_nothing() -> None:
    own = build_predictor("lstm")
    [expected] = interpret(own, REVIEW)
    [result] = interpret(Unlabelling(own._model, own._dataset_reader), REVIEW)
    assert result == expected


class Failing(TextClassifierPredictor):
    def predictions_to_labeled_instances(self, instance: Any, outputs: Any) -> List[Instance]:
        raise IndexError("list index out of range")


def test_a_predictor_that_fails_to_label_is_refused_in_words() -> None:
    own = build_predictor("lstm")
    with pytest.raises(InterpretationError, match="Failing cannot label what the model predicts"):
        interpret(Failing(own._model, own._dataset_reader), REVIEW)


class MakesNone(TextClassifierPredictor):
    def _json_to_instance(self, json_dict: Any) -> Any:
        return None


def test_a_predictor_that_makes_no_instance_is_refused_in_words() -> None:
    inner = build_predictor("linear")
    with pytest.raises(InterpretationError, match="MakesNone makes a NoneType of this input"):
        interpret(MakesNone(inner._model, inner._dataset_reader), DULL)


def test_a_decoder_whose_words_are_not_known_is_refused_in_words() -> None:
    predictor = build("sequence, attention")
    del predictor._model._end_index
    with pytest.raises(InterpretationError, match="the words that SimpleSeq2Seq writes are not"):
        labelled_instances(
            predictor,
            InputText.read(predictor, SOURCE)[0].instance,
            {"predictions": [[2, 3]]},
        )


def test_several_tags_of_a_token_are_refused_in_words() -> None:
    predictor = build("tagger, BIO")
    text = InputText.read(predictor, NEWS)[0].instance
    tags = [["O"], ["B-PER", "B-LOC"]] + [["O"]] * 5
    with pytest.raises(InterpretationError, match="gives each token several tags"):
        labelled_instances(predictor, text, {"tags": tags})


def test_tags_that_are_indices_are_named() -> None:
    predictor = build("tagger, BIO")
    text = InputText.read(predictor, NEWS)[0].instance
    names = "B-PER I-PER O O O O O".split()
    ids = [predictor._model.vocab.get_token_index(name, "labels") for name in names]
    [by_name] = labelled_instances(predictor, text, {"tags": names})
    [by_index] = labelled_instances(predictor, text, {"tags": ids})
    assert by_index["tags"].labels == by_name["tags"].labels == names  # type: ignore[attr-defined]


class Mine(TextClassifierPredictor):
    """A predictor of the user's own."""


def test_a_labelling_of_the_users_own_is_used() -> None:
    @Labelling.register("least_probable")
    class LeastProbable(Labelling):
        @classmethod
        def fits(cls, predictor: Predictor) -> bool:
            return isinstance(predictor, Mine)

        def labelled(self, predictor: Any, instance: Instance, output: Any) -> List[Instance]:
            new = instance.duplicate()
            index = int(numpy.argmin(output["logits"]))
            new.add_field("label", LabelField(index, skip_indexing=True))
            return [new]

    try:
        own = build_predictor("lstm", double=True)
        [result] = interpret(Mine(own._model, own._dataset_reader), REVIEW)
        assert result.output == pytest.approx(min(own.predict_json(REVIEW)["logits"]))
    finally:
        del Labelling._registry[Labelling]["least_probable"]


def test_a_label_that_contradicts_the_logits_is_refused() -> None:
    predictor = build_predictor("cnn")
    readable = predictor._model.make_output_human_readable

    def reversed_scores(outputs: Dict[str, Any]) -> Dict[str, Any]:
        outputs = readable(outputs)
        return {**outputs, **{name: -outputs[name] for name in ("logits", "probs")}}

    vars(predictor._model)["make_output_human_readable"] = reversed_scores
    interpreter = IntegratedGradient(predictor, n_steps=3)
    with pytest.raises(InterpretationError, match="the model calls its prediction '.*', but"):
        interpreter.interpret_json(REVIEW)
    # A label that the user gives is explained, with a note.
    [found] = interpreter.interpret_json(REVIEW, target="negative")
    assert "the model calls its prediction" in found.notes[0]


# In the order in which they are tried.
OURS = [
    "own_text",
    "next_word",
    "constituents",
    "dependencies",
    "extractions",
    "frames",
    "tags",
    "dialog",
    "passage_answer",
    "window",
    "span",
    "sequence",
    "multitask",
    "alternative",
    "label",
    "predictor",
    "other_label",
]


@pytest.mark.parametrize("names", [OURS, OURS[::-1], sorted(OURS)])
def test_the_order_does_not_depend_on_that_of_imports(
    monkeypatch: pytest.MonkeyPatch, names: List[str]
) -> None:
    registry: Any = Labelling._registry
    ours = registry[Labelling]
    monkeypatch.setitem(registry, Labelling, {name: ours[name] for name in names})
    assert by_priority(Labelling) == tuple(ours[name][0] for name in OURS)
    for predictor, expected in (
        (build("semantic roles"), "frames"),
        (build("open information extraction"), "extractions"),
        (build("NAQANet, any answer"), "passage_answer"),
        (build("classifier"), "label"),
        (build("span of a passage, BiDAF"), "predictor"),
    ):
        assert type(Labelling.of(predictor)) is ours[expected][0]


@pytest.mark.parametrize("is_registered_first", [True, False])
def test_a_labelling_of_the_users_own_goes_before_ours(
    monkeypatch: pytest.MonkeyPatch, is_registered_first: bool
) -> None:
    class Own(OwnTextLabelling):
        @classmethod
        def fits(cls, predictor: Predictor) -> bool:
            return True

    registry: Any = Labelling._registry
    own, ours = {"own": (Own, None)}, registry[Labelling]
    both = {**own, **ours} if is_registered_first else {**ours, **own}
    monkeypatch.setitem(registry, Labelling, both)
    assert type(Labelling.of(build_predictor("lstm"))) is Own
