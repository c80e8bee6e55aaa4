"""Shapley values: the mean change of f when a unit joins the units before it, over all orders."""

import math
from functools import lru_cache
from itertools import combinations
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy
from numpy.typing import NDArray

from biome_interpret.attribution.coalitions.inquiry import (
    Array,
    Inquiry,
    Interactions,
    Removed,
    UnitScores,
)
from biome_interpret.attribution.normalization import above_tolerance

# Up to this number of units all subsets are asked.
MOST_EXACT_UNITS = 12

Order = Tuple[int, ...]


def exact_shapley(num_units: int, with_interactions: bool = False) -> "Inquiry[UnitScores]":
    """
    Asks for all 2^n subsets. The value of i is Σ_S |S|! (n − |S| − 1)! / n! · (f(S ∪ i) − f(S)),
    over the sets S of units that stay, without i (Shapley, 1953). The interaction of i and j is
    Σ_S |S|! (n − |S| − 2)! / (n − 1)! · (f(S ∪ ij) − f(S ∪ i) − f(S ∪ j) + f(S)) (Grabisch and
    Roubens, 1999).
    """
    size = 1 << num_units
    answers = yield [_removed_of(kept, num_units) for kept in range(size)]
    # By the bits of the units that stay.
    f = numpy.array([answer.value for answer in answers])
    kept = numpy.arange(size)
    counts = _bit_counts(num_units)
    scores = numpy.zeros(num_units)
    for i in range(num_units):
        without = kept[kept & (1 << i) == 0]
        weights = 1 / (num_units * _binomials(num_units - 1)[counts[without]])
        scores[i] = weights @ (f[without | (1 << i)] - f[without])
    interactions = None
    if with_interactions:
        matrix = numpy.zeros((num_units, num_units))
        for i, j in combinations(range(num_units), 2):
            first, second = 1 << i, 1 << j
            without = kept[kept & (first | second) == 0]
            weights = 1 / ((num_units - 1) * _binomials(num_units - 2)[counts[without]])
            change = f[without | first | second] - f[without | first] - f[without | second]
            matrix[i, j] = matrix[j, i] = weights @ (change + f[without])
        interactions = Interactions(matrix)
    return UnitScores(
        scores, size - 1, baseline_output=float(f[0]), adds_up=True, interactions=interactions
    )


class Sampling(NamedTuple):
    """
    # Parameters

    num_orders : `int`
        The number of random orders, half of them the reverse of the others.
    seed : `int`
    with_interactions : `bool`
        Then there are at least two rounds of orders.
    tolerance : `float`, optional
        Double the number of orders until Σ standard error / Σ |score| is at most this.
    max_evaluations : `int`
        The largest number of subsets with a tolerance. The fewest orders are asked anyway.
    """

    num_orders: int
    seed: int
    with_interactions: bool = False
    tolerance: Optional[float] = None
    max_evaluations: int = 0


def shapley(num_units: int, sampling: Sampling) -> "Inquiry[UnitScores]":
    """Exact for few units, sampled for more."""
    if num_units <= MOST_EXACT_UNITS:
        return exact_shapley(num_units, sampling.with_interactions)
    return sampled_shapley(num_units, sampling)


def most_subsets(num_units: int, sampling: Sampling) -> int:
    """The largest number of subsets that are asked, exactly or by sampling."""
    if num_units <= MOST_EXACT_UNITS:
        return 1 << num_units
    # The fewest orders are asked whatever the bound: a pair, or two rounds.
    orders = 2 if sampling.tolerance is not None else sampling.num_orders + 1
    if sampling.with_interactions:  # Up to a round of orders more than asked for, and pairs.
        orders = 2 * (orders + 4 * num_units)
    asked = orders * num_units
    return asked if sampling.tolerance is None else max(sampling.max_evaluations, asked)


