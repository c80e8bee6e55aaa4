from typing import List

import numpy
import pytest
import torch

from biome_interpret.attribution.sampling import STRATA, standard_error, stratified_uniform


@pytest.mark.parametrize("sampling", STRATA)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 10, 11])
def test_strata_part_the_draws(sampling: str, n: int) -> None:
    strata = STRATA[sampling](n)
    assert sorted(index for stratum in strata for index in stratum) == list(range(n))
    assert all(len(stratum) >= min(2, n) for stratum in strata)


@pytest.mark.parametrize("n", [1, 4, 7])
def test_each_stratum_keeps_to_its_interval_and_all_cover_the_whole(n: int) -> None:
    strata = STRATA["stratified"](n)
    generator = numpy.random.default_rng(0)
    draws = numpy.stack([stratified_uniform(strata, generator) for _ in range(2000)])
    for stratum in strata:
        low, high = stratum[0] / n, (stratum[-1] + 1) / n
        inside = draws[:, stratum]
        assert low <= inside.min() < low + 0.01 and high - 0.01 < inside.max() <= high
    assert draws.mean() == pytest.approx(0.5, abs=0.01)


def variances(sampling: str, n: int, noise: float) -> List[float]:
    """The true variance of a mean, and the mean of its estimate, over many seeds."""
    strata, means, estimates = STRATA[sampling](n), [], []
    for seed in range(4000):
        generator = numpy.random.default_rng(seed)
        nodes = stratified_uniform(strata, generator)
        samples = torch.tensor(numpy.exp(4 * nodes) + noise * generator.normal(size=n))
        means.append(float(samples.mean()))
        error = standard_error(samples, strata)
        assert error is not None
        estimates.append(float(error) ** 2)
    return [float(numpy.var(means)), float(numpy.mean(estimates))]


@pytest.mark.parametrize("sampling", STRATA)
@pytest.mark.parametrize("noise", [0.0, 10.0])
@pytest.mark.parametrize("n", [2, 5, 10])
def test_the_standard_error_is_unbiased(sampling: str, noise: float, n: int) -> None:
    true, estimated = variances(sampling, n, noise)
    assert estimated == pytest.approx(true, rel=0.15)


def test_strata_lower_the_variance() -> None:
    assert variances("stratified", 10, 0.0)[0] < variances("independent", 10, 0.0)[0] / 10


@pytest.mark.parametrize("sampling", STRATA)
def test_one_draw_allows_no_estimate(sampling: str) -> None:
    assert standard_error(torch.ones(1, 3), STRATA[sampling](1)) is None
