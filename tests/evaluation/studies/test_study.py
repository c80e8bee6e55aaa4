"""A study of tiny models."""

from functools import partial
from typing import Any, Dict, List, Optional, Sequence

import pytest

from biome_interpret import Occlusion
from biome_interpret.evaluation import METRICS
from biome_interpret.evaluation.inquiries import Settings
from biome_interpret.evaluation.methods import OwnRow, RandomRow, Row, Scores, Text
from biome_interpret.evaluation.studies.results import Case, RemovalFigures, Result
from biome_interpret.evaluation.studies.study import Study
from biome_interpret.interpreters.perturber import Perturber
from tests.kinds.predictors import KINDS
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor

NAMES = ["comprehensiveness", "tau_loo", "sign_violations"]


class Given(Row):
    """Gives the scores that it was made with, to every text."""

    def __init__(self, name: str, scores: Optional[Sequence[float]] = None) -> None:
        super().__init__(name)
        self._scores = scores

    def scores(self, texts: Sequence[Text]) -> List[Any]:
        if self._scores is None:
            return [ValueError("it fails") for _ in texts]
        return [Scores([[*self._scores]]) for _ in texts]


def study_of(kind: str, *rows: Row, removals: Sequence[Any] = (0.0,), **options: Any) -> Study:
    predictor = build_predictor(kind)
    return Study(
        rows=[*rows],
        removals={str(one): Perturber(predictor, one) for one in removals},
        settings=Settings(),
        metrics={name: METRICS[name] for name in NAMES},
        most_words=0,
        has_oracle=False,
        **options,
    )


def cases(kind: str, number: int = 1) -> List[Case]:
    return [Case(line, EXAMPLE_INPUTS[kind]) for line in range(1, number + 1)]


def figures(result: Result, removal: str = "0.0") -> Dict[str, Any]:
    found = result.removals[removal]
    assert isinstance(found, RemovalFigures)
    return {name: one.value for name, one in found.figures.items()}


def test_occlusion_agrees_with_leaving_words_out_by_its_own_removal() -> None:
    row = OwnRow("occlusion", Occlusion(build_predictor("lstm"), granularity="word"))
    [[result]] = study_of("lstm", row).results(cases("lstm"))
    found = figures(result)
    assert found["tau_loo"] == pytest.approx(1) and found["sign_violations"] == 0
    assert result.scores is not None and result.scores.evaluations >= 12
    assert result.target is not None and result.seconds > 0


def test_figures_of_several_draws_are_their_means() -> None:
    draws = RandomRow(seed=0, num_seeds=3)
    [[together]] = study_of("lstm", draws).results(cases("lstm"))
    assert together.scores is not None
    alone = [Given(f"draw {i}", scores) for i, scores in enumerate(together.scores.draws)]
    [results] = study_of("lstm", *alone).results(cases("lstm"))
    for name in NAMES:
        expected = sum(figures(one)[name] for one in results) / 3
        assert figures(together)[name] == pytest.approx(expected)


def test_a_row_with_scores_that_are_not_finite_spoils_no_other() -> None:
    number = len(EXAMPLE_INPUTS["lstm"]["sentence"].split())
    rows = [Given("good", range(number)), Given("bad", [float("nan")] * number)]
    [[good, bad]] = study_of("lstm", *rows).results(cases("lstm"))
    assert "not finite" in str(bad.error) and good.error is None
    assert figures(good)["comprehensiveness"] is not None


def test_the_first_texts_show_what_cannot_be_done() -> None:
    number = len(EXAMPLE_INPUTS["lstm"]["sentence"].split())
    instead = Given("b", range(number))
    failing = Given("b")
    failing.instead = instead
    study = study_of("lstm", Given("a"), failing, removals=["mask", 0.0])
    texts = study.prepare(cases("lstm", 2))
    assert [one.line for one in texts] == [1, 2]
    assert study.rows == [instead] and list(study.removals) == ["0.0"]
    assert "it fails" in study.left_out["a"] and "mask token" in study.left_out["mask"]


def test_first_texts_without_words_do_not_count_against_rows_and_removals() -> None:
    study = study_of("bert", Given("a", [1.0] * 14), removals=["delete"])
    empty = [Case(line, {"sentence": ""}) for line in range(1, 6)]
    texts = study.prepare([*empty, Case(6, EXAMPLE_INPUTS["bert"])])
    assert [one.line for one in texts] == [6]
    assert list(study.removals) == ["delete"] and study.left_out == {}


