"""How a model is left as it was found."""
