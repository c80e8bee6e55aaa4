import json
import os
import threading
import time
from pathlib import Path
from typing import Any, List, Sequence

import pytest
import torch
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient
from biome_interpret.commands.jobs.explaining import NamedInterpreter, RecordMaker
from biome_interpret.commands.jobs.text_files import text_file
from tests.commands.command_line import (
    ARCHIVE,
    CommandLine,
    as_bytes,
    read_lines,
    reviews,
    write_lines,
)
from tests.commands.jobs.long_job import count_lines, run_job
from tests.tiny_models import build_predictor


def test_a_batch_that_fails_is_explained_text_by_text(
    command: CommandLine, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interpret_each = IntegratedGradient.interpret_each

    def short_of_memory(self: Any, inputs: Sequence[Any], targets: Any = None) -> Any:
        if any("endless" in one["sentence"] for one in inputs):
            raise MemoryError("no room\nfor so much")
        return interpret_each(self, inputs, targets)

    monkeypatch.setattr(IntegratedGradient, "interpret_each", short_of_memory)
    lines = [*reviews(3), {"sentence": "endless"}, *reviews(6)]
    done = run_job(command, write_lines(tmp_path / "texts.jsonl", lines), out)
    assert done.status == 1
    records = read_lines(out)
    assert records[3]["error"] == "MemoryError: no room for so much"
    assert [r["line"] for r in records if "interpretations" in r] == [1, 2, 3, *range(5, 11)]


def test_a_gold_number_is_the_name_of_a_label_if_there_is_one(tmp_path: Path) -> None:
    """The labels are "1" and "0", with the indices 0 and 1. An index is meant by no dataset."""
    predictor = build_predictor("lstm")
    to_index = predictor._model.vocab._token_to_index["labels"]
    to_name = predictor._model.vocab._index_to_token["labels"]
    for index, name in enumerate(["1", "0"]):
        del to_index[to_name[index]]
        to_name[index], to_index[name] = name, index
    lines = [{"sentence": "a dull film", "mine": gold} for gold in (0, 1, "1")]
    source = text_file(predictor, str(write_lines(tmp_path / "texts.jsonl", lines)), None)
    interpreters = [NamedInterpreter(IntegratedGradient(predictor, n_steps=2), "ours")]
    maker = RecordMaker(source, interpreters, ["gold"], gold_field="mine")
    records = maker.records([*source.readable_lines()])
    found = [json.loads(record.json)["interpretations"][0]["target"] for record in records]
    assert [one["label"] for one in found] == ["0", "1", "1"]
    [[by_index]] = interpreters[0].interpreter.interpret_each([{"sentence": "a dull film"}], [0])
    assert by_index.target.label == "1"


@pytest.mark.parametrize("said_by", ["the line", "the interpreter"])
def test_the_gold_label_is_that_of_the_gold_field(
    command: CommandLine, out: Path, tmp_path: Path, said_by: str
) -> None:
    """Whoever asks for it. The key `label` has another one."""
    lines = [{**one, "label": "negative", "mine": "positive", "t": "gold"} for one in reviews(2)]
    config = {"type": "biome-integrated-gradient", "n_steps": 2}
    options = ["--target-field", "t"]
    if said_by == "the interpreter":
        config, options = {**config, "target": "gold"}, []
    source = write_lines(tmp_path / "texts.jsonl", lines)
    options += ["--gold-field", "mine", "--interpreter", json.dumps(config)]
    assert command.interpret(source, *options, "--output-file", out).status == 0
    for record in read_lines(out):
        assert record["gold"] == "positive"
        assert record["interpretations"][0]["target"]["label"] == "positive"


@pytest.mark.parametrize("gold", [["pos"], 0.5, {"label": "pos"}])
def test_a_gold_label_that_is_none(
    command: CommandLine, out: Path, tmp_path: Path, gold: Any
) -> None:
    lines = [{**line, "mine": "positive"} for line in reviews(2)]
    lines[1]["mine"] = gold
    source = write_lines(tmp_path / "texts.jsonl", lines)
    done = run_job(command, source, out, "--target", "gold", "--gold-field", "mine")
    assert done.status == 1
    good, bad = read_lines(out)
    assert good["interpretations"][0]["target"]["label"] == "positive"
    assert bad["error"] == (
        f"InterpretationError: the gold label in 'mine' is {gold!r}; it must be the name of a "
        f"label or its index"
    )


def test_nan_becomes_an_error(command: CommandLine, out: Path, tmp_path: Path) -> None:
    weights = Predictor.from_path(ARCHIVE, import_plugins=False)._model.state_dict()
    weights["_classification_layer.bias"].fill_(float("nan"))
    torch.save(weights, tmp_path / "weights.th")
    source = write_lines(tmp_path / "texts.jsonl", reviews(1))
    done = run_job(command, source, out, "--weights-file", tmp_path / "weights.th")
    assert done.status == 1
    [record] = read_lines(out)
    assert "NaN" not in out.read_text() and record["error"]


def test_a_batch_is_written_before_more_is_read(command: CommandLine, out: Path) -> None:
    read_end, write_end = os.pipe()
    lines = [as_bytes(review) + b"\n" for review in reviews(24)]
    written: List[int] = []

    def feed() -> None:
        with open(write_end, "wb", buffering=0) as pipe:
            for start in (0, 8, 16):
                pipe.write(b"".join(lines[start : start + 8]))
                deadline = time.monotonic() + 60
                while count_lines(out) < start + 8 and time.monotonic() < deadline:
                    time.sleep(0.01)
                written.append(count_lines(out))

    feeder = threading.Thread(target=feed)
    feeder.start()
    done = run_job(command, f"/dev/fd/{read_end}", out)
    feeder.join()
    os.close(read_end)
    assert done.status == 0
    assert written == [8, 16, 24]
