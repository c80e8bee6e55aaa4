"""
Which number of the model is explained? An objective reads it from the model's output.

One is made for each labelled instance, of the first registered class that finds its label there.
Register a subclass of `Objective` for a model of your own. It is tried before those here.
"""

# Imported to register its classes.
from biome_interpret.models.objectives import tasks  # noqa: F401
from biome_interpret.models.objectives.base import NoOutput, Objective, Target, forward_arguments
from biome_interpret.models.objectives.inference_modes import Choices
from biome_interpret.models.objectives.loss import LossNotAdditive, loss_in_place_of
from biome_interpret.models.objectives.selection import UnknownObjective, objective_for
from biome_interpret.models.objectives.tasks.labels import LabelObjective, MultiLabelObjective

__all__ = [
    "Choices",
    "LabelObjective",
    "LossNotAdditive",
    "MultiLabelObjective",
    "NoOutput",
    "Objective",
    "Target",
    "UnknownObjective",
    "forward_arguments",
    "loss_in_place_of",
    "objective_for",
]
