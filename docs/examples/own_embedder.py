import torch
from allennlp.modules.token_embedders import TokenEmbedder

from biome_interpret.models.embedding import EmbeddingSite, SiteFinder


@TokenEmbedder.register("scaled")
class ScaledEmbedder(TokenEmbedder):
    """Scales its embeddings."""

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
    """The paths run at the output of the table, below the scale."""

    finds = (ScaledEmbedder,)

    def sites(self, name, module):
        yield EmbeddingSite(name, module._table)
