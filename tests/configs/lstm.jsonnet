(import 'classifier.libsonnet') + {
  model+: {
    seq2vec_encoder: { type: 'lstm', input_size: 8, hidden_size: 6, bidirectional: true },
  },
}
