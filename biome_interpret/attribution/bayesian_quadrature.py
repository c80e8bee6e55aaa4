"""
Integrals of functions of which little is known but their values at some nodes, and by how much they
may be off. The function is taken for a draw from a Gaussian process; what is believed of the
process, from smooth to full of jumps, is weighed by how well it foretells the values (O'Hagan,
Bayes-Hermite quadrature, 1991; Rasmussen and Ghahramani, Bayesian Monte Carlo, 2002).
"""

import math
from functools import cached_property, lru_cache, partial
from typing import Callable, List, NamedTuple, Sequence, Tuple

import numpy
import torch

from biome_interpret.attribution.nodes import Nodes
from biome_interpret.attribution.pace import Pace
from biome_interpret.attribution.quadrature import gauss_legendre

# Of a function's values at some times and at others. Shape: (times, other times).
Covariance = Callable[[numpy.ndarray, numpy.ndarray], numpy.ndarray]


# What is believed of a function is a pace at which it changes evenly; by which factor the variances
# of its smooth part's Chebyshev coefficients shrink from degree to degree; and how much of its
# variance is that of a rough part, with jumps anywhere, as of a Brownian motion. The priors of a
# pace are in the order of the product of the two latter.
_DECAYS = (0.25, 0.5, 0.75)
_ROUGHNESSES = (1e-7, 1e-3, 0.1, 1.0)
_ARE_SMOOTH = [roughness < 0.05 for roughness in _ROUGHNESSES]

# The variance of rounding, in units of the function's own.
_ROUNDING = 1e-12

# Priors that are so much less plausible than the most plausible one are left out.
_IMPLAUSIBLE = 1e-3

# Points of the rule by which covariances are integrated over the path.
_FINE = 64

# So many elements tell enough of what all are like.
_MOST_TELLING = 512

# Of so many nodes at the most it takes less time to multiply the values of all pairs.
_FEW = 16

# In place of zero, of which there is no logarithm.
_TINY = 1e-300

# Of a standard normal variable: its mean absolute value.
_MEAN_SIZE = math.sqrt(2 / math.pi)


class Belief(NamedTuple):
    """
    What is known of functions, one for each element, from their values at some nodes.

    # Parameters

    weights : `torch.Tensor`
        Of the nodes, adding up to 1: each prior's own, by its plausibility. Shape: (nodes,).
    error : `float`
        The expected Σ |error| of the integrals by these weights, over all elements.
    plausibilities : `numpy.ndarray`
        Of all priors, adding up to 1. Shape: (priors,).
    scales : `numpy.ndarray`
        By each prior that is plausible, the variance of the functions of elements that tell of all,
        and zeros. Shape: (kept priors, telling elements or more).
    kept : `numpy.ndarray`
        The indices of those priors.
    told : `float`
        How much of the sizes of all elements is that of the telling ones.
    """

    weights: torch.Tensor
    error: float
    plausibilities: numpy.ndarray
    scales: numpy.ndarray
    kept: numpy.ndarray
    told: float

    @property
    def smoothness(self) -> float:
        """The plausibility of all priors together that are smooth but for a little."""
        return float(self.plausibilities.reshape(-1, len(_ROUGHNESSES))[:, _ARE_SMOOTH].sum())

    def error_at(self, rules: "Rules") -> float:
        """What would be expected of the error with other nodes, by the same priors."""
        shares = (self.plausibilities * rules.variances)[self.kept]
        variances = numpy.einsum("p,pe->e", shares, self.scales)
        return _MEAN_SIZE * float(numpy.sqrt(variances).sum()) / self.told


