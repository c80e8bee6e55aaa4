// The seed was found by a search: `seed=0` draws weights with which the tags predicted for the
// example are well-formed and hold a span of one token and a span of two. Without `label_encoding`:
// with it, AllenNLP counts the spans in every labelled forward pass, and raises
// `InvalidTagSequence` where the tags that it predicts there are not well-formed.
(import 'tagger.libsonnet') + { first_seed: 5471, model+: { type: 'simple_tagger' } }
