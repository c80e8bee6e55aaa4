"""How many rows go through a model, safely."""
