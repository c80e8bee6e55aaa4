"""The outcome of one text: its results, or why there are none."""

import traceback
from typing import Any, List, NamedTuple, Optional, Sequence

from allennlp.common.checks import ConfigurationError
from allennlp.common.util import JsonDict

from biome_interpret.errors import InterpretationError, is_out_of_memory, reason_of


class Outcome(NamedTuple):
    """
    The outcome of one text.

    # Parameters

    outputs : `JsonDict`, optional
        The model's prediction, as given by `Model.forward_on_instance`; `None` if it failed.
    interpretations : `List[Interpretation]`, optional
        One for each labelled instance and target; `None` if one of them failed. In place of it,
        what its inquiry returned.
    error : `Exception`, optional
        Why the text failed.
    """

    outputs: Optional[JsonDict] = None
    interpretations: Optional[List[Any]] = None
    error: Optional[Exception] = None


def merged(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of an input that became several texts: all results, or the first error."""
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if failed or len(outcomes) == 1:
        return (failed or outcomes)[0]
    outputs = next((outcome.outputs for outcome in outcomes), {})
    return Outcome(outputs, [one for outcome in outcomes for one in outcome.interpretations or []])


def failed(model: str, error: Exception, outputs: Optional[JsonDict] = None) -> Outcome:
    """
    Of a text that cannot be interpreted. An error of the model's own becomes one that names the
    model. Too little memory is not an error of the text, and stays as it is.
    """
    cause: Optional[BaseException] = error
    while cause is not None:
        # Frames hold tensors.
        traceback.clear_frames(cause.__traceback__)
        cause = cause.__cause__ or cause.__context__
    is_clear = isinstance(error, (InterpretationError, ConfigurationError, MemoryError))
    if is_clear or is_out_of_memory(error):
        return Outcome(outputs, error=error)
    named = InterpretationError(f"{model} fails on this text ({reason_of(error)})")
    named.__cause__ = error
    return Outcome(outputs, error=named)
