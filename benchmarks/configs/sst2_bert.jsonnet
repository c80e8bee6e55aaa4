// A model of the size of BERT-base with random weights; MINILM names the folder of a tokenizer.
local minilm = std.extVar('MINILM');

{
  dataset_reader: {
    type: 'text_classification_json',
    tokenizer: { type: 'pretrained_transformer', model_name: minilm },
    token_indexers: {
      tokens: { type: 'pretrained_transformer', model_name: minilm, namespace: 'tags' },
    },
  },
  model: {
    type: 'basic_classifier',
    namespace: 'tags',
    text_field_embedder: {
      token_embedders: {
        tokens: {
          type: 'pretrained_transformer',
          model_name: minilm,
          load_weights: false,
          transformer_kwargs: {
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
          },
        },
      },
    },
    seq2vec_encoder: { type: 'cls_pooler', embedding_dim: 768 },
  },
}
