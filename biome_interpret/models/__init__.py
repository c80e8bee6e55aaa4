"""What differs by model. Each room answers one question about it."""
