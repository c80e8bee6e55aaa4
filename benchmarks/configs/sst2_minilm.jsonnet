// MiniLM fine-tuned on a sample of SST-2, one epoch; MINILM names the folder of the pretrained one.
local data = std.extVar('BIOME_INTERPRET_DATA');
local minilm = std.extVar('MINILM');
local seed = 13;

{
  random_seed: seed,
  numpy_seed: seed,
  pytorch_seed: seed,
  dataset_reader: {
    type: 'text_classification_json',
    tokenizer: { type: 'pretrained_transformer', model_name: minilm },
    token_indexers: {
      tokens: { type: 'pretrained_transformer', model_name: minilm, namespace: 'tags' },
    },
  },
  train_data_path: data + '/sst2/train_sample.jsonl',
  validation_data_path: data + '/sst2/dev.jsonl',
  model: {
    type: 'basic_classifier',
    // Where the word pieces are: `make_output_human_readable` looks them up there.
    namespace: 'tags',
    text_field_embedder: {
      token_embedders: { tokens: { type: 'pretrained_transformer', model_name: minilm } },
    },
    seq2vec_encoder: { type: 'cls_pooler', embedding_dim: 384 },
    dropout: 0.1,
  },
  data_loader: { batch_sampler: { type: 'bucket', batch_size: 32 } },
  trainer: {
    optimizer: { type: 'huggingface_adamw', lr: 5e-5 },
    num_epochs: 1,
    validation_metric: '+accuracy',
    cuda_device: -1,
  },
}
