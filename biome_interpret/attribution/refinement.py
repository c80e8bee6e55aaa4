"""
Adaptive quadrature of the gradient along straight paths, by a model of the integrand (Bayesian
quadrature: O'Hagan, Bayes-Hermite quadrature, 1991; Rasmussen and Ghahramani, Bayesian Monte Carlo,
2002). One evaluation, a forward and a backward pass, gives the integrand g of all elements (tokens,
or their embedding dimensions) at one position α, 0 at the baseline and 1 at the text, and costs far
more than any arithmetic on the values. So all evaluations are kept, and weights, errors and new
nodes follow from a model of g. Its constants are in `priors`.

Smooth integrands (`gaussian_process`, `warping`, `nodes`)
    By hypothesis h = (φ, ρ, r) each element is a draw from a Gaussian process in u = φ(α),

        g ~ GP(μ, s² k(u, u')),    k = (1 − r) k_ρ + r k_B,
        k_ρ(u, u') = (1 − ρ) Σ_j ρ^j T_j(2u − 1) T_j(2u' − 1),    k_B(u, u') = 1 − |u − u'|.

    The warp φ makes an even function of one that changes within a short stretch. T_j are Chebyshev
    polynomials: by k_ρ their coefficients are independent, with variances that decay as ρ^j. k_B is
    that of a Brownian motion up to its mean, which allows for kinks and jumps: h is rough if r
    exceeds SMOOTH_ROUGHNESS. μ has a flat prior. p(h) ∝ 1 for smooth and `rough_odds` for rough h.

    With nodes α_i, K_ij = k(u_i, u_j) + NUGGET · δ_ij, z_i = ∫ k(φ(α), u_i) dα,
    v = ∫∫ k(φ(α), φ(α')) dα dα' and P = K⁻¹ − K⁻¹11ᵀK⁻¹ / 1ᵀK⁻¹1, the integral of g has

        posterior mean wᵀg,    w = K⁻¹z + K⁻¹1 (1 − 1ᵀK⁻¹z) / 1ᵀK⁻¹1    (Σ w_i = 1),
        posterior variance s²V,    V = v − zᵀK⁻¹z + (1 − 1ᵀK⁻¹z)² / 1ᵀK⁻¹1,    s² = gᵀPg / (n − 1).

    Hypotheses are weighed by restricted marginal likelihood, with s² at its maximum:

        log p(h | g) = log p(h) − (n − 1)/2 Σ_e ω_e log g_eᵀPg_e − log|K|/2 − log(1ᵀK⁻¹1)/2 + const.

    Elements of one text are not independent. So they count as one function together, each by its
    share ω_e of Σ |g|. The weights are w̄ = Σ_h p(h | g) w_h. The variance of an element is the mean
    of its variances plus the variance of its means, Σ_h p(h | g) (s²V + ((w_h − w̄)ᵀg)²), and
    Σ_e |error_e| has the expectation √(2/π) Σ_e √variance_e: errors of elements do not cancel.

    V does not depend on g. So the error with more nodes is known before they are evaluated. New
    nodes are Leja points in u for the most probable φ.

Rough integrands (`piecewise`)
    If the smooth hypotheses have less than half of the posterior probability, another model takes
    over: between neighbouring nodes g jumps once, at a uniformly distributed position. Then the
    trapezoid is the expected integral, with a standard deviation of |jump| · length / √12 for each
    interval. New nodes divide the intervals where that reduces the error most. By k_B they would be
    even, since V does not depend on g; so they follow the jumps. With more than SETTLED_SIZE nodes
    a rough integrand stays rough.

The loop
    1. The first level has Radau's nodes in the prior's warp. They are too few to tell rough from
       smooth, so g is integrated as smooth.
    2. The error estimate is SAFETY_FACTOR · calibration · expected error. If it is within the
       tolerance, the loop ends.
    3. The next level is the smallest of `level_sizes` that is expected to meet the tolerance, or
       the largest within `growth`. Continue with 2.

    The calibration corrects expectations that turned out too large. It is 1 − S (1 − c), where S is
    the probability of the smooth hypotheses, c is CALIBRATION_MARGIN · q, clipped to
    [MIN_CALIBRATION, 1], and q is the change of the integrals from the level before, divided by the
    error expected there. It is 1 for rough integrands and at the first level.
"""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, cast

import torch

from biome_interpret.attribution import priors
from biome_interpret.attribution.gaussian_process import GaussianProcessQuadrature, Posterior
from biome_interpret.attribution.nodes import Nodes, initial_nodes, leja_nodes
from biome_interpret.attribution.paths import AdaptiveMeasure, Path, PathMeasure
from biome_interpret.attribution.piecewise import PiecewiseConstant
from biome_interpret.attribution.priors import GENERAL, PriorSettings
from biome_interpret.attribution.warping import PathWarp

