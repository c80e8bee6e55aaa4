// GradientSHAP with noise in units of the text's own embeddings, for each word.
{
  type: 'biome-gradient-shap',
  n_perturbations: 20,
  noise_relative: true,
  granularity: 'word',
}
