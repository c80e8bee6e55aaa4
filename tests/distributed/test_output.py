"""Whose folder an `--output-dir` is."""

import json
from pathlib import Path

import pytest
from allennlp.common.checks import ConfigurationError

from biome_interpret.commands.jobs.sinks import WriteError
from biome_interpret.distributed import output
from biome_interpret.distributed.output import Output
from tests.distributed.ray_jobs import WITHOUT_RAY

pytest.importorskip("pyarrow", reason=WITHOUT_RAY)

JOB = {"archive": {"sha256": "a"}, "--target": []}


def test_a_folder_with_something_in_it_is_continued_by_its_own_job_alone(tmp_path: Path) -> None:
    out = tmp_path / "new" / "out"
    assert not Output(str(out)).begin(JOB, resume=False)
    # A job that was refused before its first row may be started again.
    assert not Output(str(out)).begin(JOB, resume=False)
    (out / "1.parquet").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="is not empty: add --resume to continue"):
        Output(str(out)).begin(JOB, resume=False)
    with pytest.raises(ConfigurationError, match="the archive has changed; --target was .. and is"):
        Output(str(out)).begin({"archive": {"sha256": "b"}, "--target": ["x"]}, resume=True)
    output = Output(str(out))
    assert not output.begin(JOB, resume=True)
    output.finish()
    assert Output(str(out)).begin(JOB, resume=True)
    (out / "_job.json").write_text("[")
    with pytest.raises(ConfigurationError, match="its _job.json cannot be read"):
        Output(str(out)).begin(JOB, resume=True)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    for resume in (True, False):
        with pytest.raises(ConfigurationError, match="not empty, and no job has written it"):
            Output(str(tmp_path)).begin(JOB, resume)


def test_one_job_at_a_time_writes_to_it(tmp_path: Path) -> None:
    first = Output(str(tmp_path / "out"))
    first.begin(JOB, resume=False)
    with pytest.raises(ConfigurationError, match="another job is writing to"):
        Output(str(tmp_path / "out")).begin(JOB, resume=True)
    del first
    Output(str(tmp_path / "out")).begin(JOB, resume=True)


def test_a_job_that_begins_at_the_same_time_does_not_replace_the_job_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Output(str(tmp_path / "out"))
    first.begin(JOB, resume=False)
    # The second one has looked before the first one wrote.
    monkeypatch.setattr(output, "files_in", lambda name: [])
    with pytest.raises(ConfigurationError, match="another job is writing to"):
        Output(str(tmp_path / "out")).begin({**JOB, "--target": ["x"]}, resume=False)
    assert json.loads((tmp_path / "out" / "_job.json").read_text()) == JOB


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="_job.json: Not a directory"):
        Output(str(tmp_path / "file" / "out")).begin(JOB, resume=False)


def test_a_url(tmp_path: Path) -> None:
    out = f"file://{tmp_path}/out"
    output = Output(out)
    assert not output.begin(JOB, resume=False)
    assert output.checkpoint == f"{out}/_checkpoint"
    output.finish()
    assert Output(out).begin(JOB, resume=True)
