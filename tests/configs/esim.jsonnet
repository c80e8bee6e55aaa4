local dim = 8;
local lstm(input_size) = {
  type: 'lstm',
  input_size: input_size,
  hidden_size: 4,
  bidirectional: true,
};
local feedforward(input_dim, hidden_dims, activations) = {
  input_dim: input_dim,
  num_layers: 1,
  hidden_dims: hidden_dims,
  activations: activations,
};

(import 'entailment.libsonnet') + {
  model+: {
    type: 'esim',
    dropout: 0.1,
    encoder: lstm(dim),
    projection_feedforward: feedforward(4 * 8, dim, 'relu'),
    inference_encoder: lstm(dim),
    output_feedforward: feedforward(4 * 8, dim, 'relu'),
    output_logit: feedforward(dim, 3, 'linear'),
  },
}
