"""Scores of models with other weights."""

from typing import Any, Dict, List, Sequence

import pytest
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient
from biome_interpret.evaluation.inquiries import Settings
from biome_interpret.evaluation.methods import OwnRow, Row, Scores, Text
from biome_interpret.evaluation.methods.ours import WORDS
from biome_interpret.evaluation.scores import max_sensitivity, rank_correlation
from biome_interpret.evaluation.studies.results import Case, Result
from biome_interpret.evaluation.studies.robustness import RADIUS, Robustness
from biome_interpret.evaluation.studies.study import Study
from biome_interpret.interpreters.perturber import Perturber
from biome_interpret.models.execution.altered import with_noisy_embeddings, with_shuffled_layers
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

OPTIONS: Any = {**WORDS, "n_steps": 5}


class Constant(Row):
    def scores(self, texts: Sequence[Text]) -> List[Any]:
        return [Scores([[float(i) for i in range(text.units.num)]]) for text in texts]


def rows_of(predictor: Predictor) -> List[Row]:
    return [OwnRow("ours", IntegratedGradient(predictor, **OPTIONS)), Constant("constant")]


def results(kind: str, **options: Any) -> Dict[str, Result]:
    return results_of(build_predictor(kind), kind, **options)


def results_of(predictor: Predictor, kind: str, **options: Any) -> Dict[str, Result]:
    robustness = Robustness(predictor, rows_of, **options)
    study = Study(
        rows=rows_of(predictor),
        removals={"0": Perturber(predictor, 0.0)},
        settings=Settings(),
        metrics={},
        most_words=0,
        has_oracle=False,
        robustness=robustness,
    )
    [found] = study.results([Case(1, EXAMPLE_INPUTS[kind])])
    return {one.row: one for one in found}


def scores_of(predictor: Predictor, target: str) -> List[float]:
    inputs = EXAMPLE_INPUTS["cnn"]
    [one] = IntegratedGradient(predictor, **OPTIONS).interpret_json(inputs, target)
    return one.scores


def test_scores_of_shuffled_and_noisy_models_are_compared_for_the_same_label() -> None:
    found = results("cnn", num_stages=2, num_noisy=2, seed=3)
    ours, constant = found["ours"].stability, found["constant"].stability
    assert ours is not None and constant is not None
    assert constant.randomization == pytest.approx([1, 1]) and constant.max_sensitivity == 0
    predictor = build_predictor("cnn")
    label = found["ours"].target.label  # type: ignore[union-attr]
    own = scores_of(predictor, label)
    expected = [
        rank_correlation(own, scores_of(altered, label)).value
        for _, altered in with_shuffled_layers(predictor, 2, seed=3)
    ]
    assert ours.randomization == pytest.approx(expected) and abs(expected[-1]) < 0.99
    noisy = [scores_of(with_noisy_embeddings(predictor, RADIUS, 3 + i), label) for i in (0, 1)]
    assert ours.max_sensitivity == pytest.approx(max_sensitivity(own, noisy))
    assert 0 < ours.max_sensitivity < 1


def test_a_label_without_a_name_is_explained_again() -> None:
    predictor = build_predictor("cnn")
    vocabulary = predictor._model.vocab
    for names in (vocabulary._index_to_token, vocabulary._token_to_index):
        names["labels"].clear()  # type: ignore[index]
    predictor._model._label_namespace = "nameless_labels"
    target = results_of(predictor, "cnn", num_stages=1)["ours"].target
    assert target is not None and target.label == str(target.index)
    found = results_of(predictor, "cnn", num_stages=1, num_noisy=1)["ours"].stability
    assert found is not None and found.max_sensitivity is not None
    assert None not in found.randomization


def test_the_model_stays_as_it_is() -> None:
    predictor = build_predictor("cnn")
    before = predictor.predict_json(EXAMPLE_INPUTS["cnn"])["logits"]
    results("cnn", num_stages=1, num_noisy=1)
    assert predictor.predict_json(EXAMPLE_INPUTS["cnn"])["logits"] == before


def test_spans_are_not_compared() -> None:
    assert results("crf_tagger", num_stages=1)["ours"].stability is None
