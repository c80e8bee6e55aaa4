"""The mathematics of path attribution, on plain tensors."""
