"""
Saliency for AllenNLP: which words made a model say what it said, and how sure the answer is.

Importing the package registers everything: the `SaliencyInterpreter`s "biome-integrated-gradient"
and "biome-gradient-shap", the `Predictor` "saliency" and the `Subcommand` "interpret".
"""

import sys
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:
    from biome_interpret import visualization
    from biome_interpret.commands import Interpret
    from biome_interpret.errors import InterpretationError
    from biome_interpret.interpretation import FieldScores, Interpretation
    from biome_interpret.interpreters import GradientShap, IntegratedGradient, PathInterpreter
    from biome_interpret.models.baselines import Baseline
    from biome_interpret.models.objectives import Objective, Target
    from biome_interpret.models.objectives.inference_modes import InferenceMode
    from biome_interpret.predictors import SaliencyPredictor

__version__ = "0.1.0"

__all__ = [
    "Baseline",
    "FieldScores",
    "GradientShap",
    "InferenceMode",
    "IntegratedGradient",
    "Interpret",
    "Interpretation",
    "InterpretationError",
    "Objective",
    "PathInterpreter",
    "SaliencyPredictor",
    "Target",
    "visualization",
]

_MODULES = {
    "visualization": "biome_interpret.visualization",
    "Interpret": "biome_interpret.commands",
    "InterpretationError": "biome_interpret.errors",
    "FieldScores": "biome_interpret.interpretation",
    "Interpretation": "biome_interpret.interpretation",
    "GradientShap": "biome_interpret.interpreters",
    "IntegratedGradient": "biome_interpret.interpreters",
    "PathInterpreter": "biome_interpret.interpreters",
    "Baseline": "biome_interpret.models.baselines",
    "Objective": "biome_interpret.models.objectives",
    "Target": "biome_interpret.models.objectives",
    "InferenceMode": "biome_interpret.models.objectives.inference_modes",
    "SaliencyPredictor": "biome_interpret.predictors",
}


def import_all() -> None:
    """Imports and so registers everything. Only the command `biome-interpret` must call it."""
    for name in _MODULES:
        __getattr__(name)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(_MODULES[name])
    # The default is for `visualization`, which is the module itself.
    globals()[name] = getattr(module, name, module)
    return globals()[name]


def __dir__() -> List[str]:
    return sorted({*globals(), *__all__})


def _is_the_command() -> bool:
    """Whether this process is `biome-interpret`, which imports the rest after its own set-up."""
    program = (getattr(sys, "argv", None) or [""])[0]
    # A process that the command spawns inherits `sys.argv`, and needs everything at once.
    main = sys.modules.get("__main__")
    is_spawned = sys.modules.get("__mp_main__", main) is not main
    return PurePath(program).name in ("biome-interpret", "biome-interpret.exe") and not is_spawned


if not _is_the_command():
    import_all()
