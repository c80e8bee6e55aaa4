// A small sentiment classifier: 64-d embeddings and a biLSTM, trained on SST-2 in under a minute.
// `make fixture` runs it; BIOME_INTERPRET_DATA names the folder that holds `sst2/`.
local data = std.extVar('BIOME_INTERPRET_DATA');
local embedding_dim = 64;
local hidden_size = 64;
local seed = 13;

{
  random_seed: seed,
  numpy_seed: seed,
  pytorch_seed: seed,
  dataset_reader: {
    type: 'text_classification_json',
    // SST-2 is split on spaces and lower-cased, what people type is not: letters, digits and
    // punctuation apart and the words in lower case make the two alike. Its tokens know their
    // place in the text.
    tokenizer: { type: 'letters_digits' },
    token_indexers: { tokens: { type: 'single_id', lowercase_tokens: true } },
  },
  train_data_path: data + '/sst2/train.jsonl',
  validation_data_path: data + '/sst2/dev.jsonl',
  vocabulary: { min_count: { tokens: 2 } },
  model: {
    type: 'basic_classifier',
    text_field_embedder: {
      token_embedders: { tokens: { type: 'embedding', embedding_dim: embedding_dim } },
    },
    seq2vec_encoder: {
      type: 'lstm',
      input_size: embedding_dim,
      hidden_size: hidden_size,
      bidirectional: true,
    },
    dropout: 0.5,
  },
  data_loader: { batch_sampler: { type: 'bucket', batch_size: 32 } },
  trainer: {
    optimizer: { type: 'adam', lr: 0.001 },
    num_epochs: 10,
    patience: 3,
    grad_norm: 5.0,
    validation_metric: '+accuracy',
    cuda_device: -1,
  },
}
