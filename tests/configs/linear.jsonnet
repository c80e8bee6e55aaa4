// The logits are exactly linear in the embeddings: a sum over tokens, then one linear layer.
(import 'classifier.libsonnet') + {
  gain: 0.75,
  model+: { seq2vec_encoder: { type: 'bag_of_embeddings', embedding_dim: 8, averaged: false } },
}
