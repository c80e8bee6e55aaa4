// A classifier over the first piece of a pretrained transformer, given the folder it lies in.
function(folder) (import 'classifier.libsonnet') + {
  dataset_reader+: {
    tokenizer: { type: 'pretrained_transformer', model_name: folder },
    token_indexers: { tokens: { type: 'pretrained_transformer', model_name: folder } },
  },
  model+: {
    namespace: 'tags',
    text_field_embedder: {
      token_embedders: { tokens: { type: 'pretrained_transformer', model_name: folder } },
    },
    seq2vec_encoder: { type: 'cls_pooler', embedding_dim: 16 },
  },
}
