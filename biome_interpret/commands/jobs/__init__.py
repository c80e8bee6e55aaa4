"""One run of `interpret`: texts in, records out; it can be stopped and resumed."""
