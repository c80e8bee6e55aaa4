"""The explained number is the model's own, in every mode, for each row of a batch."""

import math
from itertools import product
from typing import Any, Dict, List, Sequence, Tuple

import pytest
import torch
from allennlp.data import Instance, Token
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient
from biome_interpret.interpretation import Interpretation
from biome_interpret.models.embedding.finders import find_sites
from biome_interpret.models.evidence.evidence import Evidence
from biome_interpret.models.labelling import labelled_instances
from biome_interpret.models.labelling.texts import InputText
from biome_interpret.models.objectives import forward_arguments, objective_for
from biome_interpret.models.objectives.inference_modes import InferenceMode
from biome_interpret.models.tensors import to_tensors
from tests.kinds.others.models.taggers import SPACES, ContextReader, LabelsName, WithContext
from tests.kinds.others.records import maker
from tests.kinds.predictors import KINDS, QUESTION, SOURCE
from tests.tiny_models import build_predictor

MODES = ("logits", "log_softmax", "softmax", "loss")


def build(name: str) -> Predictor:
    return KINDS.kinds[name].build_or_skip()


def interpret(predictor: Predictor, inputs: Any, **options: Any) -> List[Interpretation]:
    return IntegratedGradient(predictor, n_steps=3, **options).interpret_json(inputs)


def labelled(predictor: Predictor, inputs: Any) -> List[Instance]:
    return [
        instance
        for text in InputText.read(predictor, inputs)
        for instance in labelled_instances(
            predictor, text.instance, predictor._model.forward_on_instance(text.instance)
        )
    ]


def in_batch(predictor: Predictor, instances: List[Instance], mode: str) -> torch.Tensor:
    """f of each row of a batch, without any hook."""
    model = predictor._model
    objective = objective_for(model, instances[0], InferenceMode.of(mode))
    if objective.logit_dims is not None:
        evidence = Evidence(model, find_sites(predictor), instances[0], objective, {})
        objective.read_as(evidence.reading())
    tensors = to_tensors(instances, model)
    with torch.no_grad():
        outputs = objective.run(forward_arguments(objective, tensors))
        return objective.values(outputs, tensors)


# Two texts of different length for each model.
PAIRS_OF_TEXTS: Dict[str, Tuple[Any, Any]] = {
    "tagger, BIO": (
        {"sentence": "Mary Smith moved to New York ."},
        {"sentence": "Mary Smith moved"},
    ),
    "semantic roles": (
        {"sentence": "the dogs sleep in a garden ."},
        {"sentence": "dogs sleep ."},
    ),
    "dependencies": (
        {"sentence": "the hungry dogs sleep in a garden ."},
        {"sentence": "the dogs sleep ."},
    ),
    "constituents": (
        {"sentence": "the hungry dogs sleep in a garden ."},
        {"sentence": "the dogs sleep ."},
    ),
    "span of a passage, BiDAF": (
        QUESTION,
        {"question": "Where ?", "passage": "Mary Smith moved to New York ."},
    ),
    "span of a context, TransformerQA": (
        {"question": "was the film bad ?", "context": "the acting is great and the story fun ."},
        {"question": "fun ?", "context": "the film is not bad"},
    ),
    "multiple choice": (
        {"prefix": "the film is", "alternatives": ["bad .", "a clever story .", "fun"]},
        {"prefix": "film", "alternatives": ["bad", "great", "a story"]},
    ),
    "masked words": (
        {"sentence": "the film is not [MASK] but a [MASK] story"},
        {"sentence": "the [MASK] is bad"},
    ),
    "sequence, attention": (SOURCE, {"source": "a garden"}),
    "sequence, composed, attention": (SOURCE, {"source": "a garden"}),
}


@pytest.mark.parametrize("name", PAIRS_OF_TEXTS)
@pytest.mark.parametrize("mode", ["logits", "log_softmax"])
def test_rows_of_different_texts_have_their_own_values(name: str, mode: str) -> None:
    predictor = build(name)
    instances = [labelled(predictor, inputs)[0] for inputs in PAIRS_OF_TEXTS[name]]
    together = in_batch(predictor, instances, mode)
    alone = torch.cat([in_batch(predictor, [instance], mode) for instance in instances])
    assert together.tolist() == pytest.approx(alone.tolist(), rel=1e-4, abs=1e-5)
    assert alone[0] != pytest.approx(float(alone[1]), rel=1e-4)


