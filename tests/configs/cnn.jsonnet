// Texts shorter than the widest filter are padded to it.
(import 'classifier.libsonnet') + {
  gain: 1.0,
  dataset_reader+: { token_indexers+: { tokens+: { token_min_padding_length: 3 } } },
  model+: {
    seq2vec_encoder: { type: 'cnn', embedding_dim: 8, num_filters: 5, ngram_filter_sizes: [2, 3] },
  },
}
