"""Where text becomes vectors, and which call is which field."""
