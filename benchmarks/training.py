"""Trains one config, as `allennlp train` does. A change in here trains every model anew."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Sequence

from allennlp.common import JsonDict

from benchmarks import data, minilm
from benchmarks.cache import ROOT

LABELS = {"0": "negative", "1": "positive"}


def train(config: Path, archive: Path) -> None:
    """
    # Raises

    `RuntimeError`
        If the training fails; it names the log.
    """
    work = archive.parent.with_suffix(".training")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    write_training_data(work / "data")
    environment = {
        **os.environ,
        "BIOME_INTERPRET_DATA": str(work / "data"),
        "MINILM": str(minilm.folder()) if "minilm" in config.name else "",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }
    log = work / "training.log"
    command = [sys.executable, "-m", "allennlp", "train", str(config), "-s", str(work / "run")]
    packages = ["--include-package", "allennlp_models.tagging"]
    packages += ["--include-package", "allennlp_models.pair_classification"]
    with log.open("w") as output:
        # From a folder without `.allennlp_plugins`: models are trained by AllenNLP alone.
        done = subprocess.run(
            [*command, *packages, "--file-friendly-logging"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=work,
        )
    if done.returncode:
        raise RuntimeError(f"training {config.name} failed: see {log.relative_to(ROOT)}")
    archive.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(work / "run" / "metrics.json", archive.parent / "metrics.json")
    # Last, since the archive is what tells that the model is there.
    shutil.copy(work / "run" / "model.tar.gz", archive)
    shutil.rmtree(work)


def write_training_data(target: Path, transformer_sentences: int = 2600) -> None:
    """
    The training and dev data as the configs want them: SST-2 with its labels by name, a sample of
    it for the transformer, NLI as it is.
    """
    for part in ("train", "dev"):
        rows = [
            {"text": row["text"], "label": LABELS[row["label"]]}
            for row in data.rows(data.folder() / "sst2" / f"{part}.jsonl")
        ]
        _write(target / "sst2" / f"{part}.jsonl", rows)
        if part == "train":
            _write(target / "sst2" / "train_sample.jsonl", data.sample(rows, transformer_sentences))
        _write(target / "nli" / f"{part}.jsonl", data.rows(data.folder() / "nli" / f"{part}.jsonl"))
        text = (data.folder() / "ner" / f"{part}.txt").read_text(encoding="utf-8")
        # The reader converts the empty column of chunks too, and wants tags in it.
        text = text.replace(" -X- -X- ", " -X- O ")
        (target / "ner").mkdir(parents=True, exist_ok=True)
        (target / "ner" / f"{part}.txt").write_text(text, encoding="utf-8")


def _write(path: Path, rows: Sequence[JsonDict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