@pytest.mark.parametrize("name", ["comprehensiveness", "naopc_sufficiency"])
def test_orders_are_searched_only_if_something_uses_them(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    inquire = Perturber.results

    def results(perturber: Perturber, questions: Sequence[Any]) -> List[Any]:
        return inquire(
            perturber, [one._replace(ask=partial(counted, one.ask)) for one in questions]
        )

    def counted(ask: Any, units: Any) -> Any:
        inquiry, answers = ask(units), None
        while True:
            try:
                wanted = inquiry.send(answers)
            except StopIteration as stop:
                return stop.value
            asked.extend(wanted)
            answers = yield wanted

    monkeypatch.setattr(Perturber, "results", results)
    study = study_of("lstm", Given("a", range(6)))
    study.metrics, study.most_words = {name: METRICS[name]}, 6
    [[result]] = study.results([Case(1, {"sentence": "the film is not boring !"})])
    assert figures(result)[name] is not None
    assert (len({*asked}) == 2**6) == (name == "naopc_sufficiency")


def test_wrong_texts_do_not_count_against_rows() -> None:
    study = study_of("lstm", Given("a"))
    assert study.prepare([Case(1, {"text": "no key"})]) == []
    assert study.left_out == {} and study.names == ["a"]
    [[result]] = study.results([Case(1, {"text": "no key"})])
    assert "sentence" in str(result.error)


def test_words_of_a_tagger_are_not_left_out_and_its_first_span_is_explained() -> None:
    row = OwnRow("occlusion", Occlusion(build_predictor("crf_tagger"), granularity="word"))
    study = study_of("crf_tagger", row, removals=["delete", 0.0])
    study.prepare(cases("crf_tagger"))
    assert list(study.left_out) == ["delete"] and "tags" in study.left_out["delete"]
    [[result]] = study.results(cases("crf_tagger"))
    assert figures(result)["tau_loo"] == pytest.approx(1)
    assert result.target is not None and result.target.words is not None


def test_a_text_without_spans_is_skipped() -> None:
    predictor = build_predictor("crf_tagger")

    class FindsNothing(type(predictor)):  # type: ignore[misc]
        def predictions_to_labeled_instances(self, instance: Any, outputs: Any) -> List[Any]:
            return []

    predictor.__class__ = FindsNothing
    study = study_of("crf_tagger", Given("a", [1.0]))
    study.removals = {"0.0": Perturber(predictor, 0.0)}
    [[result]] = study.results(cases("crf_tagger"))
    assert result.error is None and result.skipped == "the model labels nothing in this text"


def test_the_first_labelled_instance_is_asked_of_several() -> None:
    """The predictor makes a text of each verb: here of two, of one and of none."""
    predictor = KINDS.kinds["semantic roles"].build_or_skip()
    model: Any = predictor._model
    own = model.make_output_human_readable

    def without_roles_of_sleep(outputs: Dict[str, Any]) -> Dict[str, Any]:
        found: Dict[str, Any] = own(outputs)
        for row, verb in enumerate(found["verb"]):
            if verb == "sleep":
                found["tags"][row] = ["O"] * len(found["tags"][row])
        return found

    model.make_output_human_readable = without_roles_of_sleep
    row = OwnRow("occlusion", Occlusion(predictor, granularity="word"))
    study = study_of("lstm", row)
    study.removals = {"0.0": Perturber(predictor, 0.0)}
    sentences = ["the dogs sleep in a garden Mary likes .", "dogs sleep .", "hungry dogs ."]
    texts = [Case(line, {"sentence": one}) for line, one in enumerate(sentences, 1)]
    assert [text.line for text in study.prepare(texts)] == [1]
    [[first], [second], [third]] = study.results(texts)
    assert first.error is None and figures(first)["tau_loo"] == pytest.approx(1)
    for nothing in (second, third):
        assert nothing.error is None
        assert nothing.skipped == "the model labels nothing in this text"


def test_fields_of_a_pair_are_one_list_of_words() -> None:
    predictor = build_predictor("esim")
    row = OwnRow("occlusion", Occlusion(predictor, granularity="word"))
    [[result]] = study_of("esim", row, removals=[0.0, "delete"]).results(cases("esim"))
    assert result.text is not None and result.scores is not None
    assert len(result.scores.draws[0]) == sum(map(len, result.text.units.fields.values())) == 16
    assert figures(result, "delete")["comprehensiveness"] is not None
