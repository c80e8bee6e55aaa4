"""
What does the model say, as labelled instances and targets?

Most predictors of AllenNLP label their instances themselves. A `Labelling` does it for those that
label nothing, or that fail on some outputs of their model. Register a subclass for a predictor of
your own. It is tried before those here.
"""

# Imported to register its classes.
from biome_interpret.models.labelling import tasks  # noqa: F401
from biome_interpret.models.labelling.base import Labelling, labelled_instances, with_fields
from biome_interpret.models.labelling.targets import GOLD, TargetSpec

__all__ = ["GOLD", "Labelling", "TargetSpec", "labelled_instances", "with_fields"]
