// A biLSTM-CRF that finds names in tweets.
local data = std.extVar('BIOME_INTERPRET_DATA');
local embedding_dim = 64;
local hidden_size = 64;
local seed = 13;

{
  random_seed: seed,
  numpy_seed: seed,
  pytorch_seed: seed,
  dataset_reader: {
    type: 'conll2003',
    tag_label: 'ner',
    // What AllenNLP's predictor tells spans by.
    convert_to_coding_scheme: 'BIOUL',
    token_indexers: { tokens: { type: 'single_id' } },
  },
  train_data_path: data + '/ner/train.txt',
  validation_data_path: data + '/ner/dev.txt',
  // What stands once in the training data teaches the model what to make of unknown words.
  vocabulary: { min_count: { tokens: 2 } },
  model: {
    type: 'crf_tagger',
    label_encoding: 'BIOUL',
    constrain_crf_decoding: true,
    calculate_span_f1: true,
    text_field_embedder: {
      token_embedders: { tokens: { type: 'embedding', embedding_dim: embedding_dim } },
    },
    encoder: {
      type: 'lstm',
      input_size: embedding_dim,
      hidden_size: hidden_size,
      bidirectional: true,
    },
    dropout: 0.5,
  },
  data_loader: { batch_sampler: { type: 'bucket', batch_size: 16 } },
  trainer: {
    optimizer: { type: 'adam', lr: 0.003 },
    num_epochs: 10,
    grad_norm: 5.0,
    validation_metric: '+f1-measure-overall',
    cuda_device: -1,
  },
}
