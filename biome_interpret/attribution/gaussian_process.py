"""Bayesian quadrature by a mixture of Gaussian processes. The symbols are those of `refinement`."""

import math
from typing import NamedTuple, Sequence

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

    def posterior(self, values: torch.Tensor) -> Posterior:
        """Of g from its values at the nodes, in float64. Shape: (nodes, elements)."""
        sample = _sample(values)
        sampled_share = float((sample.abs().sum() + _TINY) / (values.abs().sum() + _TINY))
        # gᵀPg. Constants drop out: exactly so by the subtraction. Shape: (hypotheses, elements).
        squares = (self._residuals @ (sample - sample[-1])).square_().sum(dim=1)
        probabilities = self._probabilities(squares, sample)
        weights = probabilities @ self.weights
        scales = squares / (self._size - 1)
        disagreements = (self.weights - weights) @ sample
        variances = disagreements.square() + self.variances.unsqueeze(1) * scales
        error = _total_error(probabilities @ variances) / sampled_share
        return Posterior(weights, error, probabilities, scales, sampled_share)

    def _probabilities(self, squares: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
        """p(h | g). Shape: (hypotheses,)."""
        sizes = sample.abs().sum(dim=0)
        shares = sizes / (sizes.sum() + _TINY)
        log_squares = (squares + _TINY).log() @ shares
        log_likelihoods = -((self._size - 1) * log_squares + self._log_determinants) / 2
        log_posterior = self._log_prior + log_likelihoods
        ratios: torch.Tensor = (log_posterior - log_posterior.max()).exp()
        ratios[ratios < priors.MIN_PROBABILITY_RATIO] = 0.0
        return ratios / ratios.sum()


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


def _sample(values: torch.Tensor) -> torch.Tensor:
    """Some of many elements, without those that are zero everywhere, such as padding."""
    if values.size(1) <= priors.MAX_ELEMENTS:
        return values
    nonzero = values[:, (values != 0).any(dim=0)]
    if not nonzero.size(1):
        return values[:, :1]
    return nonzero[:, :: math.ceil(nonzero.size(1) / priors.MAX_ELEMENTS)]
