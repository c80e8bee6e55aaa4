from typing import Any, Optional

from allennlp.common.checks import ConfigurationError
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor

from biome_interpret.attribution.coalitions import Inquiry, Units, UnitScores
from biome_interpret.attribution.coalitions.shapley import Sampling, most_subsets, shapley
from biome_interpret.interpreters import options
from biome_interpret.interpreters.coalition_interpreter import CoalitionInterpreter


@SaliencyInterpreter.register("biome-shapley-sampling")
class ShapleySampling(CoalitionInterpreter):
    """
    Shapley values: the mean change of f when a unit is added to those before it, over all orders of
    the units. The scores add up to f(x) − f(all units removed). Up to 12 units they are exact, by
    all 2^n subsets. Beyond, they are means over random orders
    ([Castro, Gómez and Tejada, 2009](https://doi.org/10.1016/j.cor.2008.04.004)) in pairs of an
    order and its reverse ([Mitchell et al., 2022](https://arxiv.org/abs/2104.12199)), with standard
    errors. An order takes n − 1 rows.

    Interactions are the Shapley interaction index
    ([Grabisch and Roubens, 1999](https://doi.org/10.1007/s001820050125)).

    Registered as a `SaliencyInterpreter` with name "biome-shapley-sampling".

    # Parameters

    predictor : `Predictor`
    n_permutations : `int`, optional (default = `16`)
        The number of random orders, rounded up to pairs. With interactions at least 2 n.
    seed : `int`, optional (default = `0`)
        The same seed gives the same orders for texts with the same number of units.
    tolerance : `float`, optional
        Double the number of orders of each text until Σ standard error / Σ |score| is at most this.
    max_evaluations : `int`, optional (default = `4096`)
        The largest number of rows with a tolerance, for more than 12 units. A result that needed
        more says so. A pair of orders is evaluated anyway; with interactions, two rounds of them.
    **kwargs
        The options of `CoalitionInterpreter`.

    # Raises

    `ConfigurationError`
        For an unknown option, or a value that an option does not take.
    """

    def __init__(
        self,
        predictor: Predictor,
        n_permutations: int = 16,
        seed: int = 0,
        tolerance: Optional[float] = None,
        max_evaluations: Optional[int] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(predictor, **kwargs)
        if max_evaluations is not None and tolerance is None:
            raise ConfigurationError("max_evaluations needs a tolerance, which it bounds")
        most = 4096 if max_evaluations is None else max_evaluations
        self._sampling = Sampling(
            options.whole_number("n_permutations", n_permutations, at_least=2),
            options.seed("seed", seed),
            self._with_interactions,
            None if tolerance is None else options.share("tolerance", tolerance),
            options.whole_number("max_evaluations", most),
        )

    def most_subsets(self, num_units: int) -> int:
        return most_subsets(num_units, self._sampling)

    def inquiry(self, units: Units) -> "Inquiry[UnitScores]":
        return shapley(units.num, self._sampling)
