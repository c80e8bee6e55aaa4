"""The rules of the package's structure."""

import ast
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

ROOT = "biome_interpret"
FOLDER = Path(__file__).parents[1] / ROOT
MAX_LINES = 350
MAX_FILES = 12

# A module imports from its own floor and from the floors below it. The lowest floor is the first.
FLOORS = [
    ["errors", "stack", "attribution"],
    ["models.registry", "models.signatures", "models.tensors"]
    + ["models.isolation", "models.alignment"],
    ["models.embedding", "models.objectives"],
    ["models.labelling", "models.baselines", "models.evidence"],
    ["models.execution"],
    ["interpretation"],
    ["interpreters.engine.rows"],
    ["interpreters.engine"],
    ["interpreters"],
    ["evaluation"],
    ["predictors", "visualization"],
    ["commands"],
    ["distributed"],
    ["live.answers"],
    ["live"],
    ["__main__"],
]
OPTIONAL = ["allennlp_models", "captum", "IPython", "matplotlib", "pandas", "prompt_toolkit"]
OPTIONAL += ["pyarrow", "ray", "starlette", "uvicorn"]


def module_name(path: Path) -> str:
    name = ".".join(path.relative_to(FOLDER.parent).with_suffix("").parts)
    return name[: -len(".__init__")] if name.endswith(".__init__") else name


MODULES: Dict[str, Path] = {module_name(path): path for path in sorted(FOLDER.rglob("*.py"))}


def imports_of(name: str) -> Iterator[Tuple[int, str]]:
    """
    The line and the full name of each import, also in functions and under `TYPE_CHECKING`: the name
    of the module, or of what is imported from it.
    """
    path = MODULES[name]
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) + 1 - node.level] if node.level else []
            origin = [*parents, *([node.module] if node.module else [])]
            yield from ((node.lineno, ".".join([*origin, alias.name])) for alias in node.names)


def modules_imported_by(name: str) -> Iterator[Tuple[int, str]]:
    """The same for the modules of this package. Every module may import the version."""
    for line, imported in imports_of(name):
        if imported.split(".")[0] == ROOT and imported != f"{ROOT}.__version__":
            yield line, imported if imported in MODULES else imported.rpartition(".")[0]


def floor_of(name: str) -> int:
    """The index in `FLOORS`, -1 if the module is not there. The package itself is on top."""
    rooms = {f"{ROOT}.{room}": i for i, rooms in enumerate(FLOORS) for room in rooms}
    if name in (ROOT, f"{ROOT}.models"):
        return len(FLOORS) - 1 if name == ROOT else 0
    return next((i for room, i in rooms.items() if f"{name}.".startswith(f"{room}.")), -1)


def place(name: str, line: int) -> str:
    return f"{MODULES[name].relative_to(FOLDER.parent)}:{line}"


def test_every_module_imports_without_the_optional_packages_and_registers_its_classes() -> None:
    script = f"""
import importlib, json, sys, traceback
sys.modules.update(dict.fromkeys({OPTIONAL!r}))  # Importing one of them fails.
import {ROOT}
from allennlp.commands.subcommand import Subcommand
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor
registered = [
    *SaliencyInterpreter.list_available(), *Predictor.list_available(), *Subcommand.list_available()
]
failures = {{}}
for name in {[*MODULES]!r}:
    try:
        importlib.import_module(name)
    except BaseException:
        failures[name] = traceback.format_exc()
print(json.dumps([registered, failures]))
"""
    ran = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=True)
    registered, failures = json.loads(ran.stdout.splitlines()[-1])
    assert not failures, "These modules do not import:\n" + "\n".join(failures.values())
    names = {"biome-integrated-gradient", "biome-gradient-shap", "saliency", "interpret"}
    missing = names - {*registered}
    assert not missing, f"`import {ROOT}` must register {sorted(missing)}"


def test_every_module_has_a_floor() -> None:
    without = [name for name in MODULES if floor_of(name) < 0]
    assert not without, f"Add the rooms of these modules to FLOORS in {__file__}: {without}"


def test_no_module_imports_from_a_floor_above_its_own() -> None:
    upwards = [
        f"{place(name, line)}: {name} (floor {floor_of(name)}) imports {imported} "
        f"(floor {floor_of(imported)})"
        for name in MODULES
        for line, imported in modules_imported_by(name)
        if floor_of(imported) > floor_of(name)
    ]
    assert not upwards, (
        "A module imports only from its own floor and from the floors below it. Move what both "
        "need down, or hand it over as an argument:\n" + "\n".join(upwards)
    )


def test_no_modules_import_each_other_in_a_circle() -> None:
    imported_by = {name: {to for _, to in modules_imported_by(name)} - {name} for name in MODULES}
    # Without the modules that import none of the rest, again and again, the circles are left.
    left = {**imported_by}
    while leaves := [name for name, imported in left.items() if not imported & {*left}]:
        for name in leaves:
            del left[name]
    arrows = [f"{name} -> {to}" for name, imported in left.items() for to in imported & {*left}]
    assert not left, "These modules import each other in a circle:\n" + "\n".join(sorted(arrows))


def test_the_mathematics_imports_nothing_of_the_models() -> None:
    mathematics = f"{ROOT}.attribution"
    wrong: List[str] = [
        f"{place(name, line)}: imports {imported}"
        for name in MODULES
        if name.startswith(mathematics)
        for line, imported in imports_of(name)
        if imported.split(".")[0] in ("allennlp", "allennlp_models", "transformers", ROOT)
        and not f"{imported}.".startswith(f"{mathematics}.")
    ]
    assert not wrong, "attribution/ knows numbers and torch, no models:\n" + "\n".join(wrong)


def files() -> List[Path]:
    """Of the package, templates too."""
    return [path for path in FOLDER.rglob("*") if path.is_file() and path.suffix != ".pyc"]


def test_files_are_short() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    long = [f"{path.relative_to(FOLDER)}: {n}" for path, n in lengths.items() if n > MAX_LINES]
    assert not long, f"No file has more than {MAX_LINES} lines. Split these: {long}"


def test_folders_are_small() -> None:
    counts = Counter(path.parent.relative_to(FOLDER.parent) for path in files())
    full = [f"{folder}: {n}" for folder, n in counts.items() if n > MAX_FILES]
    assert not full, f"No folder has more than {MAX_FILES} files. Split these: {full}"
