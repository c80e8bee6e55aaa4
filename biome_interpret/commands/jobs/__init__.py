"""One job: texts in, records out, stopped and resumed."""
