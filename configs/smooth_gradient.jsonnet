// SmoothGrad: the mean gradient at noisy copies of the text, for each word.
{
  type: 'biome-smooth-gradient',
  n_perturbations: 20,
  granularity: 'word',
}
