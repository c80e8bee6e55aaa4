// Word embeddings and a CNN over each word's characters, side by side.
(import 'classifier.libsonnet') + {
  dataset_reader+: {
    token_indexers+: { characters: { type: 'characters', min_padding_length: 3 } },
  },
  model+: {
    text_field_embedder+: {
      token_embedders+: {
        characters: {
          type: 'character_encoding',
          embedding: { embedding_dim: 4, vocab_namespace: 'token_characters' },
          encoder: { type: 'cnn', embedding_dim: 4, num_filters: 4, ngram_filter_sizes: [2, 3] },
        },
      },
    },
    seq2vec_encoder: { type: 'lstm', input_size: 8 + 8, hidden_size: 6, bidirectional: true },
  },
}
