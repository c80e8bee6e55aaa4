"""Where do paths begin?"""

from biome_interpret.models.baselines.baseline import Baseline

__all__ = ["Baseline"]
