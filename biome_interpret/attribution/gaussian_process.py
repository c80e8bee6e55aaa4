"""Bayesian quadrature by a mixture of Gaussian processes. The symbols are those of `refinement`."""

import math
from typing import Iterator, List, NamedTuple, Sequence

import numpy
import torch
from numpy.typing import NDArray

from biome_interpret.attribution import priors
from biome_interpret.attribution.nodes import Nodes
from biome_interpret.attribution.piecewise import MEAN_ABSOLUTE_NORMAL
from biome_interpret.attribution.quadrature import gauss_legendre
from biome_interpret.attribution.warping import PathWarp

_IS_SMOOTH = [roughness <= priors.SMOOTH_ROUGHNESS for roughness in priors.ROUGHNESSES]

# Keeps logarithms and ratios of zeros finite.
_TINY = 1e-300

# The largest number of elements whose posteriors are computed together. It bounds the memory.
_MOST_ELEMENTS = 4096


class Posterior(NamedTuple):
    # w̄. Shape: (nodes,).
    weights: torch.Tensor
    # The expected Σ |error| over all elements.
    error: float
    # p(h | g), in the order of warps, decays and roughnesses. Shape: (hypotheses,).
    probabilities: torch.Tensor
    # s². Shape: (hypotheses, sampled elements).
    scales: torch.Tensor
    # The sampled elements' share of Σ |g|.
    sampled_share: float

    @property
    def smoothness(self) -> float:
        """The posterior probability of all smooth hypotheses together."""
        return float(self.probabilities.reshape(-1, len(priors.ROUGHNESSES))[:, _IS_SMOOTH].sum())

    def most_probable(self, warps: Sequence[PathWarp]) -> PathWarp:
        return warps[int(self.probabilities.reshape(len(warps), -1).sum(dim=1).argmax())]

    def expected_error(self, quadrature: "GaussianProcessQuadrature") -> float:
        """With the nodes of another quadrature by the same hypotheses."""
        variances = (self.probabilities * quadrature.variances) @ self.scales
        return _total_error(variances) / self.sampled_share


class GaussianProcessQuadrature:
    """
    Everything that does not depend on the integrand's values.

    # Parameters

    nodes : `Nodes`
    warps : `Sequence[PathWarp]`
        φ of the hypotheses, each with every decay and roughness.
    rough_odds : `float`, optional (default = `1.0`)
        See `PriorSettings`.
    """

    def __init__(self, nodes: Nodes, warps: Sequence[PathWarp], rough_odds: float = 1.0) -> None:
        self._size = size = len(nodes)
        odds = [1.0 if is_smooth else rough_odds for is_smooth in _IS_SMOOTH]
        odds *= len(warps) * len(priors.DECAYS)
        self._log_prior = torch.tensor(odds, dtype=torch.float64).log()
        joint = torch.cat([_joint_covariances(numpy.array(nodes), warp) for warp in warps])
        nugget = priors.NUGGET * torch.eye(size, dtype=torch.float64)
        # K = LLᵀ.
        factors = torch.linalg.cholesky(joint[:, :size, :size] + nugget)
        inverses = torch.linalg.inv(factors)
        # L⁻¹z and L⁻¹1. Shape: (hypotheses, nodes).
        z = (inverses @ joint[:, :size, size:]).squeeze(2)
        ones = inverses.sum(dim=2)
        # 1ᵀK⁻¹1 and 1 − 1ᵀK⁻¹z. Shape: (hypotheses, 1).
        precision = ones.square().sum(dim=1, keepdim=True)
        missing = 1 - (ones * z).sum(dim=1, keepdim=True)
        # w. Shape: (hypotheses, nodes).
        self.weights = ((z + ones * (missing / precision)).unsqueeze(1) @ inverses).squeeze(1)
        # V. Shape: (hypotheses,).
        reduction = z.square().sum(dim=1) - (missing.square() / precision).squeeze(1)
        self.variances = (joint[:, size, size] - reduction).clamp(min=0.0)
        # R with P = RᵀR. Shape: (hypotheses, nodes, nodes).
        means = ones.unsqueeze(1) @ inverses / precision.unsqueeze(2)
        self._residuals = inverses - ones.unsqueeze(2) @ means
        # log |K| + log 1ᵀK⁻¹1. Shape: (hypotheses,).
        log_determinants = 2 * factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)
        self._log_determinants = log_determinants + precision.log().squeeze(1)

    def posteriors(self, values: Sequence[torch.Tensor]) -> List[Posterior]:
        """
        Of several g from their values at the nodes, in float64. Many are faster together. Shape of
        each: (nodes, elements).
        """
        samples = [_sample(one) for one in values]
        shares = [_sampled_share(sample, one) for sample, one in zip(samples, values)]
        found: List[Posterior] = []
        for together in _in_parts(samples):
            found += self._posteriors(together, shares[len(found) : len(found) + len(together)])
        return found

    def _posteriors(
        self, samples: Sequence[torch.Tensor], sampled_shares: Sequence[float]
    ) -> List[Posterior]:
        counts = [sample.size(1) for sample in samples]
        # The elements of all g side by side, and the g of each element.
        sample = torch.cat([*samples], dim=1) if len(samples) > 1 else samples[0]
        owners = torch.from_numpy(numpy.repeat(numpy.arange(len(counts)), counts))

        def total(values: torch.Tensor) -> torch.Tensor:
            """(elements, ...) -> (samples, ...)"""
            if len(counts) == 1:  # The same, sooner.
                return values.sum(dim=0, keepdim=True)
            sums = values.new_zeros(len(counts), *values.shape[1:])
            return sums.index_add_(0, owners, values)

        # gᵀPg. Constants drop out: exactly so by the subtraction. Shape: (hypotheses, elements).
        squares = (self._residuals @ (sample - sample[-1])).square_().sum(dim=1)
        sizes = sample.abs().sum(dim=0)
        element_shares = sizes / (total(sizes) + _TINY)[owners]
        log_squares = total(((squares + _TINY).log() * element_shares).t()).t()
        # Shape: (hypotheses, samples).
        probabilities = self._probabilities(log_squares)
        # Shape: (samples, nodes).
        weights = probabilities.t() @ self.weights
        scales = squares / (self._size - 1)
        disagreements = self.weights @ sample - (weights[owners].t() * sample).sum(dim=0)
        variances = disagreements.square_() + self.variances.unsqueeze(1) * scales
        deviations = (probabilities[:, owners] * variances).sum(dim=0).sqrt()
        errors = (MEAN_ABSOLUTE_NORMAL * total(deviations)).tolist()
        parts = zip(weights, errors, probabilities.t(), scales.split(counts, dim=1), sampled_shares)
        return [
            Posterior(its_weights, error / share, its_probabilities, its_scales, share)
            for its_weights, error, its_probabilities, its_scales, share in parts
        ]

    def _probabilities(self, log_squares: torch.Tensor) -> torch.Tensor:
        """p(h | g), from Σ_e ω_e log g_eᵀPg_e. Shapes: (hypotheses, samples)."""
        determinants, prior = self._log_determinants.unsqueeze(1), self._log_prior.unsqueeze(1)
        log_posterior = prior - ((self._size - 1) * log_squares + determinants) / 2
        ratios: torch.Tensor = (log_posterior - log_posterior.max(dim=0).values).exp()
        ratios[ratios < priors.MIN_PROBABILITY_RATIO] = 0.0
        return ratios / ratios.sum(dim=0)


