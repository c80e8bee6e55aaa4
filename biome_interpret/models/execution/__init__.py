"""Runs many rows in one pass, safely."""
