"""A study: methods on the texts of a file, what is asked of the model, and what comes out."""
