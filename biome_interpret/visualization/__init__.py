"""Shows interpretations to people. Importing it registers the renderers of `Interpretation`."""

from biome_interpret.visualization import figure, fragment

__all__ = ["figure", "fragment"]
