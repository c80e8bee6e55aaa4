"""Shows interpretations to people. `Interpretation` finds its renderers when this is imported."""

from biome_interpret.visualization import figure, fragment

__all__ = ["figure", "fragment"]