Warps = Tuple[PathWarp, ...]


class ErrorEstimate(NamedTuple):
    """The integral at one level, and how far it may be off."""

    # g, the mean over the paths, without the baseline. Shape: (nodes, elements).
    values: torch.Tensor
    # Shape: (nodes,).
    weights: torch.Tensor
    # None if the integrand is settled to be rough.
    posterior: Optional[Posterior]
    # The model of a rough integrand; None if it looks smooth.
    piecewise: Optional[PiecewiseConstant] = None
    # The factor for errors that the posterior expects.
    calibration: float = 1.0

    @property
    def integral(self) -> torch.Tensor:
        """Shape: (elements,)."""
        return self.weights @ self.values

    @property
    def error(self) -> float:
        """Σ |error| over all elements."""
        model = self.piecewise or self.posterior
        assert model is not None
        return priors.SAFETY_FACTOR * self.calibration * model.error


# On a path: the baseline and two nodes.
FEWEST_EVALUATIONS = 3
# The initial nodes are those of every text, and Leja points those of many.
_quadrature = lru_cache(maxsize=64)(GaussianProcessQuadrature)


@dataclass(frozen=True)
class Level(PathMeasure):
    # The nodes of each path, without the baseline: its gradient is not used.
    positions: Nodes = ()
    # Those of the hypotheses.
    warps: Warps = ()
    previous: Optional[ErrorEstimate] = None
    # None until this level is evaluated.
    estimate: Optional[ErrorEstimate] = None

    @property
    def size(self) -> int:
        """Evaluations on each path."""
        return 1 + len(self.positions)

    @property
    def smooth_posterior(self) -> Optional[Posterior]:
        """`None` if the integrand looks rough."""
        estimate = self.estimate
        return None if estimate is None or estimate.piecewise is not None else estimate.posterior


