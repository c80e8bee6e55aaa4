"""What differs by model: where to hook it, what to differentiate, whose each position is."""
