"""
Objectives: what of a labelled instance is explained.

One is made for each labelled instance, of the first registered kind that finds a label of its own
in it. The latest registered is asked first: a user's own, or a more special one.
"""

from biome_interpret.models.objectives.base import NotTold, Objective, Target
from biome_interpret.models.objectives.labels import (
    AlternativeObjective,
    LabelObjective,
    ListedLabelsObjective,
    MultiLabelObjective,
)
from biome_interpret.models.objectives.loss import (
    LossByRows,
    LossNotByRows,
    LossObjective,
    loss_in_place_of,
)
from biome_interpret.models.objectives.loss_only import (
    AnswerObjective,
    CoreferenceObjective,
    OwnLossObjective,
)
from biome_interpret.models.objectives.selection import (
    UnknownObjective,
    forward_arguments,
    objective_for,
)
from biome_interpret.models.objectives.sequences import (
    BartObjective,
    CopyNetObjective,
    SequenceObjective,
)
from biome_interpret.models.objectives.spans import AnswerSpanObjective, DialogAnswerObjective
from biome_interpret.models.objectives.tags import CrfTagsObjective, TagsObjective
from biome_interpret.models.objectives.trees import ConstituentsObjective, DependenciesObjective
from biome_interpret.models.objectives.words import MaskedWordsObjective, NextWordObjective

__all__ = [
    "AlternativeObjective",
    "AnswerObjective",
    "AnswerSpanObjective",
    "BartObjective",
    "ConstituentsObjective",
    "CopyNetObjective",
    "CoreferenceObjective",
    "CrfTagsObjective",
    "DependenciesObjective",
    "DialogAnswerObjective",
    "LabelObjective",
    "ListedLabelsObjective",
    "LossByRows",
    "LossNotByRows",
    "LossObjective",
    "MaskedWordsObjective",
    "MultiLabelObjective",
    "NextWordObjective",
    "NotTold",
    "Objective",
    "OwnLossObjective",
    "SequenceObjective",
    "TagsObjective",
    "Target",
    "UnknownObjective",
    "forward_arguments",
    "objective_for",
    "loss_in_place_of",
]
