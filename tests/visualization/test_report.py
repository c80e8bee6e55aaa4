import json
import math
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, List

import pytest

from biome_interpret import IntegratedGradient, Interpretation
from biome_interpret.interpretation import FieldScores, PairScores
from biome_interpret.models.objectives import Target
from biome_interpret.visualization.report import NothingToShow, write_report
from biome_interpret.visualization.spans import type_of
from tests.tiny_models import EXAMPLE_INPUTS, build_predictor


def interpretation(
    tokens: List[str], scores: List[float], target: str = "positive", **others: Any
) -> Interpretation:
    field = FieldScores(tokens, scores, "grad_input_1")
    settings = {"output": 1.0, "baseline_output": 0.25, "convergence_delta": 1e-3, **others}
    return Interpretation({"tokens": field}, Target(target, 0, 0.75), n_evaluations=9, **settings)


def record(line: int, text: str, scores: List[float], **others: Any) -> Dict[str, Any]:
    one = interpretation(text.split(), scores, **others)
    return {"line": line, "inputs": {"sentence": text}, "interpretations": [one.to_json()]}


def data_of(path: Path) -> List[Dict[str, Any]]:
    """The records that the page carries."""
    page = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found is not None
    return json.loads(found.group(1))


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "report.html"


@pytest.mark.parametrize("model", ["lstm", "esim", "crf_tagger", "bert_mismatched"])
def test_the_page_contains_every_score(model: str, page: Path) -> None:
    found = IntegratedGradient(build_predictor(model)).interpret_json(EXAMPLE_INPUTS[model])
    interpretations = [json.loads(json.dumps(one.to_json())) for one in found]
    inputs = EXAMPLE_INPUTS[model]
    write_report([{"line": 1, "inputs": inputs, "interpretations": interpretations}], page)
    [shown] = data_of(page)
    assert [item["target"] for item in shown["results"]] == [type_of(one.target) for one in found]
    for item, one in zip(shown["results"], found):
        assert [field["name"] for field in item["fields"]] == [*one.fields]
        for field, expected in zip(item["fields"], one.fields.values()):
            assert field["scores"] == pytest.approx(expected.scores, rel=1e-4)
            assert "".join(field["tokens"]).strip() in inputs.values()


def test_a_failed_write_keeps_the_existing_file_and_leaves_no_other(page: Path) -> None:
    page.write_text("before")

    def broken() -> Any:
        yield record(1, "a film", [1.0, 2.0])
        raise KeyError("no more")

    with pytest.raises(KeyError):
        write_report(broken(), page)
    assert page.read_text() == "before"
    assert os.listdir(page.parent) == ["report.html"]


def test_a_record_that_cannot_be_shown_is_replaced_by_the_reason(page: Path) -> None:
    records: List[Any] = [record(7, "a film", [1.0, 2.0]), {"line": 8}, ValueError("a torn line")]
    refused = write_report(records, page)
    first, second, third = data_of(page)
    assert first["results"]
    assert "line" in second and "neither 'interpretations'" in second["error"]
    assert third == {"line": 3, "error": "This record cannot be shown: a torn line"}
    assert refused.count == 2 and refused.reasons[1] == (3, "a torn line")
    page.unlink()
    with pytest.raises(NothingToShow, match="no record can be shown; the first: a torn line"):
        write_report([ValueError("a torn line")], page)
    assert not page.exists()


def test_a_page_without_a_label_or_a_finite_number(page: Path) -> None:
    # JSON of Python may hold NaN and numbers that overflow when they are rounded.
    odd = {"output": math.nan, "probabilities": {"positive": math.nan}, "unassigned": 1.797693e308}
    unlabelled = record(1, "a film", [1.0, math.inf], **odd)
    unlabelled["interpretations"][0]["target"]["label"] = None
    write_report([unlabelled], page)
    [shown] = data_of(page)
    assert shown["probabilities"] == [["positive", None]]
    assert shown["results"][0]["fields"][0]["scores"] == [1.0, None]


def test_a_pipe_is_written_to_and_the_target_of_a_link_is_replaced(
    page: Path, tmp_path: Path
) -> None:
    records = [record(1, "a fine film", [0.1, 1.0, -0.5])]
    write_report(records, page)
    pipe, link, linked = (tmp_path / name for name in ("pipe", "link.html", "linked.html"))
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_text, encoding="utf-8")
        write_report(records, pipe)
        assert read.result(10) == page.read_text(encoding="utf-8")
    assert pipe.is_fifo()
    linked.write_text("before")
    link.symlink_to(linked)
    write_report(records, link)
    assert link.is_symlink()
    assert linked.read_bytes() == page.read_bytes()


def test_the_same_records_give_the_same_page(page: Path, tmp_path: Path) -> None:
    records = [record(i, "a fine film", [0.1 * i, 1.0, -0.5]) for i in range(1, 30)]
    other = tmp_path / "other.html"
    write_report(records, page, "Films")
    write_report(iter(records), other, "Films")
    assert page.read_bytes() == other.read_bytes()


def test_the_page_carries_the_interactions_of_the_tokens_that_interact_most(page: Path) -> None:
    number = 40
    values = [[0.0] * number for _ in range(number)]
    values[1][39] = values[39][1] = 2.0
    text = " ".join(f"w{i}" for i in range(number))
    pairs = PairScores(values)
    write_report([record(1, text, [1.0] * number, interactions=pairs)], page)
    [item] = data_of(page)[0]["results"]
    places = item["pairs"]["places"]
    assert len(places) == 30 and {1, 39} <= {*places} and places == sorted(places)
    shown = item["pairs"]["values"]
    assert shown[places.index(1)][places.index(39)] == 2.0
    assert sum(map(sum, shown)) == 4.0
