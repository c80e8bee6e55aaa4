"""Finds out by trying which output of a model holds the logits of its label."""