class Rules:
    """
    What priors make of values at given nodes. All that does not depend on the values.

    # Parameters

    nodes : `Nodes`
    paces : `Sequence[Pace]`
        Whose priors, of every smoothness and roughness, are asked.
    jumps : `float`, optional (default = `1.0`)
        How likely rough ones are beforehand, in units of how likely smooth ones are.
    """

    def __init__(self, nodes: Nodes, paces: Sequence[Pace], jumps: float = 1.0) -> None:
        self.size = len(nodes)
        likely = [1.0 if is_smooth else jumps for is_smooth in _ARE_SMOOTH]
        self._log_likely = numpy.log(likely * (len(paces) * len(_DECAYS)))[:, None]
        found = [_rules_of(numpy.array(nodes), pace) for pace in paces]
        weights, variances, residuals, log_determinants = (
            torch.cat(parts) for parts in zip(*found)
        )
        # Shape: (priors, nodes).
        self.weights = weights
        # Of an integral, in units of the function's variance. Shape: (priors,).
        self.variances = variances.numpy()
        # What takes the foreseeable out of values, which for constant ones is all. Shape: (priors,
        # nodes, nodes).
        self._residuals = residuals
        self._log_determinants = log_determinants.numpy()

    def beliefs(self, values: Sequence[torch.Tensor]) -> List[Belief]:
        """
        # Parameters

        values : `Sequence[torch.Tensor]`
            Of some texts, at the nodes, in float64. Shapes: (nodes, elements of the text).
        """
        telling = [_telling(one) for one in values]
        together = _side_by_side(telling)
        squares = self._squares(together)
        plausibilities = self._plausibilities(squares, together.numpy())
        # Those that are plausible for any text.
        kept = plausibilities.any(axis=1).nonzero()[0]
        shares, rules = plausibilities[kept], self.weights[torch.from_numpy(kept)]
        scales = squares[kept]
        scales /= self.size - 1
        # Priors that do not agree are another source of error. Shape: (kept priors, texts,
        # elements).
        spread = _times(rules, together)
        spread -= numpy.einsum("pt,pte->te", shares, spread)
        spread *= spread
        spread += self.variances[kept].reshape(-1, 1, 1) * scales
        variances = numpy.einsum("pt,pte->te", shares, spread)
        errors = numpy.sqrt(variances).sum(axis=1).tolist()
        weights = torch.from_numpy(shares).t() @ rules
        told = [_share(sample, one) for sample, one in zip(telling, values)]
        return [
            Belief(
                weights[k],
                _MEAN_SIZE * errors[k] / told[k],
                plausibilities[:, k],
                scales[:, k],
                kept,
                told[k],
            )
            for k in range(len(values))
        ]

    def belief(self, values: torch.Tensor) -> Belief:
        """Of one text."""
        return self.beliefs([values])[0]

    def _plausibilities(self, squares: numpy.ndarray, values: numpy.ndarray) -> numpy.ndarray:
        """
        By restricted likelihood, each function's scale and mean being whatever suits it best. The
        elements of a text count by their size, and all together as one: they are not independent.

        # Parameters

        squares : `numpy.ndarray`
            What no prior foresees, squared. Shape: (priors, texts, elements).
        values : `numpy.ndarray`
            Shape: (nodes, texts, elements).

        # Returns

        `numpy.ndarray`
            Shape: (priors, texts).
        """
        sizes = numpy.abs(values).sum(axis=0)
        shares = sizes / (sizes.sum(axis=1, keepdims=True) + _TINY)
        # Of an element that never changes, nothing but rounding is left.
        scores = numpy.einsum("pte,te->pt", numpy.log(squares + _TINY), shares)
        evidence = -(self.size - 1) / 2 * scores - self._log_determinants[:, None] / 2
        evidence += self._log_likely
        found = numpy.exp(evidence - evidence.max(axis=0))
        found[found < _IMPLAUSIBLE] = 0.0
        return found / found.sum(axis=0)

    def _squares(self, values: torch.Tensor) -> numpy.ndarray:
        """(nodes, texts, elements) -> (priors, texts, elements)"""
        if self.size > _FEW:
            left = _times(self._residuals.flatten(0, 1), values)
            left = left.reshape(-1, self.size, *left.shape[1:])
            return numpy.einsum("pnte,pnte->pte", left, left)
        ones, others = self._pairs
        apart = values[:-1] - values[-1]
        squares = _times(self._forms, apart[ones].mul_(apart[others]))
        return numpy.maximum(squares, 0.0, out=squares)

    @cached_property
    def _pairs(self) -> Tuple[torch.Tensor, torch.Tensor]:
        """Of all nodes but the last, each with itself too."""
        ones, others = torch.triu_indices(self.size - 1, self.size - 1)
        return ones, others

    @cached_property
    def _forms(self) -> torch.Tensor:
        """By products of such pairs, what no prior foresees, squared. Shape: (priors, pairs)."""
        ones, others = self._pairs
        residuals = self._residuals[:, :, :-1]
        forms = (residuals.transpose(1, 2) @ residuals)[:, ones, others]
        return torch.where(ones == others, forms, 2 * forms)


def _side_by_side(texts: Sequence[torch.Tensor]) -> torch.Tensor:
    """
    Texts of (nodes, elements of the text) as one tensor of (nodes, texts, elements), filled up with
    elements of zero, which count for nothing.
    """
    if len(texts) == 1:
        return texts[0].unsqueeze(1)
    most = max(text.size(1) for text in texts)
    missing = [most - text.size(1) for text in texts]
    filled = [torch.nn.functional.pad(t, (0, n)) if n else t for t, n in zip(texts, missing)]
    return torch.stack(filled, dim=1)


