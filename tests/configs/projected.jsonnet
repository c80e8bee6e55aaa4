// Frozen embeddings, projected to another width before the encoder.
(import 'classifier.libsonnet') + {
  model+: {
    text_field_embedder+: {
      token_embedders+: { tokens+: { projection_dim: 6, trainable: false } },
    },
    seq2vec_encoder: { type: 'lstm', input_size: 6, hidden_size: 6, bidirectional: true },
  },
}
