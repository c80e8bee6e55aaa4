from functools import partial
from typing import Any, Callable, List, Optional, Sequence, Tuple, Union

import numpy
import torch
from allennlp.common.checks import ConfigurationError
from allennlp.interpret.saliency_interpreters import SaliencyInterpreter
from allennlp.predictors import Predictor

from biome_interpret.attribution.paths import AdaptiveMeasure, Noise, Path, PathMeasure
from biome_interpret.attribution.sampling import STRATA, cautious_error, draw, joined
from biome_interpret.interpreters import options
from biome_interpret.interpreters.path_interpreter import PathInterpreter


@SaliencyInterpreter.register("biome-gradient-shap")
class GradientShap(PathInterpreter):
    """
    GradientSHAP ([Lundberg and Lee, 2017](https://arxiv.org/abs/1705.07874), in the form of their
    `shap` package): the mean of the gradient times (x − x'_p), over random baselines x'_p and
    random points between them and the text. The scores add up to f(x) − mean f(x'_p), up to
    sampling error. Without noise they converge to Integrated Gradients.

    Registered as a `SaliencyInterpreter` with name "biome-gradient-shap".

    # Parameters

    predictor : `Predictor`
    n_perturbations : `int`, optional (default = `10`)
        The number of random baselines, with one random point on the path from each; at most 20,000.
        With a `tolerance`: the number to begin with, at least 2.
    noise_std : `float`, optional (default = `0.1`)
        The standard deviation of the Gaussian noise that is added to the baseline, in each
        dimension.
    noise_relative : `bool`, optional (default = `False`)
        Whether `noise_std` is in units of the standard deviation of the text's embeddings.
    sampling : `str`, optional (default = `"stratified"`)
        How the points are drawn from [0, 1]. `"stratified"`: from intervals that are shorter where
        gradients usually change, in pairs that mirror each other in position and noise.
        `"independent"`: each point on its own. Both are unbiased.
    seed : `int`, optional (default = `0`)
        The same seed gives the same numbers, whatever the global random state, the `batch_size`
        and the other texts of a batch.
    tolerance : `float`, optional
        Double the number of samples of each text until Σ standard error / Σ |score| is at most
        this.
    max_evaluations : `int`, optional (default = `1280`)
        The largest number of samples with a tolerance, itself at most 20,000. A result that needed
        more says so.
    **kwargs
        The options of `PathInterpreter`.

    # Raises

    `ConfigurationError`
        For an unknown option, or a value that an option does not take.
    """

    def __init__(
        self,
        predictor: Predictor,
        n_perturbations: int = 10,
        noise_std: float = 0.1,
        noise_relative: bool = False,
        sampling: str = "stratified",
        seed: int = 0,
        tolerance: Optional[float] = None,
        max_evaluations: Optional[int] = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(predictor, **kwargs)
        self._n_perturbations = options.whole_number("n_perturbations", n_perturbations)
        if tolerance is not None:
            options.whole_number(
                "n_perturbations",
                n_perturbations,
                at_least=2,
                reason="with a tolerance, whose error is that of several samples, ",
            )
        self._noise_std = options.amount("noise_std", noise_std)
        self._noise_relative = options.flag("noise_relative", noise_relative)
        self._strata = STRATA[options.one_of("sampling", sampling, STRATA)]
        self._seed = options.seed("seed", seed)
        self._tolerance = None if tolerance is None else options.share("tolerance", tolerance)
        if max_evaluations is not None and tolerance is None:
            raise ConfigurationError(
                "max_evaluations bounds the samples for a tolerance: give tolerance too, or "
                "n_perturbations only"
            )
        self._max_evaluations = options.whole_number(
            "max_evaluations", 1280 if max_evaluations is None else max_evaluations, at_least=2
        )

    def path_measure(self, num_background: int) -> Union[PathMeasure, AdaptiveMeasure]:
        if self._tolerance is None:
            return self._sample(num_background, [self._n_perturbations])
        sample = partial(self._sample, num_background)
        first_round = min(self._n_perturbations, self._max_evaluations)
        return _DoubledSample(sample, first_round, self._tolerance, self._max_evaluations)

    def _sample(self, num_background: int, rounds: Sequence[int]) -> PathMeasure:
        """Samples of the given sizes, drawn one after the other and joined."""
        draws = [
            draw(self._strata(size), numpy.random.default_rng([self._seed, k]))
            for k, size in enumerate(rounds)
        ]
        paths = [
            Path(
                [position],
                [weight * size / sum(rounds)],
                background,
                self._noise((self._seed, k, number), sign),
            )
            for (k, size), sample in zip(enumerate(rounds), draws)
            for position, weight, number, sign, background in zip(
                sample.positions,
                sample.weights,
                sample.noises,
                sample.signs,
                self._backgrounds(k, sample.noises, num_background),
            )
        ]
        return PathMeasure(paths, joined([sample.strata for sample in draws]))

    def _noise(self, seed: Tuple[int, ...], sign: int) -> Optional[Noise]:
        if not self._noise_std:
            return None
        return Noise(seed, self._noise_std, self._noise_relative, sign)

    def _backgrounds(
        self, round_index: int, noises: Sequence[int], num_background: int
    ) -> List[Optional[int]]:
        """A random background text for each sample. A sample and its mirror image share one."""
        if not num_background:
            return [None] * len(noises)
        generator = numpy.random.default_rng([self._seed, round_index, len(noises)])
        chosen = generator.integers(num_background, size=len(noises)).tolist()
        return [chosen[noise] for noise in noises]


class _DoubledSample(AdaptiveMeasure):
    """
    Random points, doubled at each level.

    # Parameters

    sample : `Callable[[Sequence[int]], PathMeasure]`
        Joins samples of the given sizes.
    first_round : `int`
        The number of points to begin with.
    tolerance, max_evaluations
        As in `AdaptiveMeasure`.
    """

    def __init__(
        self,
        sample: Callable[[Sequence[int]], PathMeasure],
        first_round: int,
        tolerance: float,
        max_evaluations: int,
    ) -> None:
        super().__init__(tolerance, max_evaluations)
        self._sample = sample
        self._first_round = first_round

    @property
    def initial(self) -> PathMeasure:
        return self._sample([self._first_round])

    def estimate_errors(
        self, measures: Sequence[PathMeasure], terms: Sequence[torch.Tensor]
    ) -> List[Tuple[PathMeasure, float]]:
        return [
            (measure, cautious_error(its_terms, measure.strata or []))
            for measure, its_terms in zip(measures, terms)
        ]

    def refined(self, measures: Sequence[PathMeasure]) -> List[Optional[PathMeasure]]:
        return [self._doubled(len(measure.paths)) for measure in measures]

    def _doubled(self, num_points: int) -> Optional[PathMeasure]:
        total = 2 * num_points
        if total > self.max_evaluations:
            return None
        rounds = [self._first_round]
        while sum(rounds) < total:
            rounds.append(sum(rounds))
        return self._sample(rounds)