def sampled_shapley(num_units: int, sampling: Sampling) -> "Inquiry[UnitScores]":
    """
    The mean over random orders of the change of f when a unit joins those before it (Castro, Gómez
    and Tejada, 2009). An order and its reverse make a pair, in which errors partly cancel (Mitchell
    et al., 2022). The standard errors are those of the mean over pairs.

    Two neighbours i and j in a random order, with the set S before them, sample the interaction
    f(S ∪ ij) − f(S ∪ i) − f(S ∪ j) + f(S) with its own weights. With interactions, orders come in
    rounds (see `_round`), and those of a round depend on each other. So all standard errors are
    then those of the mean over rounds.
    """
    generator = numpy.random.default_rng([sampling.seed, num_units])
    orders: List[Order] = []
    f: Dict[Removed, float] = {}
    found: Optional[UnitScores] = None
    wanted = sampling.num_orders
    if sampling.tolerance is not None:
        wanted = min(wanted, 2 * (sampling.max_evaluations // (2 * num_units)))
    while True:
        more = _more_orders(num_units, wanted, sampling.with_interactions, generator)
        subsets = (s for order in more for s in _subsets(order, sampling.with_interactions))
        new = [subset for subset in dict.fromkeys(subsets) if subset not in f]
        if found is not None and len(f) + len(new) - 1 > sampling.max_evaluations:
            found.notes.append(_cut_short(sampling, found.estimated_error))
            return found
        if len(f) == 1 << num_units:  # All are known: further orders would only repeat them.
            return (yield from exact_shapley(num_units, sampling.with_interactions))
        answers = yield new
        f.update(zip(new, (answer.value for answer in answers)))
        orders += more
        wanted = len(orders)
        found = _estimate(orders, f, sampling)
        error = found.estimated_error
        if sampling.tolerance is None or (error is not None and error <= sampling.tolerance):
            return found


def _cut_short(sampling: Sampling, error: Optional[float]) -> str:
    stopped = f"stopped at max_evaluations = {sampling.max_evaluations}"
    if error is None or not math.isfinite(error):
        return (
            f"{stopped}, without an estimate of the error: there are too few samples, or the "
            f"scores are about 0"
        )
    assert sampling.tolerance is not None
    return f"{stopped}: {above_tolerance(error, sampling.tolerance)}"


def _more_orders(
    num_units: int, least: int, with_interactions: bool, generator: numpy.random.Generator
) -> List[Order]:
    """At least a pair. Each order is followed by its reverse."""
    found: List[Order] = []
    num_rounds = 0
    while len(found) < max(2, least) or (with_interactions and num_rounds < 2):
        labels = generator.permutation(num_units).tolist()
        plain = [tuple(range(num_units))]
        for order in _round(num_units, generator) if with_interactions else plain:
            labelled = tuple(labels[unit] for unit in order)
            found += [labelled, labelled[::-1]]
        num_rounds += 1
    return found


def _round(num_units: int, generator: numpy.random.Generator) -> List[Order]:
    """
    Orders in which every two units are neighbours, in each place with the same probability. For an
    even number of units they are Walecki's paths, which share no pair. For an odd number they are
    his cycles, each cut at two places.
    """
    if num_units % 2 == 0:
        return _paths(num_units)
    cycles = [(*path, num_units - 1) for path in _paths(num_units - 1)]
    cut = int(generator.integers(1, num_units))
    return [one for cycle in cycles for one in (cycle, cycle[cut:] + cycle[:cut])]


@lru_cache(maxsize=64)
def _paths(size: int) -> List[Order]:
    """For an even number of units."""
    steps = [(step + 1) // 2 * (1 if step % 2 else -1) for step in range(size)]
    return [tuple((start + step) % size for step in steps) for start in range(size // 2)]


def _round_size(num_units: int) -> int:
    """The number of orders of a round, with their reverses."""
    return num_units if num_units % 2 == 0 else 2 * (num_units - 1)


def _subsets(order: Order, with_interactions: bool) -> Iterator[Removed]:
    """What has to be asked for one order: the units that have not joined yet, after each step."""
    for joined in range(len(order) + 1):
        yield frozenset(order[joined:])
        if with_interactions and joined < len(order) - 1:
            # The second of two neighbours joins before the first.
            yield frozenset(order[joined:]) - {order[joined + 1]}


def _estimate(
    orders: Sequence[Order], f: Mapping[Removed, float], sampling: Sampling
) -> UnitScores:
    num_units = len(orders[0])
    changes = numpy.zeros((len(orders), num_units))
    for own, order in zip(changes, orders):
        values = numpy.array([f[frozenset(order[joined:])] for joined in range(num_units + 1)])
        own[list(order)] = numpy.diff(values)
    independent = _round_size(num_units) if sampling.with_interactions else 2
    scores, errors = _mean_and_error(changes.reshape(-1, independent, num_units).mean(axis=1))
    share = None if errors is None else _share(float(errors.sum()), float(abs(scores).sum()))
    return UnitScores(
        scores,
        len(f) - 1,
        errors,
        share if sampling.tolerance is not None else None,
        baseline_output=f[frozenset(range(num_units))],
        adds_up=True,
        interactions=_interactions(orders, f) if sampling.with_interactions else None,
    )


def _share(error: float, size: float) -> float:
    if not error:
        return 0.0
    return error / size if size else math.inf


def _interactions(orders: Sequence[Order], f: Mapping[Removed, float]) -> Interactions:
    num_units = len(orders[0])
    size = _round_size(num_units)
    rounds = [orders[first : first + size] for first in range(0, len(orders), size)]
    sums = numpy.zeros((len(rounds), num_units, num_units))
    counts = numpy.zeros_like(sums)
    for number, own in enumerate(rounds):
        for order in own:
            for joined, (i, j) in enumerate(zip(order, order[1:])):
                left = frozenset(order[joined:])
                change = f[left - {i, j}] - f[left - {i}] - f[left - {j}] + f[left]
                for pair in ((i, j), (j, i)):
                    sums[(number, *pair)] += change
                    counts[(number, *pair)] += 1
    values, errors = _mean_and_error(sums / numpy.maximum(counts, 1))
    return Interactions(values, errors)


def _mean_and_error(samples: Array) -> Tuple[Array, Optional[Array]]:
    """Over the first dimension. No error of fewer than two samples."""
    mean = samples.mean(axis=0)
    if len(samples) < 2:
        return mean, None
    return mean, samples.std(axis=0, ddof=1) / len(samples) ** 0.5


def _removed_of(kept: int, num_units: int) -> Removed:
    """From the bits of the units that stay."""
    return frozenset(unit for unit in range(num_units) if not kept >> unit & 1)


def _bit_counts(num_units: int) -> NDArray[numpy.int64]:
    """The number of bits of each number below 2^n."""
    counts = numpy.zeros(1, dtype=numpy.int64)
    for _ in range(num_units):
        counts = numpy.concatenate([counts, counts + 1])
    return counts


def _binomials(n: int) -> Array:
    return numpy.array([math.comb(n, k) for k in range(n + 1)], dtype=float)
