from typing import Any

from allennlp.interpret.saliency_interpreters import (
    IntegratedGradient as AllenNLPIntegratedGradient,
)
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor

from biome_interpret.attribution.paths import Path, PathMeasure
from biome_interpret.attribution.quadrature import RULES
from biome_interpret.interpreters import options
from biome_interpret.interpreters.path_interpreter import PathInterpreter


@SaliencyInterpreter.register("biome-integrated-gradient")
class IntegratedGradient(PathInterpreter, AllenNLPIntegratedGradient):
    """
    Integrated Gradients ([Sundararajan, Taly and Yan, 2017](https://arxiv.org/abs/1703.01365)): the
    gradient of the output, integrated along the straight line from the baseline to the text, times
    the difference of the two. The scores add up to f(x) − f(x').

    Registered as a `SaliencyInterpreter` with name "biome-integrated-gradient".

    # Parameters

    predictor : `Predictor`
    n_steps : `int`, optional (default = `50`)
        The number of nodes on each path.
    quadrature : `str`, optional (default = `"gauss-legendre"`)
        Where they stand and how much they weigh: `"gauss-legendre"`, `"riemann-left"`,
        `"riemann-right"`, `"riemann-middle"` or `"trapezoid"`.
    **kwargs
        The options of `PathInterpreter`.

    # Raises

    `ConfigurationError`
        For an option that does not exist or a value that it does not take.
    """

    def __init__(
        self,
        predictor: Predictor,
        n_steps: int = 50,
        quadrature: str = "gauss-legendre",
        **kwargs: Any,
    ) -> None:
        super().__init__(predictor, **kwargs)
        self._n_steps = options.whole_number("n_steps", n_steps)
        self._rule = RULES[options.one_of("quadrature", quadrature, RULES)]

    def path_measure(self, num_background: int) -> PathMeasure:
        nodes, weights = self._rule(self._n_steps)
        backgrounds = range(num_background) if num_background else [None]
        share = weights / len(backgrounds)
        return PathMeasure([Path(nodes.tolist(), share.tolist(), b) for b in backgrounds])
