"""
Saliency for AllenNLP: which words made a model say what it said, and how sure the answer is.

Importing the package registers everything: `SaliencyInterpreter`s "biome-integrated-gradient" and
"biome-gradient-shap", the `Predictor` "saliency", and the `Subcommand` "interpret".
"""

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
