import os
import threading
import time
from pathlib import Path
from typing import Any, List, Sequence

import pytest
import torch
from allennlp.predictors import Predictor

from biome_interpret import IntegratedGradient
from tests.commands.command_line import (
    ARCHIVE,
    CommandLine,
    as_bytes,
    read_lines,
    reviews,
    write_lines,
)
from tests.commands.jobs.long_job import count_lines, run_job


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
