from typing import List

import numpy
import pytest
import torch

from biome_interpret.attribution.sampling import (
    STRATA,
    cautious_error,
    draw,
    joined,
    standard_error,
)

SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 20]


@pytest.mark.parametrize("sampling", STRATA)
@pytest.mark.parametrize("n", SIZES)
def test_each_draw_is_in_one_stratum(sampling: str, n: int) -> None:
    strata = STRATA[sampling](n)
    units = [unit for stratum in strata for unit in stratum.units]
    assert sorted(i for unit in units for i in unit) == list(range(n))
    assert all(len(stratum.units) >= min(2, n) for stratum in strata)
    assert all(len({len(unit) for unit in stratum.units}) == 1 for stratum in strata)
    assert sum(stratum.share for stratum in strata) == pytest.approx(1)


@pytest.mark.parametrize("n", SIZES)
def test_strata_fill_intervals_that_cover_the_path(n: int) -> None:
    strata = STRATA["stratified"](n)
    generator = numpy.random.default_rng(0)
    draws = [draw(strata, generator) for _ in range(600)]
    positions = numpy.array([sample.positions for sample in draws])
    low = 0.0
    for stratum in strata:
        inside = positions[:, [i for unit in stratum.units for i in unit]]
        high = low + stratum.share
        assert low <= inside.min() < low + 0.02 and high - 0.02 < inside.max() <= high + 1e-9
        low = high
    assert low == pytest.approx(1)
    means = [numpy.dot(sample.weights, sample.positions) for sample in draws]
    assert numpy.mean(means) == pytest.approx(0.5, abs=0.035)


@pytest.mark.parametrize("n", SIZES)
def test_weights_add_up_to_one(n: int) -> None:
    for sampling in STRATA.values():
        assert sum(draw(sampling(n), numpy.random.default_rng(n)).weights) == pytest.approx(1)


def test_intervals_are_shorter_near_the_baseline() -> None:
    shares = [stratum.share for stratum in STRATA["stratified"](20)]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == pytest.approx((0.16, 0.27), abs=0.01)


def test_linear_parts_cancel_between_mirror_images() -> None:
    for seed in range(20):
        sample = draw(STRATA["stratified"](20), numpy.random.default_rng(seed))
        noise = numpy.random.default_rng(seed).normal(size=20)
        drawn = [noise[k] * sign for k, sign in zip(sample.noises, sample.signs)]
        assert numpy.dot(sample.weights, sample.positions) == pytest.approx(0.5)
        assert numpy.dot(sample.weights, drawn) == pytest.approx(0)


def variances(sampling: str, n: int, noise: float, rate: float = 4.0) -> List[float]:
    """The true variance of a mean, and the mean of its estimate, over many seeds."""
    strata, means, estimates = STRATA[sampling](n), [], []
    for seed in range(1000):
        generator = numpy.random.default_rng(seed)
        sample = draw(strata, generator)
        values = numpy.exp(rate * numpy.array(sample.positions))
        drawn = generator.normal(size=n)[sample.noises] * sample.signs
        samples = torch.tensor(values + noise * numpy.sign(drawn) * drawn**2)
        means.append(float(samples @ torch.tensor(sample.weights, dtype=torch.float64)))
        error = standard_error(samples, strata)
        assert error is not None
        estimates.append(float(error) ** 2)
    return [float(numpy.var(means)), float(numpy.mean(estimates))]


@pytest.mark.parametrize("sampling", STRATA)
@pytest.mark.parametrize("noise", [0.0, 10.0])
@pytest.mark.parametrize("n", [2, 7, 20])
def test_the_standard_error_is_unbiased(sampling: str, noise: float, n: int) -> None:
    true, estimated = variances(sampling, n, noise)
    assert estimated == pytest.approx(true, rel=0.25)


def test_joined_strata_are_those_of_one_sample() -> None:
    one, two = [STRATA["stratified"](n) for n in (4, 8)]
    samples = torch.arange(12.0, dtype=torch.float64) ** 2
    apart = [
        standard_error(part, strata) for part, strata in ((samples[:4], one), (samples[4:], two))
    ]
    together = standard_error(samples, joined([one, two]))
    assert together is not None and apart[0] is not None and apart[1] is not None
    expected = (apart[0] * 4 / 12) ** 2 + (apart[1] * 8 / 12) ** 2
    assert float(together**2) == pytest.approx(float(expected))


# An integrand that changes near the baseline, as is expected, and one that changes near the text,
# where intervals are longest.
@pytest.mark.parametrize("rate, gain", [(-4.0, 20), (4.0, 5)])
def test_strata_lower_the_variance(rate: float, gain: float) -> None:
    stratified, independent = (
        variances(sampling, 10, 0.0, rate)[0] for sampling in ("stratified", "independent")
    )
    assert stratified < independent / gain


@pytest.mark.parametrize("sampling", STRATA)
def test_one_draw_has_no_standard_error(sampling: str) -> None:
    assert standard_error(torch.ones(1, 3), STRATA[sampling](1)) is None
    assert cautious_error(torch.ones(1, 3), STRATA[sampling](1)) == float("inf")


def test_cautious_errors_are_larger_than_most_errors() -> None:
    """Four draws estimate their error badly: without the margin it would be 6 in 10."""
    strata = STRATA["independent"](4)
    samples = torch.randn(4000, 4, 1, generator=torch.Generator().manual_seed(0))
    errors = [(abs(float(one.mean())), cautious_error(one, strata)) for one in samples]
    share = sum(error < estimate for error, estimate in errors) / len(errors)
    assert share == pytest.approx(0.80, abs=0.02)
