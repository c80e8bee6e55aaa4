"""Whose is each position: token, word, sentence?"""

from biome_interpret.models.alignment.token_alignment import PADDING, UNOWNED, TokenAlignment

__all__ = ["PADDING", "UNOWNED", "TokenAlignment"]