class AdaptiveQuadrature(AdaptiveMeasure):
    """
    Straight paths without noise, one for each background text; `None` is the configured baseline.
    """

    def __init__(
        self,
        backgrounds: Sequence[Optional[int]],
        tolerance: float,
        max_evaluations: int,
        prior: PriorSettings = GENERAL,
    ) -> None:
        super().__init__(tolerance, max_evaluations)
        self._backgrounds = backgrounds
        self._prior = prior
        self._sizes = level_sizes(prior, max_evaluations // len(backgrounds))

    @cached_property
    def initial(self) -> Level:
        nodes = initial_nodes(self._prior.warp, self._sizes[0] - 1)
        return Level(self._paths(nodes), None, nodes, priors.WARPS)

    def estimate_errors(
        self, measures: Sequence[PathMeasure], terms: Sequence[torch.Tensor]
    ) -> List[Tuple[PathMeasure, float]]:
        levels = [cast(Level, measure) for measure in measures]
        # Shape of each: (paths, evaluations, elements) -> (nodes, elements)
        values = [
            its_terms.reshape(len(level.paths), level.size, -1).mean(dim=0)[1:]
            for level, its_terms in zip(levels, terms)
        ]
        posteriors = self._posteriors(
            {
                i: _Integrand(level.positions, level.warps, values[i])
                for i, level in enumerate(levels)
                if not _is_settled(level)
            }
        )
        estimates = [
            _estimate(level, values[i], posteriors.get(i)) for i, level in enumerate(levels)
        ]
        return [
            (self._with_estimate(level, estimate), estimate.error)
            for level, estimate in zip(levels, estimates)
        ]

    def _with_estimate(self, level: Level, estimate: ErrorEstimate) -> Level:
        paths = self._paths(level.positions, estimate.weights.tolist())
        return replace(level, paths=paths, estimate=estimate)

    def refined(self, measures: Sequence[PathMeasure]) -> List[Optional[PathMeasure]]:
        levels = [cast(Level, measure) for measure in measures]
        # By the most probable hypothesis, if the integrand looks smooth.
        smooth = {
            i: _Integrand(
                level.positions, (posterior.most_probable(level.warps),), level.estimate.values
            )
            for i, level in enumerate(levels)
            for posterior in [level.smooth_posterior]
            if level.estimate is not None and posterior is not None
        }
        posteriors = self._posteriors(smooth)
        return [
            self._refined(level, smooth.get(i), posteriors.get(i)) for i, level in enumerate(levels)
        ]

    def _refined(
        self, level: Level, smooth: Optional["_Integrand"], posterior: Optional[Posterior]
    ) -> Optional[Level]:
        estimate, growth = level.estimate, self._prior.growth
        assert estimate is not None
        if smooth is None or posterior is None:
            assert estimate.piecewise is not None
            warps, extended = level.warps, estimate.piecewise.refined
        else:
            warps = smooth.warps
            growth = growth if level.previous is None else priors.SMOOTH_GROWTH
            extended = partial(self._with_leja_nodes, smooth, posterior)
        larger = [size for size in self._sizes if size > level.size]
        if not larger:
            return None
        allowed = self.tolerance * float(estimate.integral.abs().sum())
        for size in [size for size in larger if size <= growth * level.size] or larger[:1]:
            nodes, error = extended(size - 1)
            if priors.SAFETY_FACTOR * estimate.calibration * error <= allowed:
                break
        return Level(self._paths(nodes), None, nodes, warps, previous=estimate)

    def _with_leja_nodes(
        self, smooth: "_Integrand", posterior: Posterior, size: int
    ) -> Tuple[Nodes, float]:
        """More nodes, and the error that is expected with them."""
        more = leja_nodes(smooth.warps[0], smooth.nodes, size)
        return more, posterior.expected_error(self._fitted(more, smooth.warps))

    def _posteriors(self, wanted: Mapping[int, "_Integrand"]) -> Dict[int, Posterior]:
        """Those with the same nodes and hypotheses are computed together."""
        alike: Dict[Tuple[Nodes, Warps], List[int]] = {}
        for i, one in wanted.items():
            alike.setdefault((one.nodes, one.warps), []).append(i)
        found: Dict[int, Posterior] = {}
        for (nodes, warps), members in alike.items():
            values = [wanted[i].values for i in members]
            found.update(zip(members, self._fitted(nodes, warps).posteriors(values)))
        return found

    def _fitted(self, nodes: Nodes, warps: Warps) -> GaussianProcessQuadrature:
        return _quadrature(nodes, warps, self._prior.rough_odds)

    def _paths(self, nodes: Nodes, weights: Optional[Sequence[float]] = None) -> List[Path]:
        """With the baseline in front, at weight 0. Equal weights if none are given."""
        number = len(self._backgrounds)
        shares = [0.0, *(weight / number for weight in weights or [1 / len(nodes)] * len(nodes))]
        return [Path([0.0, *nodes], shares, background) for background in self._backgrounds]


def level_sizes(prior: PriorSettings, max_size: int) -> List[int]:
    """
    Evaluations of the levels: 9, 13, 17, ..., 65, 73, 81, ... up to the given size, in steps of
    `stride` and, from 16 strides on, of about an eighth. One level of `max_size` if that is less
    than the first.
    """
    sizes = [min(prior.size, max_size)]
    while True:
        size = sizes[-1] + max(prior.stride, 2 ** (sizes[-1].bit_length() - 4))
        if size > max_size:
            return sizes
        sizes.append(int(size))


class _Integrand(NamedTuple):
    """Values at some nodes, to be fitted by the hypotheses of some warps."""

    nodes: Nodes
    warps: Warps
    # Shape: (nodes, elements).
    values: torch.Tensor


def _is_settled(level: Level) -> bool:
    """Whether an integrand that looked rough is no longer looked at as smooth."""
    looked_rough = level.previous is not None and level.previous.piecewise is not None
    return looked_rough and len(level.positions) > priors.SETTLED_SIZE


def _estimate(level: Level, values: torch.Tensor, posterior: Optional[Posterior]) -> ErrorEstimate:
    # The initial nodes are too few to tell rough from smooth.
    if posterior is not None and (
        level.previous is None or posterior.smoothness >= priors.SMOOTH_PROBABILITY
    ):
        calibration = _calibration(posterior, values, level.previous)
        return ErrorEstimate(values, posterior.weights, posterior, None, calibration)
    piecewise = PiecewiseConstant(level.positions, values.numpy())
    return ErrorEstimate(values, torch.from_numpy(piecewise.weights), posterior, piecewise)


def _calibration(
    posterior: Posterior, values: torch.Tensor, previous: Optional[ErrorEstimate]
) -> float:
    """By how much the error that was expected of the previous level was too large."""
    if previous is None or previous.posterior is None or not previous.posterior.error:
        return 1.0
    change = float((posterior.weights @ values - previous.integral).abs().sum())
    ratio = priors.CALIBRATION_MARGIN * change / previous.posterior.error
    found = min(1.0, max(priors.MIN_CALIBRATION, ratio))
    return 1 - posterior.smoothness * (1 - found)
