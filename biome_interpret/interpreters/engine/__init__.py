"""The engine that runs every method: from texts to results."""
