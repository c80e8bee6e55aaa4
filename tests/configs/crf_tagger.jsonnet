// The seed was found by a search: at `seed=0` the tags predicted for the example hold a span of one
// token and two of two.
(import 'tagger.libsonnet') + {
  first_seed: 324,
  model+: {
    type: 'crf_tagger',
    dropout: 0.1,
    label_encoding: 'BIOUL',
    constrain_crf_decoding: true,
    calculate_span_f1: true,
  },
}
