(import 'transformer.libsonnet')(std.extVar('roberta'))