@pytest.mark.parametrize(
    "tags",
    [["U-PER", "O", "O"], ["O", "U-PER", "O"], ["O", "O", "U-PER"], ["O", "B-LOC", "L-LOC"]],
)
def test_a_span_has_the_probability_that_the_random_field_gives_its_tags(tags: List[str]) -> None:
    """That of all sequences with these tags, over that of all sequences."""
    predictor = build_predictor("crf_tagger", double=True)
    words = [Token(word) for word in ("Mary", "moved", "York")]
    instance = predictor._dataset_reader.text_to_instance(words, tags)
    names = predictor._model.vocab.get_token_to_index_vocabulary("labels")
    field: Any = predictor._model.crf
    logits = torch.tensor(predictor.predict_instance(instance)["logits"])

    def score(sequence: Sequence[int]) -> float:
        steps = zip(sequence, sequence[1:])
        total = field.start_transitions[sequence[0]] + field.end_transitions[sequence[-1]]
        total = total + sum(field.transitions[one, other] for one, other in steps)
        return float(total.detach()) + sum(float(row[tag]) for row, tag in zip(logits, sequence))

    chances = {one: math.exp(score(one)) for one in product(range(len(names)), repeat=3)}
    span = [(i, names[tag]) for i, tag in enumerate(tags) if tag != "O"]
    with_span = [one for one in chances if all(one[i] == tag for i, tag in span)]
    expected = sum(map(chances.__getitem__, with_span)) / sum(chances.values())

    for mode, f in (("softmax", expected), ("log_softmax", math.log(expected))):
        interpreter = IntegratedGradient(predictor, inference_mode=mode, tolerance=1e-4)
        [result] = interpreter.interpret_instance(instance, target="gold")
        assert result.output == pytest.approx(f, rel=1e-6)
        assert result.target.probability == pytest.approx(expected, rel=1e-6)
        assert abs(result.convergence_delta) < 1e-3 * sum(map(abs, result.scores))


