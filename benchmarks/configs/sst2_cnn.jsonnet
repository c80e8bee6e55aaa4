// The biLSTM's sentiment classifier with a CNN of 64 filters of each width in its place.
local bilstm = import '../../configs/sst2_bilstm.jsonnet';

bilstm {
  dataset_reader+: {
    // The widest filter sees five words.
    token_indexers: {
      tokens: { type: 'single_id', lowercase_tokens: true, token_min_padding_length: 5 },
    },
  },
  model+: {
    seq2vec_encoder: { type: 'cnn', embedding_dim: 64, num_filters: 64 },
  },
}