def covariances(warped: NDArray[numpy.float64]) -> torch.Tensor:
    """
    k_ρ for each decay and, last, k_B, at pairs of warped positions.
    Shape: (positions,) -> (decays + 1, positions, positions).
    """
    cosines = 2 * warped - 1
    sines: NDArray[numpy.float64] = numpy.sqrt(numpy.clip(1 - cosines**2, 0, None))
    # T_j(cos a) T_j(cos b) = (cos j(a − b) + cos j(a + b)) / 2.
    of_differences = numpy.outer(cosines, cosines) + numpy.outer(sines, sines)
    of_sums = numpy.outer(cosines, cosines) - numpy.outer(sines, sines)
    smooth = [
        (1 - decay) / 2 * (_cosine_series(decay, of_differences) + _cosine_series(decay, of_sums))
        for decay in priors.DECAYS
    ]
    brownian = 1 - numpy.abs(warped[:, None] - warped)
    return torch.from_numpy(numpy.array([*smooth, brownian]))


def mixtures(components: torch.Tensor) -> torch.Tensor:
    """k for each decay and roughness. Shape: (decays + 1, ...) -> (decays · roughnesses, ...)."""
    *smooth, brownian = components
    return torch.stack([(1 - r) * one + r * brownian for one in smooth for r in priors.ROUGHNESSES])


def _cosine_series(decay: float, cosine: NDArray[numpy.float64]) -> NDArray[numpy.float64]:
    """Σ_j decay^j cos(j a), by Poisson's kernel, from cos a."""
    return (1 - decay * cosine) / (1 - 2 * decay * cosine + decay**2)


def _joint_covariances(nodes: NDArray[numpy.float64], warp: PathWarp) -> torch.Tensor:
    """K, z and v: of g at the nodes and, last, of ∫g. Shape: (hypotheses, nodes + 1, nodes + 1)."""
    size = len(nodes)
    positions, lengths = gauss_legendre(priors.MOMENT_NODES)
    # The values and the integral as linear functionals of g at all positions.
    functionals = torch.zeros(size + 1, size + len(lengths), dtype=torch.float64)
    functionals[:size, :size] = torch.eye(size)
    functionals[size, size:] = torch.from_numpy(lengths)
    components = covariances(warp.warp(numpy.concatenate([nodes, positions])))
    return mixtures(functionals @ components @ functionals.t())


def _total_error(variances: torch.Tensor) -> float:
    """E Σ |error| of normal errors. Shape: (elements,)."""
    return MEAN_ABSOLUTE_NORMAL * float(variances.sqrt().sum())


def _in_parts(samples: Sequence[torch.Tensor]) -> Iterator[List[torch.Tensor]]:
    """Parts of at most `_MOST_ELEMENTS` elements, or of one sample."""
    part: List[torch.Tensor] = []
    size = 0
    for sample in samples:
        size += sample.size(1)
        if part and size > _MOST_ELEMENTS:
            yield part
            part, size = [], sample.size(1)
        part.append(sample)
    yield part


def _sampled_share(sample: torch.Tensor, values: torch.Tensor) -> float:
    if sample is values:
        return 1.0
    return float((sample.abs().sum() + _TINY) / (values.abs().sum() + _TINY))


def _sample(values: torch.Tensor) -> torch.Tensor:
    """Some of many elements, without those that are zero everywhere, such as padding."""
    if values.size(1) <= priors.MAX_ELEMENTS:
        return values
    nonzero = values[:, (values != 0).any(dim=0)]
    if not nonzero.size(1):
        return values[:, :1]
    return nonzero[:, :: math.ceil(nonzero.size(1) / priors.MAX_ELEMENTS)]