@pytest.mark.parametrize("mode", ["logits", "log_softmax"])
def test_tags_are_those_of_their_own_text(mode: str) -> None:
    predictor = maker(WithContext, LabelsName, SPACES, reader=ContextReader)()
    texts = ("the plot is very clever", "a dull story with a bad cast")
    instances = [labelled(predictor, {"sentence": text})[0] for text in texts]
    # In a batch both fields have seven positions.
    assert [len(one["tokens"]) for one in instances] == [5, 7]  # type: ignore[arg-type]
    assert [len(one["context"]) for one in instances] == [7, 5]  # type: ignore[arg-type]
    together = in_batch(predictor, instances, mode)
    alone = torch.cat([in_batch(predictor, [instance], mode) for instance in instances])
    assert together.tolist() == pytest.approx(alone.tolist(), rel=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_a_span_is_its_first_and_its_last_token(mode: str) -> None:
    predictor = build("span of a passage, BiDAF")
    outputs = predictor.predict_json(QUESTION)
    [result] = interpret(predictor, QUESTION, inference_mode=mode)
    pointers = list(zip(("span_start", "span_end"), outputs["best_span"]))
    logits = sum(outputs[f"{name}_logits"][index] for name, index in pointers)
    chances = [torch.tensor(outputs[f"{name}_probs"][index]) for name, index in pointers]
    likelihood = float(chances[0].log() + chances[1].log())
    expected = {"logits": logits, "softmax": float(chances[0] * chances[1])}
    assert result.output == pytest.approx(expected.get(mode, likelihood), rel=1e-5)
    first, last = outputs["best_span"]
    assert result.target.label == " ".join(outputs["passage_tokens"][first : last + 1])
    assert result.target.probability == pytest.approx(float(chances[0] * chances[1]), rel=1e-5)


@pytest.mark.parametrize(
    "name", ["sequence, attention", "sequence, composed, LSTM", "sequence, composed, attention"]
)
def test_a_sequence_has_the_likelihood_that_the_search_gave_it(name: str) -> None:
    predictor = build(name)
    outputs = predictor.predict_json(SOURCE)
    [result] = interpret(predictor, SOURCE, inference_mode="log_softmax")
    assert result.output == pytest.approx(outputs["class_log_probabilities"][0], rel=1e-5)
    assert result.target.label is not None
    written = [word for word in result.target.label.split() if word != "@end@"]
    best = outputs["predicted_tokens"]
    assert written == (best[0] if isinstance(best[0], list) else best)
    assert list(result.fields) == ["source_tokens"]


def test_a_copied_sequence_too() -> None:
    predictor = build("sequence, CopyNet")
    outputs = predictor.predict_json(SOURCE)
    [result] = interpret(predictor, SOURCE)
    best = outputs["predicted_log_probs"][0]
    assert "minus its loss" in result.notes[0]
    assert result.output == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize("name", ["sequence, attention", "sequence, CopyNet"])
def test_a_decoder_does_not_search_at_each_point(name: str) -> None:
    predictor = build(name)
    searches: List[int] = []
    search = predictor._model._beam_search.search

    def counted(*args: Any) -> Any:
        searches.append(1)
        return search(*args)

    predictor._model._beam_search.search = counted
    interpret(predictor, SOURCE)
    # To probe whether rows are independent, and for the prediction.
    assert len(searches) == 2


def test_a_parse_is_explained_as_its_loss_has_it() -> None:
    predictor = build("dependencies")
    inputs = KINDS.kinds["dependencies"].inputs
    words = len(inputs["sentence"].split())
    [likelihood] = interpret(predictor, inputs, inference_mode="log_softmax")
    [loss] = interpret(predictor, inputs, inference_mode="loss")
    assert likelihood.output == pytest.approx(words * loss.output)


def test_a_tree_is_the_sum_of_its_constituents() -> None:
    predictor = build("constituents")
    inputs = KINDS.kinds["constituents"].inputs
    [instance] = labelled(predictor, inputs)
    outputs = predictor._model.forward_on_instance(instance)
    labels = predictor._model.vocab.get_token_to_index_vocabulary("labels")
    chances = [
        torch.as_tensor(scores[labels[label]]).log()
        for label, scores in zip(instance["span_labels"], outputs["class_probabilities"])
        if label != "NO-LABEL"
    ]
    assert 1 < len(chances) < len(instance["span_labels"])
    [result] = interpret(predictor, inputs, inference_mode="log_softmax")
    assert result.output == pytest.approx(float(sum(chances)))


@pytest.mark.parametrize("name", ["NAQANet, any answer", "language model, of its own text"])
def test_a_model_that_gives_losses_only_has_a_note(name: str) -> None:
    predictor, inputs = build(name), KINDS.kinds[name].inputs
    [result] = interpret(predictor, inputs)
    [loss] = interpret(predictor, inputs, inference_mode="loss")
    assert any("minus its loss" in note for note in result.notes)
    assert result.output == pytest.approx(loss.output)
    assert not any("minus its loss" in note for note in loss.notes)


def test_each_question_of_a_dialogue_is_explained_separately() -> None:
    predictor = build("answers in a dialogue")
    inputs = KINDS.kinds["answers in a dialogue"].inputs
    [answers] = [predictor.predict_json(inputs)["best_span_str"]]
    results = interpret(predictor, inputs)
    assert len(results) == len(answers) == 3
    assert [str(result.target.label).replace(" ", "") for result in results] == [
        answer.replace(" ", "") for answer in answers
    ]
    questions = [[name for name in result.fields if "question" in name] for result in results]
    assert all(len(names) == 3 for names in questions)


def test_coreference_jumps_along_the_path() -> None:
    predictor = build("coreference")
    inputs = KINDS.kinds["coreference"].inputs
    model = predictor._model
    [instance, *_] = labelled(predictor, inputs)
    tensors = to_tensors([instance], model)
    embedder = model._text_field_embedder

    def f(share: float) -> float:
        handle = embedder.register_forward_hook(lambda m, i, embedded: share * embedded)
        try:
            with torch.no_grad():
                return -float(model(**tensors)["loss"])
        finally:
            handle.remove()

    shares = [i / 100 for i in range(1, 101)]
    jumps = [abs(f(high) - f(low)) for low, high in zip(shares, shares[1:])]
    low = shares[jumps.index(max(jumps))]
    high = low + 0.01
    for _ in range(30):  # The jump stays, however near its sides come to each other.
        middle = (low + high) / 2
        if abs(f(middle) - f(low)) > abs(f(high) - f(middle)):
            high = middle
        else:
            low = middle
    assert high - low < 1e-10
    assert abs(f(high) - f(low)) > 0.1
    [result, *_] = interpret(predictor, inputs)
    assert result.output == pytest.approx(f(1.0))
    assert "jumps" in result.notes[0]


def test_a_span_may_cover_the_whole_text() -> None:
    predictor = build_predictor("simple_tagger")
    interpreter = IntegratedGradient(predictor, n_steps=2)
    [found] = interpreter.interpret_json({"sentence": "."})
    assert found.target.label == "U-PER" and found.target.words == "."
