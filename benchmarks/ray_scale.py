"""
Memory and speed of `interpret --engine ray` with two actors on this machine, beside two processes
of the local engine that share the lines. It needs the extra `ray` and no network.

    python -W ignore -m benchmarks.ray_scale [--lines 1000 20000]

The speed is that between the two numbers of lines, so that the start does not count.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, List, NamedTuple

ROOT = Path(__file__).parent.parent
ARCHIVE = ROOT / "fixtures" / "sst2_bilstm" / "model.tar.gz"
REVIEWS = ROOT / "fixtures" / "reviews.jsonl"
ACTOR = "ray::MapWorker(MapBatches(Interpreting))"
NUM_PROCESSES = 2


class Run(NamedTuple):
    seconds: float
    # Of each actor, in MB.
    peaks: List[float]


def write_lines(path: Path, number: int) -> Path:
    """All texts are different."""
    shipped = [json.loads(line)["sentence"] for line in REVIEWS.read_text("utf-8").splitlines()]
    texts = ({"sentence": f"{shipped[i % len(shipped)]} {i}"} for i in range(number))
    path.write_text("".join(json.dumps(text) + "\n" for text in texts), encoding="utf-8")
    return path


def start(*arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-W", "ignore", "-m", "biome_interpret", "interpret", str(ARCHIVE)]
    # By default Ray's workers have another priority than this process, which a busy machine shows.
    priority = {"RAY_worker_niceness": str(os.nice(0))}
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", **priority}
    return subprocess.Popen(
        [*command, *map(str, arguments)], cwd=ROOT, env=environment, stderr=subprocess.PIPE
    )


def with_ray(folder: Path, number: int) -> Run:
    source, out = write_lines(folder / "all.jsonl", number), folder / f"out-{number}"
    begin = time.perf_counter()
    running = start(source, "--engine", "ray", "--actors", NUM_PROCESSES, "--output-dir", out)
    peaks: Dict[int, float] = {}
    while running.poll() is None:
        for pid in actors():
            peaks[pid] = max(peak_of(pid), peaks.get(pid, 0.0))
        time.sleep(0.2)
    assert running.returncode == 0, running.communicate()[1].decode("utf-8")
    return Run(time.perf_counter() - begin, sorted(peaks.values()))


def local(folder: Path, number: int) -> float:
    """Seconds of two processes side by side."""
    begin = time.perf_counter()
    running = []
    for i in range(NUM_PROCESSES):
        source = write_lines(folder / f"{i}.jsonl", number // NUM_PROCESSES)
        running.append(start(source, "--output-file", folder / f"{i}-{number}.out"))
    for process in running:
        said = process.communicate()[1].decode("utf-8")
        assert process.returncode == 0, said
    return time.perf_counter() - begin


def actors() -> List[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cmdline").read_text().startswith(ACTOR):
                found.append(int(path.name))
        except OSError:  # It has ended meanwhile.
            continue
    return found


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
    few, many = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = [with_ray(folder, number) for number in (few, many)]
        seconds = [local(folder, number) for number in (few, many)]
    for number, run, alone in zip((few, many), runs, seconds):
        peaks = ", ".join(f"{peak:.0f}" for peak in run.peaks)
        print(f"{number} lines: ray {run.seconds:.1f} s, actors of {peaks} MB; local {alone:.1f} s")
    ray_speed = (many - few) / (runs[1].seconds - runs[0].seconds)
    local_speed = (many - few) / (seconds[1] - seconds[0])
    print(f"ray {ray_speed:.0f} texts/s, local {local_speed:.0f} texts/s")
    print(f"ray / local: {ray_speed / local_speed:.2f}")
    print(f"memory: {max(runs[1].peaks) / max(runs[0].peaks):.2f} times as much")


if __name__ == "__main__":
    main()
