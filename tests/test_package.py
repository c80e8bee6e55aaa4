import pkgutil
import re
import subprocess
import sys
from importlib import import_module

import pytest

import biome_interpret

MODULES = [
    module.name for module in pkgutil.walk_packages(biome_interpret.__path__, "biome_interpret.")
]


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports(name: str) -> None:
    import_module(name)


def test_importing_the_package_registers_everything() -> None:
    code = (
        "import biome_interpret;"
        "from allennlp.interpret.saliency_interpreters import SaliencyInterpreter as S;"
        "from allennlp.predictors import Predictor as P;"
        "S.by_name('biome-integrated-gradient'); S.by_name('biome-gradient-shap');"
        "P.by_name('saliency')"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


FLOORS = [
    {"errors"},
    {"attribution"},
    {"models"},
    {"interpreters", "interpretation"},
    {"commands", "predictors", "visualization", "__main__"},
]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_from_no_floor_above_its_own(name: str) -> None:
    room = name.split(".")[1]
    [height] = [i for i, rooms in enumerate(FLOORS) if room in rooms]
    allowed = set().union(*FLOORS[: height + 1])
    source = import_module(name).__spec__.loader.get_source(name)  # type: ignore
    # Also inside of functions.
    imported = re.findall(r"^ *(?:from|import) biome_interpret\.(\w+)", source, re.MULTILINE)
    assert set(imported) <= allowed
