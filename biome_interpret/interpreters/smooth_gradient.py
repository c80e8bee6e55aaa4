from typing import Any, List, Optional

from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor

from biome_interpret.attribution.paths import Noise, Path, PathMeasure
from biome_interpret.attribution.sampling import mirrored_strata
from biome_interpret.interpreters import options
from biome_interpret.interpreters.path_interpreter import PathInterpreter


@SaliencyInterpreter.register("biome-smooth-gradient")
class SmoothGradient(PathInterpreter):
    """
    SmoothGrad ([Smilkov et al., 2017](https://arxiv.org/abs/1706.03825)): the mean of the gradient
    at the text with Gaussian noise, times (x − x'). Without noise this is the gradient times
    (x − x'). The scores need not add up to anything.

    Registered as a `SaliencyInterpreter` with name "biome-smooth-gradient".

    # Parameters

    predictor : `Predictor`
    n_perturbations : `int`, optional (default = `10`)
        The number of noisy texts. If it is even and at least 4, noise comes in pairs of opposite
        sign.
    noise_std : `float`, optional (default = `0.1`)
        The standard deviation of the noise in each dimension.
    noise_relative : `bool`, optional (default = `True`)
        Whether `noise_std` is in units of the standard deviation of the text's embeddings.
    seed : `int`, optional (default = `0`)
        The same seed gives the same numbers, as in `GradientShap`.
    **kwargs
        The options of `PathInterpreter`. Without `input_x_gradient`, the scores are those of the
        gradient alone.

    # Raises

    `ConfigurationError`
        For an unknown option, or a value that an option does not take.
    """

    is_complete = False

    def __init__(
        self,
        predictor: Predictor,
        n_perturbations: int = 10,
        noise_std: float = 0.1,
        noise_relative: bool = True,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(predictor, **kwargs)
        self._n_perturbations = options.whole_number("n_perturbations", n_perturbations)
        self._noise_std = options.amount("noise_std", noise_std)
        self._noise_relative = options.flag("noise_relative", noise_relative)
        self._seed = options.seed("seed", seed)

    def path_measure(self, num_background: int) -> PathMeasure:
        backgrounds: List[Optional[int]] = [*range(num_background)] or [None]
        strata = mirrored_strata(self._n_perturbations if self._noise_std else 1)
        noises = [
            self._noise(unit[0], sign) for unit in strata[0].units for _, sign in zip(unit, (1, -1))
        ]
        weight = 1 / (len(noises) * len(backgrounds))
        paths = [Path([1.0], [weight], b, noise) for b in backgrounds for noise in noises]
        is_random = self._noise_std and len(backgrounds) == 1
        return PathMeasure(paths, strata if is_random else None)

    def _noise(self, number: int, sign: int) -> Optional[Noise]:
        if not self._noise_std:
            return None
        draw = (self._seed, number)
        return Noise(draw, self._noise_std, self._noise_relative, sign, at_input=True)
