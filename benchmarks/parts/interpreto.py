"""
GradientSHAP against Interpreto's. It wants a newer transformers than all of AllenNLP runs with: so
both run in an environment of their own.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.bench import Bench, Part
from benchmarks.cache import CACHE, ROOT, digest
from benchmarks.figures import Figure, Outcome, figure
from benchmarks.progress import say

OVERRIDES = ROOT / "benchmarks" / "configs" / "interpreto-overrides.txt"
REQUIREMENTS = [
    "allennlp==2.10.1",
    "interpreto==0.5.2",
    "setuptools<81",
    "captum==0.9.0",
    "rich",
]


def run(bench: Bench) -> Outcome:
    try:
        python = environment()
    except subprocess.CalledProcessError as error:
        note = f"its environment could not be built: {' '.join(map(str, error.cmd[:4]))} failed"
        return Outcome([figure("times faster than Interpreto's", None, "x", note=note)])
    command = [str(python), "-W", "ignore", "-m", "benchmarks.interpreto_worker"]
    done = subprocess.run(
        [*command, bench.model.name, bench.settings.name, str(torch.get_num_threads())],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
        check=True,
    )
    found = json.loads(done.stdout.decode().splitlines()[-1])
    return Outcome([Figure.from_json(one) for one in found])


def environment() -> Path:
    """
    The Python of that environment (5 GB); made when first needed.

    # Raises

    `subprocess.CalledProcessError`
    """
    overrides = OVERRIDES.read_text(encoding="utf-8")
    folder = CACHE / f"interpreto-env-{digest(overrides, REQUIREMENTS)}"
    python, complete = folder / "bin" / "python", folder / "complete"
    if not complete.exists():
        say("making an environment for Interpreto (5 GB, some minutes)")
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "uv"], check=True)
        # pip cannot override what packages ask for. Away from the project, whose own settings for
        # uv are not meant.
        subprocess.run(
            [str(folder / "bin" / "uv"), "pip", "install", "--quiet"]
            + ["--python", str(python), "--override", str(OVERRIDES), *REQUIREMENTS],
            cwd=tempfile.gettempdir(),
            check=True,
        )
        complete.touch()
    return python


PART = Part(
    "interpreto",
    "GradientSHAP against Interpreto's",
    "Interpreto 0.5.2 explains the same fine-tuned MiniLM as a Hugging Face model. It runs on "
    "PyTorch 2, in one environment with AllenNLP and ours. Both explain each text in turn. "
    "Interpreto's scores are means of absolute values over the embedding dimension. So the error "
    "of a method is its spread over seeds around its own mean, in units of its mean absolute "
    "score.",
    ("minilm",),
    run,
)
