from typing import Any, List, Optional, Union

from allennlp.interpret.saliency_interpreters import (
    IntegratedGradient as AllenNLPIntegratedGradient,
)
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor

from biome_interpret.attribution.paths import AdaptiveMeasure, Path, PathMeasure
from biome_interpret.attribution.priors import GENERAL, PRETRAINED_TRANSFORMER
from biome_interpret.attribution.quadrature import RULES
from biome_interpret.attribution.refinement import FEWEST_EVALUATIONS, AdaptiveQuadrature
from biome_interpret.interpreters import options
from biome_interpret.interpreters.path_interpreter import PathInterpreter
from biome_interpret.models.embedding.finders import has_pretrained_transformer


@SaliencyInterpreter.register("biome-integrated-gradient")
class IntegratedGradient(PathInterpreter, AllenNLPIntegratedGradient):
    """
    Integrated Gradients ([Sundararajan, Taly and Yan, 2017](https://arxiv.org/abs/1703.01365)): the
    gradient of the output, integrated along the straight line from the baseline to the text, times
    the difference of the two. The scores add up to f(x) − f(x').

    Registered as a `SaliencyInterpreter` with name "biome-integrated-gradient".

    # Parameters

    predictor : `Predictor`
    tolerance : `float`, optional (default = `0.01`)
        Refine the integral of each text until the estimated Σ |error| / Σ |score| is at most this.
    max_evaluations : `int`, optional (default = `257`)
        The largest number of nodes for a text, itself at most 2,000. A result that needed more
        says so. Each background text takes 3 or more: with more than 85 of them, the default is 3
        for each.
    n_steps : `int`, optional (default = `50` if `quadrature` is given)
        A fixed number of nodes on each path instead: at most 20,000, and 2,000 by the rules of
        Gauss.
    quadrature : `str`, optional (default = `"gauss-radau"` if `n_steps` is given)
        The rule for the fixed nodes: `"gauss-radau"` (the text itself is one of its nodes, which
        saves a row), `"gauss-legendre"`, `"riemann-left"`, `"riemann-right"`, `"riemann-middle"`
        or `"trapezoid"`.
    **kwargs
        The options of `PathInterpreter`.

    # Raises

    `ConfigurationError`
        For an unknown option, a value that an option does not take, or a fixed number of nodes
        together with a tolerance.
    """

    def __init__(
        self,
        predictor: Predictor,
        tolerance: Optional[float] = None,
        max_evaluations: Optional[int] = None,
        n_steps: Optional[int] = None,
        quadrature: Optional[str] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(predictor, **kwargs)
        adaptive = {"tolerance": tolerance, "max_evaluations": max_evaluations}
        fixed = {"n_steps": n_steps, "quadrature": quadrature}
        options.refuse_both(adaptive, fixed)
        self._is_fixed = any(value is not None for value in fixed.values())
        self._tolerance = options.share("tolerance", _or(tolerance, 0.01))
        num_background = len(self._settings.background or [])
        fewest = FEWEST_EVALUATIONS * max(1, num_background)
        self._max_evaluations = options.whole_number(
            "max_evaluations",
            _or(max_evaluations, max(257, fewest)),
            at_least=fewest,
            at_most=max(options.MOST_SOLVED_POINTS, fewest),
            reason=f"with {num_background} background texts " if num_background else "",
        )
        rule = options.one_of("quadrature", _or(quadrature, "gauss-radau"), RULES)
        is_solved = rule in ("gauss-radau", "gauss-legendre")
        self._n_steps = options.whole_number(
            "n_steps",
            _or(n_steps, 50),
            at_most=options.MOST_SOLVED_POINTS if is_solved else options.MOST_POINTS,
            reason=f"with the quadrature '{rule}' ",
        )
        self._rule = RULES[rule]

    def path_measure(self, num_background: int) -> Union[PathMeasure, AdaptiveMeasure]:
        backgrounds: List[Optional[int]] = [*range(num_background)] or [None]
        if not self._is_fixed:
            is_transformer = has_pretrained_transformer(self.predictor._model)
            prior = PRETRAINED_TRANSFORMER if is_transformer else GENERAL
            return AdaptiveQuadrature(backgrounds, self._tolerance, self._max_evaluations, prior)
        nodes, weights = self._rule(self._n_steps)
        share = (weights / len(backgrounds)).tolist()
        return PathMeasure([Path(nodes.tolist(), share, b) for b in backgrounds])


def _or(value: Any, default: Any) -> Any:
    return default if value is None else value
