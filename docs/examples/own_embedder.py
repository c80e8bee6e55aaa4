import torch
from allennlp.modules.token_embedders import TokenEmbedder

from biome_interpret.models.embedding.finders import SiteFinder
from biome_interpret.models.embedding.sites import EmbeddingSite


@TokenEmbedder.register("scaled")
class ScaledEmbedder(TokenEmbedder):
    """Embeddings that are scaled before they leave the embedder."""

    def __init__(self, num_embeddings: int, embedding_dim: int, scale: float) -> None:
        super().__init__()
        self._table = torch.nn.Embedding(num_embeddings, embedding_dim)
        self._scale = scale

    def get_output_dim(self):
        return self._table.embedding_dim

    def forward(self, tokens):
        return self._scale * self._table(tokens)


@SiteFinder.register("scaled")
class ScaledFinder(SiteFinder):
    """The paths run at the table's output: below the scale, where the words become vectors."""

    finds = (ScaledEmbedder,)

    def sites(self, name, module):
        yield EmbeddingSite(name, module._table)
