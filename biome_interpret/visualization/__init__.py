"""How interpretations are shown to people."""
