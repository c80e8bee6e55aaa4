from biome_interpret.interpreters.gradient_shap import GradientShap
from biome_interpret.interpreters.integrated_gradient import IntegratedGradient
from biome_interpret.interpreters.path_interpreter import PathInterpreter

__all__ = ["GradientShap", "IntegratedGradient", "PathInterpreter"]
