"""How interpretations are shown to people. Importing it teaches `Interpretation` to draw itself."""

from biome_interpret.visualization import figure, fragment

__all__ = ["figure", "fragment"]
