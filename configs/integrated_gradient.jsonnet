// Integrated Gradients of the predicted label's logit, for each token.
{
  type: 'biome-integrated-gradient',
}
