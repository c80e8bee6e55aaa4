"""A model of several heads, with a dataset reader for each."""

import json
from importlib import import_module
from pathlib import Path
from typing import Iterator

import pytest
import torch
from allennlp.common import Params

from tests.commands.command_line import CommandLine, read_lines, write_lines
from tests.kinds.predictors import multitask
from tests.tiny_models import build_from_params


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("multitask")
    config = json.dumps(multitask())
    (folder / "config.json").write_text(config)
    # It registers the heads.
    import_module("tests.kinds.own")
    model = build_from_params(Params(json.loads(config)))._model
    torch.save(model.state_dict(), folder / "weights.th")
    model.vocab.save_to_files(str(folder / "vocabulary"))
    yield folder


def test_the_head_chooses_the_reader_and_the_output(
    command: CommandLine, archive: Path, tmp_path: Path
) -> None:
    source = write_lines(tmp_path / "texts.jsonl", [{"text": "a dull film"}, {"text": "bad story"}])
    out = tmp_path / "out.jsonl"
    arguments = ["interpret", archive, source, "--use-dataset-reader", "--output-file", out]
    arguments += ["--overwrite"]
    arguments += ["--interpreter", '{"type": "biome-integrated-gradient", "n_steps": 4}']
    probabilities = []
    for head in ("sentiment", "length"):
        done = command(*arguments, "--multitask-head", head)
        assert done.status == 0, done.err
        records = read_lines(out)
        assert [record["line"] for record in records] == [1, 2]
        for record in records:
            [one] = record["interpretations"]
            probabilities.append(one["target"]["probability"])
    assert len({*probabilities}) == len(probabilities)
    done = command(*arguments, "--multitask-head", "colour")
    assert done.status == 2
    assert "colour" in done.err.splitlines()[-1]
    done = command(*arguments)
    assert done.status == 2
    assert "needs --multitask-head" in done.err
