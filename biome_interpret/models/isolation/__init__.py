"""Leaves the model and the process as they were."""
