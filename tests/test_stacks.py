"""What setup.cfg, the locks and the page on the two stacks say of each other."""

import configparser
import os
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Dict, List

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "stacks.md").read_text(encoding="utf-8")
TODAY = sys.version_info >= (3, 11)
PYTHONS = {"allennlp": ["3.8", "3.9", "3.10"], "today": ["3.11", "3.12", "3.13"]}


def requirements(lines: List[str], python: str) -> Dict[str, Requirement]:
    """Those for a version of Python, by their names."""
    parsed = [Requirement(line) for line in lines if line.strip() and line[0] not in "#-"]
    markers = {"python_version": python, "python_full_version": f"{python}.5"}
    return {
        one.name.lower(): one
        for one in parsed
        if one.marker is None or one.marker.evaluate({**markers, "extra": ""})
    }


def needed(python: str) -> Dict[str, Requirement]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    return requirements(config["options"]["install_requires"].splitlines(), python)


def locked(name: str, python: str) -> Dict[str, Requirement]:
    lines = (ROOT / "locks" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return requirements(lines, python)


def pinned(lock: Dict[str, Requirement], name: str) -> str:
    return str(lock[name].specifier).replace("==", "")


EACH_PYTHON = pytest.mark.parametrize(
    "stack, python", [(stack, python) for stack in PYTHONS for python in PYTHONS[stack]]
)


@EACH_PYTHON
@pytest.mark.parametrize("suffix", ["", "-dev"])
def test_the_locks_have_what_is_needed(stack: str, python: str, suffix: str) -> None:
    lock = locked(stack + suffix, python)
    assert "allennlp" in lock
    for name, requirement in needed(python).items():
        assert requirement.specifier.contains(pinned(lock, name)), f"{requirement}: `make locks`"


@EACH_PYTHON
def test_a_dev_lock_has_the_versions_of_the_other(stack: str, python: str) -> None:
    lock, dev = locked(stack, python), locked(f"{stack}-dev", python)
    for name in lock:
        assert pinned(lock, name) == pinned(dev, name)


@pytest.mark.parametrize("python", PYTHONS["today"])
def test_the_overrides_are_the_ranges_of_setup_cfg(python: str) -> None:
    ours = needed(python)
    for name, override in locked("today-overrides", python).items():
        if name in ours and ours[name].specifier:
            assert override.specifier == ours[name].specifier, name


def test_the_page_names_the_locked_versions() -> None:
    for stack, name in (("today", "torch"), ("allennlp", "torch"), ("allennlp", "transformers")):
        assert f"tested with {pinned(locked(stack, PYTHONS[stack][-1]), name)} " in PAGE
    row = next(line for line in PAGE.splitlines() if line.startswith("| transformers"))
    for python in PYTHONS["today"]:
        assert pinned(locked("today", python), "transformers") in row


def test_the_page_lists_what_pip_check_lists() -> None:
    unmet, missing = [], []
    for line in requires("allennlp") or []:
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            if not requirement.specifier.contains(version(requirement.name), prereleases=True):
                unmet.append(requirement.name)
        except PackageNotFoundError:
            missing.append(requirement.name)
    [listed] = re.findall(r"those on (torch, .*?)\. (\w+) is missing\.", PAGE, re.S)
    names = re.split(r",\s+|\s+and\s+", listed[0])
    # uv installs a newer one of what is listed as missing.
    assert set(unmet) - {listed[1]} == (set(names) if TODAY else set())
    # A plain `pip install` on AllenNLP's own stack brings it.
    assert set(missing) <= {listed[1]}


@pytest.mark.parametrize(
    "variable, message",
    [
        ({"STACK": "new"}, "STACK=new is not known: leave it out, or say STACK=allennlp"),
        ({"BIOME_PYTHON": "ls"}, "BIOME_PYTHON=ls is not a working Python 3.8 to 3.13"),
        (
            {"STACK": "allennlp", "BIOME_PYTHON": "ls"},
            "BIOME_PYTHON=ls is not a working Python 3.8 to 3.10",
        ),
    ],
)
def test_the_set_up_refuses_a_wrong_choice(variable: Dict[str, str], message: str) -> None:
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [str(ROOT / "scripts" / "setup.sh")],
        env={**environment, **variable},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert (done.returncode, done.stderr) == (1, f"setup.sh: {message}\n")


@pytest.mark.parametrize("python", ["no-such-python", "ls"])
def test_the_installation_refuses_what_is_no_fitting_python(python: str) -> None:
    script = ROOT / "scripts" / "install.sh"
    done = subprocess.run([str(script), python], stderr=subprocess.PIPE, text=True)
    message = f"{python} is not Python 3.11, 3.12 or 3.13: give the path of one"
    assert (done.returncode, done.stderr) == (1, f"install.sh: {message}\n")


@pytest.mark.parametrize("now", ["[0.5, NaN]", "[0.5, Infinity]", "[0.5]", "[0.5, 0.5]"])
def test_the_comparison_of_stacks_notices_another_prediction(now: str) -> None:
    # In a process of its own, since the script switches warnings off.
    code = "import json, sys; from scripts.compare_stacks import PREDICTIONS, distance;"
    code += "before, now = json.loads(sys.argv[1]), json.loads(sys.argv[2]);"
    code += "print(distance(before, before) == 0, distance(before, now) > PREDICTIONS)"
    command = [sys.executable, "-c", code, "[0.5, 0.25]", now]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert done.stdout == "True True\n"