def _times(matrix: torch.Tensor, values: torch.Tensor) -> numpy.ndarray:
    """(rows, nodes) times (nodes, texts, elements) -> (rows, texts, elements)"""
    # Products in PyTorch's threads, since NumPy's would get into their way. For all else NumPy
    # takes half of the time that PyTorch does, of so few numbers.
    return (matrix @ values.flatten(1)).unflatten(1, values.shape[1:]).numpy()


def _telling(values: torch.Tensor) -> torch.Tensor:
    """Some of many elements: not of those that are zero everywhere, such as padding."""
    if values.size(1) <= _MOST_TELLING:
        return values
    real = values[:, (values != 0).any(dim=0)]
    if not real.size(1):
        return values[:, :1]
    return real[:, :: math.ceil(real.size(1) / _MOST_TELLING)]


def _share(sample: torch.Tensor, values: torch.Tensor) -> float:
    if sample.size(1) == values.size(1):
        return 1.0
    whole = float(values.abs().sum())
    return float(sample.abs().sum()) / whole if whole else 1.0


class _RulesOfPace(NamedTuple):
    weights: torch.Tensor
    variances: torch.Tensor
    residuals: torch.Tensor
    log_determinants: torch.Tensor


def _rules_of(nodes: numpy.ndarray, pace: Pace) -> _RulesOfPace:
    covariances, means, variances = map(torch.from_numpy, _moments(nodes, pace))
    rounding = _ROUNDING * torch.eye(len(nodes), dtype=torch.float64)
    factors = torch.linalg.cholesky(covariances + rounding)
    # The function minus what is foreseen of it is white noise: w = L⁻¹ f.
    whitening = torch.linalg.inv(factors)
    white_means = (whitening @ means.unsqueeze(2)).squeeze(2)
    # The mean of the function is not known beforehand; whatever it is, weights add up to 1.
    ones = whitening.sum(dim=2)
    total = ones.square().sum(dim=1, keepdim=True)
    missing = 1 - (ones * white_means).sum(dim=1, keepdim=True)
    white_weights = white_means + ones * (missing / total)
    foreseen = ones.unsqueeze(1) @ whitening / total.unsqueeze(2)
    variance = variances - white_means.square().sum(dim=1) + (missing.square() / total).squeeze(1)
    logarithms = factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)
    return _RulesOfPace(
        (white_weights.unsqueeze(1) @ whitening).squeeze(1),
        variance.clamp(min=0.0),
        whitening - ones.unsqueeze(2) @ foreseen,
        2 * logarithms + total.log().squeeze(1),
    )


def _moments(
    nodes: numpy.ndarray, pace: Pace
) -> Tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
    """
    For each decay and roughness, the covariances of values at the nodes, of these with the integral
    over the path, and the integral's variance. Shapes: (priors, nodes, nodes), (priors, nodes) and
    (priors,).
    """
    positions, lengths = gauss_legendre(_FINE)
    times, fine = pace.times(nodes), pace.times(positions)
    *smooth, rough = [
        (covariance(times, times), covariance(times, fine) @ lengths, variance)
        for covariance, variance in zip(_COVARIANCES, _variances_of_integrals(pace))
    ]
    covariances, means, variances = (
        numpy.array([(1 - r) * one[k] + r * rough[k] for one in smooth for r in _ROUGHNESSES])
        for k in range(3)
    )
    return covariances, means, variances


@lru_cache(maxsize=64)
def _variances_of_integrals(pace: Pace) -> List[float]:
    """By each of the covariances."""
    positions, lengths = gauss_legendre(_FINE)
    fine = pace.times(positions)
    return [float(lengths @ covariance(fine, fine) @ lengths) for covariance in _COVARIANCES]


def _smooth_covariance(decay: float, one: numpy.ndarray, other: numpy.ndarray) -> numpy.ndarray:
    """
    Of Σ c_k T_k(2u - 1) with independent coefficients of variance decay^k, times 1 - decay. Its sum
    is Poisson's kernel. Shape: (times of the one, times of the other).
    """
    angles, others = (numpy.arccos(numpy.clip(2 * t - 1, -1, 1)) for t in (one, other))

    def summed(angle: numpy.ndarray) -> numpy.ndarray:
        """Σ decay^k cos(k · angle)"""
        cosines = decay * numpy.cos(angle)
        return (1 - cosines) / (1 - 2 * cosines + decay**2)

    apart, together = angles[:, None] - others, angles[:, None] + others
    return (1 - decay) * (summed(apart) + summed(together)) / 2


def _rough_covariance(one: numpy.ndarray, other: numpy.ndarray) -> numpy.ndarray:
    """Of a Brownian motion, but for its mean. Shape: as above."""
    return 1 - numpy.abs(one[:, None] - other)


# Of the smooth part of each decay, and last of the rough part.
_COVARIANCES: List[Covariance] = [
    *(partial(_smooth_covariance, decay) for decay in _DECAYS),
    _rough_covariance,
]
