"""Posteriors of integrands with known integrals."""

from functools import lru_cache
from typing import Optional

import numpy
import pytest
import torch

from biome_interpret.attribution.gaussian_process import (
    GaussianProcessQuadrature,
    Posterior,
    covariances,
    mixtures,
)
from biome_interpret.attribution.nodes import Nodes, initial_nodes, leja_nodes
from biome_interpret.attribution.priors import GENERAL, UNIFORM, WARPS
from biome_interpret.attribution.quadrature import gauss_legendre
from biome_interpret.attribution.warping import PathWarp
from tests.attribution.synthetic import Integrand, chebyshev_series, evaluated, jumps

SIZES = [8, 16, 24]


def nodes_of(size: int, warp: PathWarp = UNIFORM) -> Nodes:
    return leja_nodes(warp, initial_nodes(GENERAL.warp, 8), size)


@lru_cache(maxsize=None)
def quadrature_of(size: int, warp: PathWarp = UNIFORM) -> GaussianProcessQuadrature:
    return GaussianProcessQuadrature(nodes_of(size, warp), WARPS)


def fit(quadrature: GaussianProcessQuadrature, values: torch.Tensor) -> Posterior:
    [found] = quadrature.posteriors([values])
    return found


def posterior_of(integrand: Integrand, size: int, warp: PathWarp = UNIFORM) -> Posterior:
    return fit(quadrature_of(size, warp), evaluated(integrand, nodes_of(size, warp)))


def error(posterior: Posterior, integrand: Integrand, nodes: Nodes) -> float:
    """Σ |error|"""
    positions, weights = gauss_legendre(400)
    exact = weights @ integrand(positions)
    found = posterior.weights @ evaluated(integrand, nodes)
    return float((found - torch.from_numpy(exact)).abs().sum())


def test_weights_variances_and_probabilities_follow_from_the_covariances() -> None:
    """The formulas in the docstring of `refinement`, one hypothesis at a time."""
    warp, nodes, ones = PathWarp(0.2, 0.3), initial_nodes(GENERAL.warp, 6), numpy.ones(6)
    values = evaluated(chebyshev_series(0.5, warp, 1), nodes).numpy()[:, 0]
    positions, lengths = gauss_legendre(64)
    weights, variances, log_likelihoods = [], [], []
    warped = warp.warp(numpy.array([*nodes, *positions]))
    for k in mixtures(covariances(warped)).numpy():
        inverse = numpy.linalg.inv(k[:6, :6] + 1e-12 * numpy.eye(6))
        z, v = k[:6, 6:] @ lengths, lengths @ k[6:, 6:] @ lengths
        precision, missing = ones @ inverse @ ones, 1 - ones @ inverse @ z
        weights.append(inverse @ z + inverse @ ones * missing / precision)
        variances.append(v - z @ inverse @ z + missing**2 / precision)
        p = inverse - numpy.outer(inverse @ ones, ones @ inverse) / precision
        determinants = numpy.linalg.slogdet(inverse)[1] - numpy.log(precision)
        log_likelihoods.append((determinants - 5 * numpy.log(values @ p @ values)) / 2)
    quadrature = GaussianProcessQuadrature(nodes, [warp])
    assert quadrature.weights.numpy() == pytest.approx(numpy.array(weights), abs=1e-5)
    assert quadrature.variances.numpy() == pytest.approx(numpy.array(variances), abs=1e-8)
    probabilities = numpy.exp(log_likelihoods - numpy.max(log_likelihoods))
    found = fit(quadrature, torch.from_numpy(values[:, None])).probabilities.numpy()
    assert found / found.max() == pytest.approx(probabilities, abs=1.01e-3)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("decay", [0.2, 0.4, 0.8])
@pytest.mark.parametrize("warp", [UNIFORM, PathWarp(0.2, 0.25)])
def test_errors_are_at_most_a_little_larger_than_expected(
    size: int, decay: float, warp: PathWarp
) -> None:
    """Mostly they are smaller, since few values leave rough hypotheses some probability."""
    integrand = chebyshev_series(decay, warp)
    posterior = posterior_of(integrand, size, warp)
    found = error(posterior, integrand, nodes_of(size, warp))
    assert posterior.error / 100 < found < 1.5 * posterior.error
    assert posterior.smoothness > (0.7 if decay < 0.5 and size > 8 else 0.3)


