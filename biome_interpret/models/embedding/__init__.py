"""Where does text become vectors, and which call is which field?"""

from biome_interpret.models.embedding.calls import CallKey, SiteCall
from biome_interpret.models.embedding.finders import SiteFinder
from biome_interpret.models.embedding.sites import EmbeddingSite

__all__ = ["CallKey", "EmbeddingSite", "SiteCall", "SiteFinder"]
