local feedforward(input_dim, hidden_dims, activations) = {
  input_dim: input_dim,
  num_layers: 2,
  hidden_dims: hidden_dims,
  activations: activations,
};

(import 'entailment.libsonnet') + {
  gain: 0.9,
  model+: {
    type: 'decomposable_attention',
    attend_feedforward: feedforward(8, [12, 12], 'relu'),
    compare_feedforward: feedforward(16, [12, 12], 'relu'),
    aggregate_feedforward: feedforward(24, [12, 3], ['relu', 'linear']),
  },
}
