"""What differs from model to model: where to hook it, what to differentiate, whose each position is."""
