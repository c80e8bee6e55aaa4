from biome_interpret.interpreters.coalition_interpreter import CoalitionInterpreter
from biome_interpret.interpreters.gradient_shap import GradientShap
from biome_interpret.interpreters.integrated_gradient import IntegratedGradient
from biome_interpret.interpreters.occlusion import Occlusion
from biome_interpret.interpreters.path_interpreter import PathInterpreter
from biome_interpret.interpreters.planned_interpreter import PlannedInterpreter
from biome_interpret.interpreters.shapley_sampling import ShapleySampling
from biome_interpret.interpreters.smooth_gradient import SmoothGradient

__all__ = [
    "CoalitionInterpreter",
    "GradientShap",
    "IntegratedGradient",
    "Occlusion",
    "PathInterpreter",
    "PlannedInterpreter",
    "ShapleySampling",
    "SmoothGradient",
]
