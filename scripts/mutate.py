"""
Breaks the package on purpose, one thing at a time, and checks that the tests notice.

The mutations are in `mutations.py`. Each is made in a copy of the tree in a temporary folder.
"""

import argparse
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Dict, List, Sequence

import pytest
from mutations import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parents[1]
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info")
TIMEOUT = 600.0  # Seconds. A test that does not end has noticed.
# Imported once and not for each mutation: all that takes long, and nothing of this repository.
SLOW_IMPORTS = ("allennlp.commands", "allennlp_models.tagging", "transformers", "captum.attr")
PASSED, FAILED = 0, 1  # Exit statuses of pytest. Others mean that the tests did not run.


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--list", action="store_true", help="list the mutations")
    parser.add_argument("--only", metavar="NAME", nargs="+", help="make these alone")
    arguments = parser.parse_args()
    mutations = [m for m in MUTATIONS if not arguments.only or m.name in arguments.only]
    unknown = {*(arguments.only or ())} - {m.name for m in MUTATIONS}
    if unknown:
        parser.error(f"there is no mutation {', '.join(sorted(unknown))}; see --list")
    if arguments.list:
        for mutation in mutations:
            print(f"{mutation.name:<{width(mutations)}}  {mutation.file}")
        return 0
    outdated = [line for mutation in mutations for line in what_is_outdated(mutation)]
    if outdated:
        print("Bring scripts/mutations.py up to date:", *outdated, sep="\n  ")
        return 1
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in SLOW_IMPORTS:
        import_module(name)
    with tempfile.TemporaryDirectory(prefix="mutate-") as folder:
        tree = Path(folder) / "tree"
        # With the plugin file, which begins with a dot.
        shutil.copytree(ROOT, tree, ignore=NOT_COPIED)
        shutil.copy(ROOT / ".allennlp_plugins", tree)
        return 0 if all_noticed(mutations, tree) else 1


def width(mutations: Sequence[Mutation]) -> int:
    return max((len(mutation.name) for mutation in mutations), default=0)


def what_is_outdated(mutation: Mutation) -> List[str]:
    path = ROOT / mutation.file
    if not path.is_file():
        return [f"{mutation.name}: there is no file {mutation.file}"]
    count = path.read_text(encoding="utf-8").count(mutation.old)
    wrong = [f"{mutation.name}: {mutation.file} has its text {count} times"] * (count != 1)
    absent = [test for test in mutation.tests if not (ROOT / test.partition("::")[0]).exists()]
    return wrong + [f"{mutation.name}: there is no test {test}" for test in absent]


def all_noticed(mutations: Sequence[Mutation], tree: Path) -> bool:
    """Prints a line for each mutation. Tests that fail without a mutation notice nothing."""
    unbroken: Dict[Sequence[str], str] = {}
    survivors: List[str] = []
    for mutation in mutations:
        if mutation.tests not in unbroken:
            unbroken[mutation.tests] = outcome(mutation.tests, tree)
        started = time.monotonic()
        if unbroken[mutation.tests]:
            found, is_noticed = f"NOT RUN: without it: {unbroken[mutation.tests]}", False
        else:
            failure = outcome_of(mutation, tree)
            is_noticed = bool(failure) and not failure.startswith("pytest ended")
            found = failure or "SURVIVED"
        seconds = time.monotonic() - started
        print(f"{mutation.name:<{width(mutations)}}  {seconds:4.0f} s  {found}", flush=True)
        survivors += [mutation.name] * (not is_noticed)
    print(f"{len(mutations) - len(survivors)} of {len(mutations)} mutations were noticed")
    if survivors:
        print("Not noticed:", *survivors)
    return not survivors


def outcome_of(mutation: Mutation, tree: Path) -> str:
    path = tree / mutation.file
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        return outcome(mutation.tests, tree)
    finally:
        path.write_text(text, encoding="utf-8")


def outcome(tests: Sequence[str], tree: Path) -> str:
    """The first test that fails; empty if all pass."""
    log = tree.parent / "log"
    process = multiprocessing.get_context("fork").Process(target=run, args=(tests, tree, log))
    process.start()
    process.join(TIMEOUT)
    if process.is_alive():
        process.kill()
        process.join()
        return f"no end after {TIMEOUT:.0f} s"
    if process.exitcode == PASSED:
        return ""
    said = log.read_text(encoding="utf-8", errors="replace")
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", said, re.MULTILINE)
    if process.exitcode == FAILED and failed:
        return failed.group(1)
    return f"pytest ended with status {process.exitcode}: {' '.join(said.split())[-200:]}"


def run(tests: Sequence[str], tree: Path, log: Path) -> None:
    """In a process of its own."""
    with log.open("w") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    os.environ["PYTHONPATH"] = str(tree)
    # Python compares the ages of bytecode and source by the second. A mutation may take less.
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.dont_write_bytecode = True
    sys.exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]))


if __name__ == "__main__":
    sys.exit(main())
