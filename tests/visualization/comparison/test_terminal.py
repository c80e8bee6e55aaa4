"""The summary of a study in the terminal."""

from typing import Any, Dict, List

from biome_interpret.evaluation.studies.gathering import Gathered
from biome_interpret.evaluation.studies.summary import Summary, summary_of
from biome_interpret.visualization.comparison.terminal import drawn
from biome_interpret.visualization.comparison.wording import number
from tests.evaluation.studies.test_summary import good_and_bad, record


def summary(texts: List[List[Dict[str, Any]]], **left_out: str) -> Summary:
    gathered = Gathered(signed=[])
    for one in texts:
        gathered.add(one)
    return summary_of(gathered, {"good": "a note"}, left_out, [], seed=0)


def test_a_row_has_its_mean_its_interval_and_its_mark() -> None:
    lines = drawn(summary(good_and_bad(25))).splitlines()
    assert any(line.startswith("good ") and "0.620* [0.61" in line for line in lines)
    assert any(line.startswith("bad ") and "0.120 [0.11" in line for line in lines)
    assert any(line.startswith("equal") and "0.619= [" in line for line in lines)
    assert any("comprehensiveness: 25 texts, 50 bins of a row left out" in line for line in lines)
    assert "good: a note" in lines


def test_a_row_of_fewer_texts_says_how_many() -> None:
    texts = good_and_bad(25)
    for line, value in ((1, 0.9), (2, 0.8)):
        texts[line - 1].append(record(line, "oracle-best", value))
    lines = drawn(summary(texts)).splitlines()
    shown = next(line for line in lines if line.startswith("oracle-best"))
    assert "0.850" in shown and shown.rstrip().endswith("] 2 texts")


def test_errors_of_every_row_are_said_once_without_control_characters() -> None:
    texts = good_and_bad(3)
    failing = [{"line": 9, "row": row, "error": "why \x1b[31m"} for row in ("good", "bad", "equal")]
    lines = drawn(summary([*texts, failing], captum="not there")).splitlines()
    assert "every row: 1 text failed, the first in line 9: why ␛[31m" in lines
    assert "left out: captum (not there)" in lines


def test_figures_without_a_value_are_named() -> None:
    texts = good_and_bad(3)
    for records in texts:
        for one in records:
            one["agreement"] = {"marks": {"f1": None, "iou": None}}
    lines = drawn(summary(texts)).splitlines()
    assert "no text has a value: agreement with marks: F1; IOU" in lines


def test_numbers_are_short() -> None:
    shown = [number(one) for one in (None, 0.0, -0.12345, 12.345, 123.45, 12345.6, 0.00012)]
    assert shown == ["", "0.000", "−0.123", "12.35", "123.5", "1.2e+04", "1.2e−04"]
