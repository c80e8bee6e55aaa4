"""The rows of a study: each gives a score to every word of a text."""

from biome_interpret.evaluation.methods.base import Row, Scores, Text
from biome_interpret.evaluation.methods.captums import CaptumRow
from biome_interpret.evaluation.methods.drawn import RandomRow
from biome_interpret.evaluation.methods.ours import OwnRow
from biome_interpret.evaluation.methods.theirs import AllenNLPRow

__all__ = ["AllenNLPRow", "CaptumRow", "OwnRow", "RandomRow", "Row", "Scores", "Text"]
