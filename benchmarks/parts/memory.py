"""Peak memory, each in a process of its own."""

import json
import subprocess
import sys
from typing import List

import torch

from benchmarks.bench import Bench, Part
from benchmarks.cache import ROOT
from benchmarks.figures import Outcome, at_most, figure
from benchmarks.memory_worker import FIXED, INTERPRETING, PREDICTING
from benchmarks.progress import say

MEBIBYTE = 2**20
LIMIT = 2048


def run(bench: Bench) -> Outcome:
    quick, hard = bench.settings.quick, bench.model.is_transformer
    positions = (64 if quick else 512) if hard else (200 if quick else 5000)
    what = f"{positions} word pieces" if hard else f"{positions} tokens"
    nodes = "default configuration" if hard else f"{FIXED} nodes"
    figures = []
    for action in (PREDICTING, INTERPRETING):
        say(f"    {bench.model.title}, {what}, memory of {action}")
        peak, seconds = measured(bench.model.name, positions, action)
        bar, note = (at_most(LIMIT), nodes) if action == INTERPRETING else (None, "")
        name = f"{what}: peak resident memory, {action}"
        figures.append(figure(name, peak / MEBIBYTE, "MB", 1, bar, note))
        figures.append(figure(f"{what}: time, {action}", seconds, "s", 1, note=note))
    return Outcome(figures)


def measured(model: str, positions: int, action: str) -> List[float]:
    """Bytes and seconds, from a new process."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.memory_worker"]
    command += [model, str(positions), action, str(torch.get_num_threads())]
    done = subprocess.run(command, stdout=subprocess.PIPE, cwd=ROOT, check=True)
    return json.loads(done.stdout.decode().splitlines()[-1])


PART = Part(
    "memory",
    "Peak memory",
    "The largest resident size that the system reports for a process. The process loads the model "
    "and interprets one long text, made of dev sentences. The size includes Python, PyTorch and "
    "AllenNLP.",
    ("lstm", "minilm"),
    run,
)
