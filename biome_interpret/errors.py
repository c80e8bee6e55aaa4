"""The errors that a user can meet, beside AllenNLP's `ConfigurationError` for a wrong option."""


class InterpretationError(ValueError):
    """A text that cannot be interpreted: the message says why. Other texts are not affected."""
