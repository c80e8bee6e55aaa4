// Whole words for the model, word pieces for BERT, averaged word by word.
local folder = std.extVar('bert');

(import 'transformer.libsonnet')(folder) + {
  dataset_reader+: {
    tokenizer: { type: 'whitespace' },
    token_indexers: { tokens: { type: 'pretrained_transformer_mismatched', model_name: folder } },
  },
  model+: {
    text_field_embedder: {
      token_embedders: {
        tokens: { type: 'pretrained_transformer_mismatched', model_name: folder },
      },
    },
    seq2vec_encoder: { type: 'bag_of_embeddings', embedding_dim: 16, averaged: true },
  },
}
