(import 'transformer.libsonnet')(std.extVar('bert'))
