"""A file that is read, or that holds another output, is never overwritten."""

import os
import shutil
import tarfile
from pathlib import Path
from typing import Dict, List

import pytest

from tests.commands.command_line import ARCHIVE, DULL, WARM, CommandLine, write_lines

SHAP = ["--interpreter", "shap.jsonnet"]
BACKGROUND = '{"type": "biome-gradient-shap", "background": "background.jsonl"}'
IMPORT = "{type: 'biome-integrated-gradient', n_steps: (import 'part.libsonnet').n_perturbations}"
OUT = ["--output-file", "out.jsonl"]

WRONG: Dict[str, List[str]] = {
    "input": ["two.jsonl", "--output-file", "two.jsonl"],
    "input by another name": ["two.jsonl", "--output-file", "./model/../two.jsonl"],
    "input by a symbolic link": ["two.jsonl", "--output-file", "link.jsonl"],
    "input that is a symbolic link": ["link.jsonl", "--output-file", "two.jsonl"],
    "input by a hard link": ["two.jsonl", "--output-file", "hard.jsonl"],
    "input by html": ["two.jsonl", "--html", "two.jsonl"],
    "input by the job file": ["out.jsonl.job.json", *OUT],
    "job file by html": ["two.jsonl", *OUT, "--html", "out.jsonl.job.json"],
    "new job file by html": ["two.jsonl", "--output-file", "new", "--html", "new.job.json"],
    "output by html": ["two.jsonl", "--output-file", "new", "--html", "new"],
    "output by html in other letters": ["two.jsonl", "--output-file", "new", "--html", "NEW"],
    "output by html over a link": ["two.jsonl", "--output-file", "new", "--html", "folder/new"],
    "background": ["two.jsonl", "--interpreter", BACKGROUND, "--html", "background.jsonl"],
    "background in Jsonnet": ["two.jsonl", *SHAP, "--output-file", "background.jsonl"],
    "Jsonnet": ["two.jsonl", *SHAP, "--output-file", "shap.jsonnet"],
    "imported": ["two.jsonl", *SHAP, "--html", "part.libsonnet"],
    "imported by the imported": ["two.jsonl", *SHAP, "--html", "more.libsonnet"],
    "imported by text": ["two.jsonl", "--interpreter", IMPORT, "--html", "part.libsonnet"],
    "weights": ["two.jsonl", "--weights-file", "weights.th", "--html", "weights.th"],
    "predictor's arguments": ["two.jsonl", "--predictor", "saliency", "--predictor-args"]
    + ['{"interpreter": "shap.jsonnet"}', "--html", "shap.jsonnet"],
    "overrides": ["two.jsonl", "-o", '{"model.x": "background.jsonl"}']
    + ["--html", "background.jsonl"],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a file of every kind that a job reads."""
    monkeypatch.chdir(tmp_path)
    write_lines(tmp_path / "two.jsonl", [DULL, WARM])
    os.link("two.jsonl", "hard.jsonl")
    os.symlink("two.jsonl", "link.jsonl")
    os.symlink(".", "folder")
    write_lines(tmp_path / "background.jsonl", [DULL])
    Path("shap.jsonnet").write_text(
        "{type: 'biome-gradient-shap', background: 'background.jsonl'} + import 'part.libsonnet'"
    )
    Path("part.libsonnet").write_text("{n_perturbations: (importstr './more.libsonnet') + 0}")
    Path("more.libsonnet").write_text("2")
    write_lines(tmp_path / "out.jsonl.job.json", [DULL])
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall("model")
    shutil.copy("model/weights.th", "weights.th")
    return tmp_path


def contents(folder: Path) -> Dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("wrong", WRONG)
def test_interpret_refuses_before_it_writes(command: CommandLine, folder: Path, wrong: str) -> None:
    before = contents(folder)
    done = command("interpret", "model", *WRONG[wrong])
    assert done.status == 2
    assert " would overwrite " in done.err and done.err.count("\n") == 1
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["config.json", "weights.th", "vocabulary/labels.txt"])
def test_interpret_does_not_overwrite_the_archive(
    command: CommandLine, folder: Path, name: str
) -> None:
    if name.startswith("vocabulary"):
        name = f"vocabulary/{sorted(os.listdir('model/vocabulary'))[0]}"
    before = contents(folder)
    done = command("interpret", "model", "two.jsonl", "--output-file", f"model/{name}")
    assert done.status == 2 and f"model/{name} would overwrite the archive" in done.err
    assert contents(folder) == before


def test_an_output_beside_the_archives_files_is_allowed(command: CommandLine, folder: Path) -> None:
    arguments = ["two.jsonl", "--output-file", "model/out.jsonl", "--html", "model/out.html"]
    assert command("interpret", "model", *arguments).status == 0
    assert command("interpret", "model", *arguments, "--overwrite").status == 0


@pytest.mark.parametrize("page", ["out.jsonl", "link.html", "out.jsonl.job.json"])
def test_report_does_not_overwrite_its_records(
    command: CommandLine, folder: Path, page: str
) -> None:
    command("interpret", "model", "two.jsonl", "--output-file", "out.jsonl")
    os.symlink("out.jsonl", "link.html")
    before = contents(folder)
    done = command("report", "out.jsonl", "--html", page)
    assert done.status == 2
    assert f"--html {page} would overwrite" in done.err
    assert contents(folder) == before
