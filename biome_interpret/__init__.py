"""
Saliency for AllenNLP: which words made a model predict its label, and how exact the scores are.

Importing the package registers everything: the `SaliencyInterpreter`s "biome-integrated-gradient",
"biome-gradient-shap", "biome-smooth-gradient", "biome-occlusion" and "biome-shapley-sampling", the
`Predictor` "saliency" and the `Subcommand` "interpret".
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, List

if TYPE_CHECKING:
    from biome_interpret import visualization as visualization
    from biome_interpret.commands import Interpret as Interpret
    from biome_interpret.distributed import interpret_dataset as interpret_dataset
    from biome_interpret.errors import InterpretationError as InterpretationError
    from biome_interpret.interpretation import FieldScores as FieldScores
    from biome_interpret.interpretation import Interpretation as Interpretation
    from biome_interpret.interpreters import CoalitionInterpreter as CoalitionInterpreter
    from biome_interpret.interpreters import GradientShap as GradientShap
    from biome_interpret.interpreters import IntegratedGradient as IntegratedGradient
    from biome_interpret.interpreters import Occlusion as Occlusion
    from biome_interpret.interpreters import PathInterpreter as PathInterpreter
    from biome_interpret.interpreters import PlannedInterpreter as PlannedInterpreter
    from biome_interpret.interpreters import ShapleySampling as ShapleySampling
    from biome_interpret.interpreters import SmoothGradient as SmoothGradient
    from biome_interpret.models.baselines import Baseline as Baseline
    from biome_interpret.models.objectives import Objective as Objective
    from biome_interpret.models.objectives import Target as Target
    from biome_interpret.models.objectives.inference_modes import InferenceMode as InferenceMode
    from biome_interpret.predictors import SaliencyPredictor as SaliencyPredictor

__version__ = "0.1.0"

# The public names, and the modules that define them.
_MODULES = {
    "visualization": "biome_interpret.visualization",
    "Interpret": "biome_interpret.commands",
    "interpret_dataset": "biome_interpret.distributed",
    "InterpretationError": "biome_interpret.errors",
    "FieldScores": "biome_interpret.interpretation",
    "Interpretation": "biome_interpret.interpretation",
    "CoalitionInterpreter": "biome_interpret.interpreters",
    "GradientShap": "biome_interpret.interpreters",
    "IntegratedGradient": "biome_interpret.interpreters",
    "Occlusion": "biome_interpret.interpreters",
    "PathInterpreter": "biome_interpret.interpreters",
    "PlannedInterpreter": "biome_interpret.interpreters",
    "ShapleySampling": "biome_interpret.interpreters",
    "SmoothGradient": "biome_interpret.interpreters",
    "Baseline": "biome_interpret.models.baselines",
    "Objective": "biome_interpret.models.objectives",
    "Target": "biome_interpret.models.objectives",
    "InferenceMode": "biome_interpret.models.objectives.inference_modes",
    "SaliencyPredictor": "biome_interpret.predictors",
}
__all__ = [*_MODULES]


def require_allennlp() -> None:
    """Raises `ModuleNotFoundError` with what to type if AllenNLP is not installed."""
    if find_spec("allennlp") is None:
        # From Python 3.11 this package does not depend on it: its dependencies have no build there.
        options = "--no-deps " if sys.version_info >= (3, 11) else ""
        raise ModuleNotFoundError(
            f"AllenNLP is not installed. Type: pip install {options}allennlp==2.10.1",
            name="allennlp",
        )


def import_all() -> None:
    """Imports everything, which registers it. Only the command `biome-interpret` must call this."""
    require_allennlp()
    for name in _MODULES:
        __getattr__(name)
    import_module("biome_interpret.live")  # Adds a command to `biome-interpret`.


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
    """Whether this process is `biome-interpret`, which calls `import_all` after its own set-up."""
    argv = getattr(sys, "argv", None) or [""]
    if argv[0] == "-m":
        # Python is looking for a module to run. From 3.10 on one can see which.
        given = getattr(sys, "orig_argv", [])
        return len(given) > len(argv) and given[-len(argv)] == "biome_interpret"
    program = argv[0]
    # A process that the command spawns inherits `sys.argv`, but does not call `import_all`.
    main = sys.modules.get("__main__")
    is_spawned = sys.modules.get("__mp_main__", main) is not main
    return PurePath(program).name in ("biome-interpret", "biome-interpret.exe") and not is_spawned


if not _is_the_command():
    import_all()
