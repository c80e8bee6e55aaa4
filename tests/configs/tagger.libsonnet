// What the taggers share. The predictor splits sentences with the spaCy pipeline in `spacy`.
{
  dataset_reader: {
    type: 'sequence_tagging',
    token_indexers: { tokens: { type: 'single_id', lowercase_tokens: true } },
  },
  train_data_path: std.extVar('data') + '/tags.txt',
  model: {
    text_field_embedder: {
      token_embedders: { tokens: { type: 'embedding', embedding_dim: 8 } },
    },
    encoder: { type: 'lstm', input_size: 8, hidden_size: 6, bidirectional: true },
  },
  predictor: { type: 'sentence_tagger', language: std.extVar('spacy') },
}
