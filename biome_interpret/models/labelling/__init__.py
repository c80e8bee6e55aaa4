"""
Labelled instances: what a predictor's model says of an input, as a label.

Most predictors of AllenNLP label their instances themselves. Some label nothing, and some fail on
outputs that their models do give: a `Labelling` does it for these. A predictor of the user's own
needs one subclass, registered from the user's package.
"""

from biome_interpret.models.labelling.base import (
    Labelling,
    apply_indexers,
    instances_of,
    labelled_instances,
    with_fields,
)
from biome_interpret.models.labelling.labels import AlternativeLabelling, LabelLabelling
from biome_interpret.models.labelling.multitask import MultiTaskLabelling
from biome_interpret.models.labelling.sequences import SequenceLabelling
from biome_interpret.models.labelling.spans import (
    DialogLabelling,
    PassageAnswerLabelling,
    SpanLabelling,
    WindowLabelling,
)
from biome_interpret.models.labelling.tags import ExtractionLabelling, FrameLabelling, TagsLabelling
from biome_interpret.models.labelling.targets import GOLD, Target, targeted
from biome_interpret.models.labelling.trees import ConstituentsLabelling, DependenciesLabelling
from biome_interpret.models.labelling.words import NextWordLabelling, OwnTextLabelling

__all__ = [
    "GOLD",
    "AlternativeLabelling",
    "ConstituentsLabelling",
    "DependenciesLabelling",
    "DialogLabelling",
    "ExtractionLabelling",
    "FrameLabelling",
    "LabelLabelling",
    "Labelling",
    "MultiTaskLabelling",
    "NextWordLabelling",
    "OwnTextLabelling",
    "PassageAnswerLabelling",
    "SequenceLabelling",
    "SpanLabelling",
    "TagsLabelling",
    "Target",
    "WindowLabelling",
    "apply_indexers",
    "instances_of",
    "labelled_instances",
    "targeted",
    "with_fields",
]
