"""Where a job runs."""

import signal
from argparse import Namespace
from pathlib import Path

import pytest

from biome_interpret.commands.jobs.signals import StopSignals
from biome_interpret.distributed.cluster import connected
from tests.commands.command_line import ARCHIVE, DULL, WARM, CommandLine, write_lines
from tests.distributed.ray_jobs import QUICK, WITHOUT_RAY, interpret, rows, run

# It registers an interpreter that says in a note what its process knows of its environment.
PACKAGE = """
import os
import torch
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from dataclasses import replace
from biome_interpret import IntegratedGradient


@SaliencyInterpreter.register("says-where")
class SaysWhere(IntegratedGradient):
    def interpret_each(self, inputs, targets=None):
        names = ("HF_HUB_OFFLINE", "OMP_NUM_THREADS")
        where = [os.getcwd(), *(os.environ.get(name) for name in names), torch.get_num_threads()]
        return [
            [replace(one, notes=[repr(where)]) for one in found]
            for found in super().interpret_each(inputs, targets)
        ]
"""


def test_a_running_cluster_gets_relative_paths_packages_and_variables(tmp_path: Path) -> None:
    ray = pytest.importorskip("ray", reason=WITHOUT_RAY)
    here = tmp_path / "here"
    here.mkdir()
    write_lines(here / "texts.jsonl", [DULL, WARM])
    (here / "my_package.py").write_text(PACKAGE)
    (here / "model.tar.gz").write_bytes(ARCHIVE.read_bytes())
    # Its processes were started in another folder, with other variables.
    ray.init("local", num_cpus=3, include_dashboard=False, log_to_driver=False)
    try:
        address = ray.get_runtime_context().gcs_address
        command = ["interpret", "model.tar.gz", "texts.jsonl", "--engine", "ray"]
        command += ["--include-package", "my_package", "--interpreter", "says-where"]
        command += ["--output-dir", "out", "--ray-address", address]
        options = {"HF_HUB_OFFLINE": "yes", "OMP_NUM_THREADS": "7"}
        status, said = run(*command, "--actors", "2", cwd=here, **options)
        assert status == 2, said
        assert "the cluster has 3 CPUs now; 2 actors need one CPU each" in said
        assert "take at most 1 actors" in said
        status, said = run(*command, "--threads", "3", cwd=here, **options)
        assert status == 0, said
        assert ray.is_initialized() and ray.cluster_resources()["CPU"] == 3
    finally:
        ray.shutdown()
    found = rows(here / "out")
    assert [row["line"] for row in found] == [1, 2]
    assert {note for row in found for note in row["notes"]} == {repr([str(here), "yes", "7", 3])}


def test_handlers_of_signals_are_as_before() -> None:
    ray = pytest.importorskip("ray", reason=WITHOUT_RAY)
    before = [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)]
    arguments = Namespace(actors=1, gpus_per_actor=0.0, ray_address="local")
    with connected(arguments, StopSignals()) as actors:
        assert actors == 1 and ray.is_initialized()
    assert [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)] == before
    assert not ray.is_initialized()


def test_an_address_without_a_cluster(command: CommandLine, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason=WITHOUT_RAY)
    source = write_lines(tmp_path / "texts.jsonl", [DULL])
    arguments = [*interpret(source, *QUICK), "--output-dir", tmp_path / "out"]
    done = command(*arguments, "--ray-address", "127.0.0.1:1")
    assert done.status == 2
    assert "--ray-address 127.0.0.1:1: there is no cluster of Ray" in done.err
