"""The mathematics of path attribution, on plain tensors: nothing here knows AllenNLP."""
