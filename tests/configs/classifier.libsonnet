// What the small text classifiers share: a reader of whole words, the data, the predictor.
{
  dataset_reader: {
    type: 'text_classification_json',
    tokenizer: { type: 'whitespace' },
    token_indexers: { tokens: { type: 'single_id', lowercase_tokens: true } },
  },
  train_data_path: std.extVar('data') + '/reviews.jsonl',
  model: {
    type: 'basic_classifier',
    text_field_embedder: {
      token_embedders: { tokens: { type: 'embedding', embedding_dim: 8 } },
    },
  },
  predictor: { type: 'text_classifier' },
}
