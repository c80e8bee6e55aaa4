// Linear in the embeddings of a text, but divided by the number of its tokens.
(import 'classifier.libsonnet') + {
  model+: { seq2vec_encoder: { type: 'bag_of_embeddings', embedding_dim: 8, averaged: true } },
}
