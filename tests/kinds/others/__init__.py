"""
Models as other people write them. Each does an ordinary thing in its own way.

`records` holds the base classes and the record of a model. `reference` computes its scores
without hooks and without gradients. `test_others` compares them with the interpreters.
"""
