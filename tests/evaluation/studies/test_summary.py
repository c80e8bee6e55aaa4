"""The summary of records that are made by hand."""

import json
from typing import Any, Dict, List, Optional, Sequence

import pytest

from biome_interpret.evaluation.studies.gathering import Gathered
from biome_interpret.evaluation.studies.summary import Summary, summary_of


def record(
    line: int, row: str, value: Optional[float], scores: Sequence[float] = (), **others: Any
) -> Dict[str, Any]:
    figures = {"comprehensiveness": value}
    removal = {"figures": figures, "left_out": {"comprehensiveness": 2}, "notes": {}}
    removal["curves"] = {"deletion": [1.0, 0.5, 0.0]}
    return {
        "line": line,
        "row": row,
        "words": {"tokens": [f"w{i}" for i in range(len(scores))]},
        "scores": {"tokens": [*scores]},
        "removals": {"delete": removal},
        "cost": {"evaluations": 3, "delta": 0.5, "seconds": 0.1},
        **others,
    }


def summary(texts: List[List[Dict[str, Any]]]) -> Summary:
    gathered = Gathered(signed=["good", "bad"])
    for one in texts:
        gathered.add(one)
    return summary_of(gathered, {"good": "a note"}, {}, [], seed=0)


def good_and_bad(number: int) -> List[List[Dict[str, Any]]]:
    """The bad row is 0.5 worse on each text, the other one the same up to its sign."""
    return [
        [
            record(i, "good", 0.6 + 0.01 * (i % 5)),
            record(i, "bad", 0.1 + 0.01 * (i % 5)),
            record(i, "equal", 0.6 + 0.01 * ((i + 1) % 5) - 0.001),
        ]
        for i in range(1, number + 1)
    ]


def test_means_intervals_and_the_best_row() -> None:
    table = summary(good_and_bad(25)).table("delete", "comprehensiveness")
    assert table is not None and table.best == "good" and table.num_texts == 25
    good = table.cells["good"].interval
    assert good.mean == pytest.approx(0.62) and good.low is not None and good.high is not None
    assert 0.60 < good.low < 0.62 < good.high < 0.64
    assert table.cells["good"].p_value is None
    assert table.cells["bad"].p_value < 0.01 < 0.5 < table.cells["equal"].p_value  # type: ignore
    assert table.cells["bad"].left_out == 50


def test_rows_are_compared_on_the_texts_that_all_have() -> None:
    texts = good_and_bad(10)
    texts[0][1] = record(1, "bad", None)
    texts[1][1] = {"line": 2, "row": "bad", "error": "it failed"}
    found = summary(texts)
    table = found.table("delete", "comprehensiveness")
    assert table is not None and table.num_texts == 8
    assert table.cells["good"].interval.num_texts == 8
    assert table.cells["bad"].undefined == 1
    assert found.errors == {"bad": {2: "it failed"}}


def test_oracles_are_shown_and_not_compared() -> None:
    texts = good_and_bad(10)
    texts[0].append(record(1, "oracle-best", 0.9))
    found = summary(texts)
    table = found.table("delete", "comprehensiveness")
    assert table is not None and table.num_texts == 10 and table.best == "good"
    assert "1 of 10 texts" in found.rows["oracle-best"] and found.rows["bad"] == ""
    assert table.cells["oracle-best"].interval.num_texts == 1


def test_curves_are_means_over_the_texts_that_all_rows_have() -> None:
    texts = good_and_bad(3)
    texts[0][0]["removals"]["delete"]["curves"] = {"deletion": [9.0, 9.0, 9.0]}
    texts[0][1] = {"line": 1, "row": "bad", "error": "it failed"}
    texts[1].append(record(2, "oracle-best", 0.9))
    [curve] = summary(texts).curves
    assert curve.by_row == dict.fromkeys(["good", "equal", "bad", "oracle-best"], [1.0, 0.5, 0.0])


def test_figures_of_other_weights_without_a_value_are_named() -> None:
    stability = {"randomization": [None], "max_sensitivity": None}
    texts = [[record(1, "good", 0.1, stability=stability)]]
    found = summary(texts)
    assert [column.figure for column in found.empty] == [*stability]
    assert found.table("other weights", "randomization") is None


def test_concordance_needs_two_removals() -> None:
    texts = good_and_bad(6)
    assert summary(texts).concordance == {}
    for records in texts:
        for one in records:
            one["removals"]["unknown"] = one["removals"]["delete"]
    assert summary(texts).concordance == {"comprehensiveness": pytest.approx(1)}


def test_costs_are_relative_to_the_scores_and_not_ranked() -> None:
    texts = [[record(i, "good", 0.1, [2.0, -3.0])] for i in (1, 2)]
    found = summary(texts)
    delta, evaluations = found.table("", "delta"), found.table("", "evaluations")
    assert delta is not None and delta.cells["good"].interval.mean == pytest.approx(0.1)
    assert evaluations is not None and evaluations.best is None
    assert evaluations.num_texts == 2
    assert [one.by_row for one in found.curves] == [{"good": [1.0, 0.5, 0.0]}]


def test_texts_without_scores_do_not_count_for_costs() -> None:
    texts = [*good_and_bad(3), [{"line": 4, "row": "good", "error": "it failed"}]]
    evaluations = summary(texts).table("", "evaluations")
    assert evaluations is not None and evaluations.num_texts == 3


def test_texts_on_which_methods_disagree_come_first() -> None:
    scores = [
        [4.0, 3.0, 2.0, 1.0],
        [1.0, 2.0, 3.0, 4.0],
        [4.0, 3.0, 1.0, 2.0],
        [4.0, 2.0, 3.0, 1.0],
    ]
    gathered = Gathered(signed=["good", "bad", "random"])
    for line, own in enumerate(scores, start=1):
        gathered.add(
            [
                record(line, "good", 0.0, scores[0]),
                record(line, "bad", 0.0, own),
                record(line, "random", 0.0, scores[1]),
            ]
        )
    assert [one.line for one in gathered.disagreements][0] == 2
    assert gathered.disagreements[0].correlation == pytest.approx(-1)
    assert [one["row"] for one in gathered.disagreements[0].records] == ["good", "bad"]


def test_it_is_plain_json_without_texts() -> None:
    texts = good_and_bad(4)
    texts[0][1] = {"line": 1, "row": "bad", "error": "of the secret text"}
    value = json.loads(json.dumps(summary(texts).to_json()))
    assert value["num_texts"] == 4 and value["errors"] == {"bad": 1}
    assert value["tables"][0]["cells"]["good"]["interval"]["num_texts"] == 3
    assert "secret" not in json.dumps(value)
