// ESIM on pairs of sentences: one embedder that is called twice, attention, ReLU and max pooling.
local data = std.extVar('BIOME_INTERPRET_DATA');
local embedding_dim = 64;
local hidden_size = 64;
local seed = 13;

local lstm(input_size) = {
  type: 'lstm',
  input_size: input_size,
  hidden_size: hidden_size,
  bidirectional: true,
};
local feedforward(input_dim, hidden_dims, activations) = {
  input_dim: input_dim,
  num_layers: 1,
  hidden_dims: hidden_dims,
  activations: activations,
};

{
  random_seed: seed,
  numpy_seed: seed,
  pytorch_seed: seed,
  dataset_reader: {
    type: 'snli',
    tokenizer: { type: 'whitespace' },
    token_indexers: { tokens: { type: 'single_id', lowercase_tokens: true } },
  },
  train_data_path: data + '/nli/train.jsonl',
  validation_data_path: data + '/nli/dev.jsonl',
  vocabulary: { min_count: { tokens: 2 } },
  model: {
    type: 'esim',
    text_field_embedder: {
      token_embedders: { tokens: { type: 'embedding', embedding_dim: embedding_dim } },
    },
    matrix_attention: { type: 'dot_product' },
    encoder: lstm(embedding_dim),
    projection_feedforward: feedforward(8 * hidden_size, hidden_size, 'relu'),
    inference_encoder: lstm(hidden_size),
    output_feedforward: feedforward(8 * hidden_size, hidden_size, 'relu'),
    output_logit: feedforward(hidden_size, 3, 'linear'),
    dropout: 0.3,
  },
  data_loader: { batch_sampler: { type: 'bucket', batch_size: 32 } },
  trainer: {
    optimizer: { type: 'adam', lr: 0.001 },
    num_epochs: 5,
    patience: 2,
    grad_norm: 5.0,
    validation_metric: '+accuracy',
    cuda_device: -1,
  },
}
