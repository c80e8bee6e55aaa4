"""Whose each position is: a token's, a word's, a sentence's."""
