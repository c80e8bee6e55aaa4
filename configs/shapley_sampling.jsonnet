// Shapley values of the words, with the interactions of all pairs.
{
  type: 'biome-shapley-sampling',
  baseline: 'unknown',
  granularity: 'word',
  interactions: true,
}