def test_the_error_with_more_nodes_is_predicted() -> None:
    values = {n: evaluated(chebyshev_series(0.4, UNIFORM), nodes_of(n)) for n in (16, 20)}
    few, more = (GaussianProcessQuadrature(nodes_of(n), [UNIFORM]) for n in (16, 20))
    found = fit(few, values[16])
    later = fit(more, values[20])
    assert 0.5 * later.error < found.expected_error(more) < found.error / 1.2


@pytest.mark.parametrize("size", SIZES)
def test_weights_add_up_to_one(size: int) -> None:
    quadrature = quadrature_of(size)
    assert quadrature.weights.sum(dim=1).numpy() == pytest.approx(1, abs=1e-6)
    assert (quadrature.variances >= 0).all()


@pytest.mark.parametrize(
    "integrand",
    [
        lambda x: numpy.exp(2 * x[:, None] - numpy.linspace(0, 1, 5)),
        lambda x: 1 / (1 + x[:, None] + numpy.linspace(0, 1, 5)),
    ],
)
def test_smooth_functions_are_integrated_almost_exactly(integrand: Integrand) -> None:
    assert error(posterior_of(integrand, 16), integrand, nodes_of(16)) < 1e-4


@pytest.mark.parametrize("centre", [0.0, 0.2, 0.4])
@pytest.mark.parametrize("width", [0.12, 0.25, 0.5])
def test_the_warp_of_the_integrand_is_found(centre: float, width: float) -> None:
    warp = PathWarp(centre, width)
    posterior = posterior_of(chebyshev_series(0.5, warp), 24, warp)
    assert posterior.most_probable(WARPS) == warp


@pytest.mark.parametrize("number, decay", enumerate([0.25, 0.5, 0.75]))
def test_the_decay_of_the_coefficients_is_found(number: int, decay: float) -> None:
    posterior = posterior_of(chebyshev_series(decay, UNIFORM), 24)
    by_decay = posterior.probabilities.reshape(len(WARPS), 3, -1).sum(dim=(0, 2))
    assert int(by_decay.argmax()) == number


@pytest.mark.parametrize("number, roughness", enumerate([1e-7, 1e-3, 0.1, 1.0]))
def test_the_roughness_is_found(number: int, roughness: float) -> None:
    """Of a random walk that is added to a smooth function."""
    nodes = nodes_of(24)
    values = evaluated(chebyshev_series(0.5, UNIFORM), nodes) / numpy.sqrt(2)
    order = numpy.argsort(nodes)
    steps = numpy.sqrt(numpy.diff(numpy.array(nodes)[order], prepend=0.0))[:, None]
    walk = numpy.cumsum(steps * numpy.random.default_rng(0).normal(size=values.shape), axis=0)
    mixed = numpy.sqrt(1 - roughness) * values.numpy()
    mixed[order] += numpy.sqrt(2 * roughness) * walk
    posterior = fit(GaussianProcessQuadrature(nodes, [UNIFORM]), torch.from_numpy(mixed))
    assert int(posterior.probabilities.reshape(-1, 4).sum(dim=0).argmax()) == number


@pytest.mark.parametrize("count", [1, 3, 10])
def test_jumps_are_recognised_as_rough(count: int) -> None:
    assert posterior_of(jumps(0, count), 16).smoothness < 0.3


def test_rough_odds_multiply_the_posterior_odds() -> None:
    nodes = nodes_of(12)
    values = evaluated(chebyshev_series(0.6, UNIFORM), nodes)
    even, smooth = (
        1 / fit(GaussianProcessQuadrature(nodes, WARPS, odds), values).smoothness - 1
        for odds in (1, 0.01)
    )
    assert even > 0.05
    # Some rough hypotheses become too improbable to be kept.
    assert smooth == pytest.approx(0.01 * even, rel=0.3)


