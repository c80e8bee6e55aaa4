from biome_interpret import Baseline


@Baseline.register("mean-of-text")
class MeanOfText(Baseline):
    """The mean of the text's own embeddings, at every position."""

    def vectors(self, call, vocabulary):
        # Shape: (instances, positions, embedding_dim)
        embedded = call.embedded
        owned = (call.owners >= 0).to(embedded).unsqueeze(-1)
        return (embedded * owned).sum(1, keepdim=True) / owned.sum(1, keepdim=True)
