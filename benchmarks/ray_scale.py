"""
Memory and speed of `interpret --engine ray` with two actors on this machine, beside two processes
of the local engine that share the lines. It needs the extra `ray` and no network.

    python -W ignore -m benchmarks.ray_scale [--lines 1000 20000] [--batch-size 128]

The model is the shipped biLSTM, or one of the benchmarks: `--model minilm`. The speed is that
between the two numbers of lines, so that the start does not count. On a busy machine, look at the
processor time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Dict, List, NamedTuple, Set

from benchmarks.cache import ROOT
from benchmarks.models import MODELS

ARCHIVE = ROOT / "fixtures" / "sst2_bilstm" / "model.tar.gz"
REVIEWS = ROOT / "fixtures" / "reviews.jsonl"
ACTOR = "ray::MapWorker(MapBatches(Interpreting))"
NUM_PROCESSES = 2


class Options(NamedTuple):
    """
    model : the archive, and the options that load it.
    """

    model: List[str]
    batch_size: int


class Run(NamedTuple):
    """
    cpu : the processor time of all processes, in seconds. Other programs hardly change it.
    peaks : the largest memory of each actor, in MB.
    """

    seconds: float
    cpu: float
    peaks: List[float]


def write_lines(path: Path, number: int) -> Path:
    """All texts are different."""
    shipped = [json.loads(line)["sentence"] for line in REVIEWS.read_text("utf-8").splitlines()]
    texts = ({"sentence": f"{shipped[i % len(shipped)]} {i}"} for i in range(number))
    path.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
    return path


def start(source: Path, options: Options, *arguments: object) -> subprocess.Popen:
    archive, *loading = options.model
    command = [sys.executable, "-W", "ignore", "-m", "biome_interpret", "interpret", archive]
    command += [str(source), *loading, "--batch-size", str(options.batch_size)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        start_new_session=True,  # As Ray's, for which Linux may give them a share of their own.
    )


def with_ray(folder: Path, number: int, options: Options) -> Run:
    source, out = write_lines(folder / "all.jsonl", number), folder / f"out-{number}"
    arguments = ("--engine", "ray", "--actors", NUM_PROCESSES, "--output-dir", out)
    return watch(lambda: [start(source, options, *arguments)])


def local(folder: Path, number: int, options: Options) -> Run:
    """Two processes side by side."""
    pairs = [
        (write_lines(folder / f"{i}.jsonl", number // NUM_PROCESSES), folder / f"{i}-{number}.out")
        for i in range(NUM_PROCESSES)
    ]
    return watch(lambda: [start(source, options, "--output-file", out) for source, out in pairs])


def watch(begin: Callable[[], List[subprocess.Popen]]) -> Run:
    """Samples what all descendants of the processes take, until they end."""
    began = time.perf_counter()
    running = begin()
    cpu: Dict[int, float] = {}
    peaks: Dict[int, float] = {}
    while any(process.poll() is None for process in running):
        for pid, name in descendants({process.pid for process in running}).items():
            cpu[pid] = max(cpu_of(pid), cpu.get(pid, 0.0))
            if name.startswith(ACTOR):
                peaks[pid] = max(peak_of(pid), peaks.get(pid, 0.0))
        time.sleep(0.5)
    for process in running:
        said = process.communicate()[1].decode("utf-8")
        assert process.returncode == 0, said
    return Run(time.perf_counter() - began, sum(cpu.values()), sorted(peaks.values()))


def descendants(roots: Set[int]) -> Dict[int, str]:
    """The processes and all that they have started, with their command lines."""
    parents, names = {}, {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            names[int(path.name)] = (path / "cmdline").read_text()
            parents[int(path.name)] = int(fields_of(path)[1])
        except OSError:  # It has ended meanwhile.
            continue
    found = roots & {*names}
    while added := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= added
    return {pid: names[pid] for pid in found}


def fields_of(path: Path) -> List[str]:
    """Those of /proc/PID/stat that come after the name."""
    return (path / "stat").read_text().rpartition(")")[2].split()


def cpu_of(pid: int) -> float:
    try:
        user, system = fields_of(Path(f"/proc/{pid}"))[11:13]
    except OSError:
        return 0.0
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def peak_of(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024 if "VmHWM" in lines else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, nargs=2, default=[1000, 20_000], metavar="N")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--model", choices=["cnn", "minilm"])
    parsed = parser.parse_args()
    model = [str(ARCHIVE)] if parsed.model is None else MODELS[parsed.model].command_line()
    options = Options(model, parsed.batch_size)
    few, many = parsed.lines
    with tempfile.TemporaryDirectory() as name:
        runs = {
            engine.__name__: [engine(Path(name), number, options) for number in (few, many)]
            for engine in (with_ray, local)
        }
    speeds: Dict[str, List[float]] = {}
    for engine, (first, second) in runs.items():
        for number, run in zip((few, many), (first, second)):
            peaks = "".join(f", {peak:.0f} MB" for peak in run.peaks)
            print(f"{engine}, {number} lines: {run.seconds:.1f} s, CPU {run.cpu:.1f} s{peaks}")
        taken = second.seconds - first.seconds, second.cpu - first.cpu
        speeds[engine] = [(many - few) / seconds for seconds in taken]
        print(f"{engine}: {speeds[engine][0]:.0f} texts/s, {speeds[engine][1]:.0f} texts/CPU s")
    ratios = [ray / alone for ray, alone in zip(speeds["with_ray"], speeds["local"])]
    print(f"ray / local: {ratios[0]:.2f} by the clock, {ratios[1]:.2f} by processor time")
    first, second = runs["with_ray"]
    print(f"memory: {max(second.peaks) / max(first.peaks):.2f} times as much")


if __name__ == "__main__":
    main()