def test_hypotheses_below_a_thousandth_of_the_most_probable_are_dropped() -> None:
    kept, quadrature = [], quadrature_of(8)
    for seed in range(20):
        probabilities = fit(quadrature, evaluated(jumps(seed), nodes_of(8))).probabilities
        kept.append(float(probabilities[probabilities > 0].min() / probabilities.max()))
    assert 1e-3 < min(kept) < 1.2e-3


def test_constants_and_zeros_have_no_error() -> None:
    assert posterior_of(lambda x: numpy.zeros((len(x), 4)), 8).error < 1e-100
    posterior = posterior_of(lambda x: numpy.ones((len(x), 4)), 8)
    assert posterior.error < 1e-6
    assert float(posterior.weights.sum()) == pytest.approx(1)


@pytest.mark.parametrize("size", [8, 24])
def test_elements_that_never_change_do_not_count_as_smooth_or_rough(size: int) -> None:
    def with_constant(x: numpy.ndarray) -> numpy.ndarray:
        return numpy.concatenate([jumps(0)(x), numpy.full((len(x), 1), 0.1)], axis=1)

    alone, padded = posterior_of(jumps(0), size), posterior_of(with_constant, size)
    assert padded.smoothness == pytest.approx(alone.smoothness, abs=0.05)


def test_rounding_does_not_change_the_posterior() -> None:
    values = evaluated(chebyshev_series(0.4, GENERAL.warp), nodes_of(8))
    noise = 1e-7 * torch.randn(values.shape, generator=torch.Generator().manual_seed(0))
    quadrature = quadrature_of(8)
    one, other = (
        fit(quadrature, values),
        fit(quadrature, values * (1 + noise)),
    )
    assert torch.allclose(one.weights @ values, other.weights @ values, atol=1e-6)
    assert one.error == pytest.approx(other.error, rel=1e-3)


@pytest.mark.parametrize("elements, sampled", [(512, 512), (513, 257), (2000, 500)])
def test_more_than_512_elements_are_sampled(elements: int, sampled: int) -> None:
    values = evaluated(chebyshev_series(0.5, UNIFORM, elements), nodes_of(8))
    posterior = fit(quadrature_of(8), values)
    assert posterior.scales.size(1) == sampled


def test_elements_that_are_zero_everywhere_are_not_sampled() -> None:
    values = evaluated(lambda x: numpy.exp(numpy.outer(x, numpy.linspace(-2, 2, 500))), nodes_of(8))
    quadrature = quadrature_of(8)
    alone = fit(quadrature, values)
    padded = fit(quadrature, torch.cat([torch.zeros(8, 300), values, torch.zeros(8, 700)], 1))
    assert padded.error == pytest.approx(alone.error, rel=1e-6)
    numpy.testing.assert_allclose(padded.weights, alone.weights, rtol=1e-6)


@pytest.mark.parametrize("place", [None, 1])
def test_at_most_one_nonzero_element_among_many(place: Optional[int]) -> None:
    values = torch.zeros(8, 600, dtype=torch.float64)
    if place is not None:
        values[:, place] = torch.arange(8)
    posterior = fit(quadrature_of(8), values)
    assert numpy.isfinite(posterior.error)
    assert float(posterior.weights.sum()) == pytest.approx(1.0)


def test_posteriors_of_many_are_those_of_each_alone() -> None:
    quadrature = quadrature_of(16)
    many = [evaluated(jumps(seed, 1 + 40 * seed), nodes_of(16)) for seed in range(8)]
    # More elements than are computed together, and more than are sampled.
    many += [evaluated(chebyshev_series(0.5, UNIFORM), nodes_of(16)).repeat(1, 150)] * 5
    posteriors = quadrature.posteriors(many)
    assert len(posteriors) == len(many)
    for found, values in zip(posteriors, many):
        alone = fit(quadrature, values)
        assert found.error == pytest.approx(alone.error, rel=1e-9)
        numpy.testing.assert_allclose(found.weights, alone.weights, rtol=1e-9, atol=1e-12)
        assert torch.allclose(found.scales, alone.scales)
