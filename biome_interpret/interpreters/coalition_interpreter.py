"""The base class of the methods that ask for f with some units removed."""

from typing import Any

from allennlp.predictors import Predictor

from biome_interpret.attribution.coalitions import CoalitionPlan, Inquiry, Units, UnitScores
from biome_interpret.errors import InterpretationError
from biome_interpret.interpreters import options
from biome_interpret.interpreters.engine.batch_explainer import Plan
from biome_interpret.interpreters.planned_interpreter import PlannedInterpreter

DELETE = "delete"

# Of more units there are too many pairs.
MOST_INTERACTING_UNITS = 256


class CoalitionInterpreter(PlannedInterpreter):
    """
    The base of the interpreters that compare f with some units removed. Units are the tokens, words
    or sentences that get scores. No gradient is needed. A subclass asks its questions in `inquiry`.

    # Parameters

    predictor : `Predictor`
    removal : `str`, optional (default = `"baseline"`)
        How units are removed. `"baseline"`: the baseline, or a background text, replaces their
        embeddings. `"delete"`: their tokens are left out of the TextField. Special tokens stay.
    interactions : `bool`, optional (default = `False`)
        Whether the result has the interactions of all pairs of units. There may be at most 256.
    **kwargs
        The options of `PlannedInterpreter`.

    # Raises

    `ConfigurationError`
        For an unknown option, a value that an option does not take, or a baseline for `"delete"`.
    """

    needs_gradients = False

    def __init__(
        self,
        predictor: Predictor,
        removal: str = "baseline",
        interactions: bool = False,
        **kwargs: Any,
    ) -> None:
        self._deletes = options.one_of("removal", removal, ["baseline", DELETE]) == DELETE
        if self._deletes:
            for name in ("baseline", "background"):
                options.refuse_both({"removal='delete'": removal}, {name: kwargs.get(name)})
        self._with_interactions = options.flag("interactions", interactions)
        super().__init__(predictor, **kwargs)

    def plan(self, num_background: int) -> Plan:
        return CoalitionPlan(self._checked_inquiry, self._deletes)

    def most_evaluations(self, num_units: int) -> int:
        return max(1, len(self._settings.background or [])) * self.most_subsets(num_units)

    def most_subsets(self, num_units: int) -> int:
        """The largest number of subsets that `inquiry` asks for."""
        raise NotImplementedError

    def _checked_inquiry(self, units: Units) -> "Inquiry[UnitScores]":
        if self._with_interactions and units.num > MOST_INTERACTING_UNITS:
            raise InterpretationError(
                f"interactions of the {units.num} units of this text are too many: there may be at "
                f"most {MOST_INTERACTING_UNITS}. Choose a coarser granularity, such as 'sentence'"
            )
        return self.inquiry(units)

    def inquiry(self, units: Units) -> "Inquiry[UnitScores]":
        """
        Asks for f at subsets of the units, and returns the scores.

        # Parameters

        units : `Units`
            Of one labelled instance.
        """
        raise NotImplementedError
