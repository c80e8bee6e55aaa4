"""The interpreters of this package."""

import logging
from typing import Any, List, Optional, Sequence, Union

from biome_interpret.errors import InterpretationError
from biome_interpret.evaluation.methods.base import Outcome, Row, Scores, Text
from biome_interpret.interpretation import Interpretation
from biome_interpret.interpreters import PlannedInterpreter

logger = logging.getLogger(__name__)

# So that scores belong to the units that a study removes, and keep their sum.
WORDS = {"granularity": "word", "granularity_aggregation_strategy": "sum"}


class OwnRow(Row):
    """
    # Parameters

    name : `str`
    interpreter : `PlannedInterpreter`
        Made with the options `WORDS`.
    note, instead
        As in `Row`.
    """

    def __init__(
        self,
        name: str,
        interpreter: PlannedInterpreter,
        note: str = "",
        instead: Optional[Row] = None,
    ) -> None:
        super().__init__(name, note, instead=instead)
        self.interpreter = interpreter

    @property
    def learnt(self) -> Any:
        return self.interpreter.learnt

    def scores(self, texts: Sequence[Text]) -> List[Outcome]:
        return [self._scores(text, result) for text, result in zip(texts, self._interpreted(texts))]

    def _interpreted(self, texts: Sequence[Text]) -> List[Union[List[Interpretation], Exception]]:
        inputs, targets = [text.inputs for text in texts], [text.target for text in texts]
        try:
            return self.interpreter.interpret_each(inputs, targets)
        except Exception as error:
            # All failed, for example for lack of memory. Each text alone may succeed.
            logger.debug("a row failed on all texts together", exc_info=True)
            if len(texts) == 1:
                return [error]
            return [self._interpreted([text])[0] for text in texts]

    def _scores(self, text: Text, result: Union[List[Interpretation], Exception]) -> Outcome:
        if isinstance(result, Exception):
            return result
        if not result:
            return InterpretationError("the model labels nothing in this text")
        one = result[0]
        words = {name: field.tokens for name, field in one.fields.items()}
        if words != text.units.fields:
            return InterpretationError("the method has other words than those that are removed")
        scores = [score for field in one.fields.values() for score in field.scores]
        return Scores([scores], one.n_evaluations, one.convergence_delta, one.target)
