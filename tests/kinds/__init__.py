"""
Kinds of models that can be interpreted: a small one of each, and what is measured on it.

`embedders` holds a model for each kind of embedder, `predictors` one for each kind of predictor.
`test_kinds` measures them all, and holds the table in `docs/models.md` to what it finds.
"""
