"""Shows interpretations to people. Importing it registers the renderers of `Interpretation`."""

from biome_interpret.visualization import figure, fragment, terminal

__all__ = ["figure", "fragment", "terminal"]
