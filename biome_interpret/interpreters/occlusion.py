from allennlp.interpret.saliency_interpreters import SaliencyInterpreter

from biome_interpret.attribution.coalitions import Inquiry, Units, UnitScores
from biome_interpret.attribution.coalitions.occlusion import occlusion
from biome_interpret.interpreters.coalition_interpreter import CoalitionInterpreter


@SaliencyInterpreter.register("biome-occlusion")
class Occlusion(CoalitionInterpreter):
    """
    Occlusion ([Zeiler and Fergus, 2014](https://arxiv.org/abs/1311.2901)), also called
    leave-one-out ([Li, Monroe and Jurafsky, 2016](https://arxiv.org/abs/1612.08220)): the score of
    a unit is f(x) − f(x with the unit removed). It is exact, and takes n + 1 rows for n units.

    If a baseline replaces the unit, this is also the integral of the gradient along the straight
    line on which only that unit moves. So it is the number that Sequential Integrated Gradients
    ([Enguehard, 2023](https://arxiv.org/abs/2305.15853)) converges to. The scores need not add up
    to anything.

    The interaction of two units is f(x) − f(without one) − f(without the other) + f(without both).
    It takes n (n − 1) / 2 more rows.

    Registered as a `SaliencyInterpreter` with name "biome-occlusion". Its options are those of
    `CoalitionInterpreter`.
    """

    def most_subsets(self, num_units: int) -> int:
        num_pairs = num_units * (num_units - 1) // 2
        return num_units + (num_pairs if self._with_interactions else 0)

    def inquiry(self, units: Units) -> "Inquiry[UnitScores]":
        return occlusion(units.num, self._with_interactions)
