from typing import Any, List, Optional

import numpy
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor

from biome_interpret.attribution.paths import Path, PathMeasure
from biome_interpret.attribution.sampling import STRATA, stratified_uniform
from biome_interpret.interpreters import options
from biome_interpret.interpreters.path_interpreter import PathInterpreter


@SaliencyInterpreter.register("biome-gradient-shap")
class GradientShap(PathInterpreter):
    """
    GradientSHAP ([Lundberg and Lee, 2017](https://arxiv.org/abs/1705.07874), in the form of their
    `shap` package): the mean, over random baselines x'_p and random points between them and the
    text, of the gradient times (x − x'_p). The scores add up to f(x) − mean f(x'_p), up to sampling
    error; without noise they converge to Integrated Gradients.

    Registered as a `SaliencyInterpreter` with name "biome-gradient-shap".

    # Parameters

    predictor : `Predictor`
    n_perturbations : `int`, optional (default = `10`)
        The number of random baselines, with one random point on the path from each.
    noise_std : `float`, optional (default = `0.1`)
        Standard deviation of the Gaussian noise that is added to the baseline, in each dimension.
    noise_relative : `bool`, optional (default = `False`)
        Whether in units of the standard deviation of the text's own embeddings.
    sampling : `str`, optional (default = `"stratified"`)
        How the points are drawn from [0, 1]: `"stratified"`, two from each of as many equal
        intervals, or `"independent"`.
    seed : `int`, optional (default = `0`)
        The same seed gives the same numbers, whatever the global random state, the `batch_size`
        and the company of other texts.
    **kwargs
        The options of `PathInterpreter`.

    # Raises

    `ConfigurationError`
        For an option that does not exist or a value that it does not take.
    """

    def __init__(
        self,
        predictor: Predictor,
        n_perturbations: int = 10,
        noise_std: float = 0.1,
        noise_relative: bool = False,
        sampling: str = "stratified",
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(predictor, **kwargs)
        self._n_perturbations = options.whole_number("n_perturbations", n_perturbations)
        self._noise_std = options.amount("noise_std", noise_std)
        self._noise_relative = options.flag("noise_relative", noise_relative)
        self._strata = STRATA[options.one_of("sampling", sampling, STRATA)]
        self._seed = options.whole_number("seed", seed, at_least=0)

    def path_measure(self, num_background: int) -> PathMeasure:
        generator = numpy.random.default_rng(self._seed)
        n = self._n_perturbations
        strata = self._strata(n)
        nodes = stratified_uniform(strata, generator)
        backgrounds: List[Optional[int]] = [None] * n
        if num_background:
            backgrounds = generator.integers(num_background, size=n).tolist()
        noisy = self._noise_std > 0
        paths = [
            Path([nodes[p]], [1 / n], backgrounds[p], (self._seed, p) if noisy else None)
            for p in range(n)
        ]
        return PathMeasure(paths, strata)
