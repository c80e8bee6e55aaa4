"""f and its gradients at points of a text, and what is computed from them."""
