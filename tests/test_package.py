import pkgutil
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


@pytest.mark.parametrize("floor, below", [("attribution", []), ("models", ["attribution"])])
def test_a_floor_imports_from_the_floors_below_it_only(floor: str, below: list) -> None:
    allowed = {floor, *below, "errors"}
    for name in MODULES:
        if name.startswith(f"biome_interpret.{floor}."):
            source = import_module(name).__spec__.loader.get_source(name)  # type: ignore
            imported = [
                line.split()[1].split(".")[1]
                for line in source.splitlines()
                if line.startswith("from biome_interpret.")
            ]
            assert set(imported) <= allowed, name
