"""
Models as other people write them. Each does an ordinary thing in its own way.

`records` has the record of a model and the classifiers that most models extend. `models` has the
models. `reference` computes their scores without hooks and without gradients. `checks` compares
them with those of the interpreters.
"""
