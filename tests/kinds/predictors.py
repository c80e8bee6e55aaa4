"""A small model for each kind of predictor: what is explained."""

from tests.kinds.registry import Registry

KINDS = Registry(
    "Predictors",
    "What is explained, for each kind of predictor.",
)
