"""The same archive on today's stack and on AllenNLP's own, by turns."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Dict, List

import numpy

from benchmarks.bench import Bench, Part
from benchmarks.cache import ROOT
from benchmarks.estimates import median_ratio
from benchmarks.figures import Figure, Outcome, figure
from benchmarks.stack_worker import CORPUS, INTERPRETING, PREDICTING
from benchmarks.timing import side_by_side

ENVIRONMENTS = {"today": ROOT / ".venv", "allennlp": ROOT / ".venv-allennlp"}
_SET_UPS = {"today": "make setup", "allennlp": "make setup STACK=allennlp"}


class Worker:
    """
    # Parameters

    python : `Path`
        Of the stack's environment.
    bench : `Bench`
    """

    def __init__(self, python: Path, bench: Bench) -> None:
        number = len(bench.inputs("stacks"))
        command = [str(python), "-W", "ignore", "-m", "benchmarks.stack_worker"]
        self._process = subprocess.Popen(
            [*command, bench.model.name, str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            universal_newlines=True,
        )
        self.versions: Dict[str, Any] = self._answer()

    def seconds(self, action: str, index: int) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([action, index]) + "\n")
        self._process.stdin.flush()
        return float(self._answer())

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(("{", "0.", *"123456789")):
                return json.loads(line)
        raise RuntimeError(f"the worker ended with status {self._process.wait()}")

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def run(bench: Bench) -> Outcome:
    pythons = {name: folder / "bin" / "python" for name, folder in ENVIRONMENTS.items()}
    missing = [name for name, python in pythons.items() if not python.exists()]
    if missing:
        note = f"needs both environments: type {_SET_UPS[missing[0]]}"
        return Outcome([figure("times faster than on AllenNLP's stack", None, "x", note=note)])
    workers = {name: Worker(python, bench) for name, python in pythons.items()}
    try:
        return Outcome([_compared(bench, workers, action) for action in _ACTIONS])
    finally:
        for worker in workers.values():
            worker.close()


_ACTIONS = (PREDICTING, INTERPRETING, CORPUS)


def _compared(bench: Bench, workers: Dict[str, Worker], action: str) -> Figure:
    number = len(bench.inputs("stacks"))
    indices: List[int] = [0] * 5 if action == CORPUS else [*range(number)]
    # What the workers say counts, and not the time that passes here.
    _, taken = side_by_side(
        {
            name: lambda k, worker=worker: worker.seconds(action, k)
            for name, worker in workers.items()
        },
        indices,
        label=f"{bench.model.title}, {action}, on both stacks",
    )
    today, own = numpy.array(taken["today"]), numpy.array(taken["allennlp"])
    torches = [workers[name].versions["torch"] for name in ("today", "allennlp")]
    return figure(
        f"{action}: CPU time on AllenNLP's stack in units of today's",
        median_ratio(own, today),
        "x",
        len(indices),
        note=f"PyTorch {torches[0]} against {torches[1]}",
    )


PART = Part(
    "stacks",
    "Today's stack against AllenNLP's own",
    "The same archive in two processes with one thread each. Both explain each text in turn. "
    "Ratios are of CPU time. With more than 1, today's stack is faster.",
    ("lstm", "cnn", "esim", "tagger", "minilm"),
    run,
)
