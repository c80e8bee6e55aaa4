// What the models of sentence pairs share.
{
  dataset_reader: {
    type: 'snli',
    tokenizer: { type: 'whitespace' },
    token_indexers: { tokens: { type: 'single_id', lowercase_tokens: true } },
  },
  train_data_path: std.extVar('data') + '/entailment.jsonl',
  model: {
    text_field_embedder: {
      token_embedders: { tokens: { type: 'embedding', embedding_dim: 8 } },
    },
    matrix_attention: { type: 'dot_product' },
  },
  predictor: { type: 'textual_entailment' },
}
