"""f with one unit removed, or two."""

from itertools import combinations

import numpy

from biome_interpret.attribution.coalitions.inquiry import Inquiry, Interactions, UnitScores


def occlusion(num_units: int, with_interactions: bool = False) -> "Inquiry[UnitScores]":
    """
    The score of unit i is f(x) − f(x without i). The interaction of i and j is
    f(x) − f(x without i) − f(x without j) + f(x without both).
    """
    pairs = [*combinations(range(num_units), 2)] if with_interactions else []
    subsets = [frozenset(), *(frozenset([i]) for i in range(num_units)), *map(frozenset, pairs)]
    answers = yield subsets
    whole, *values = [answer.value for answer in answers]
    without = numpy.array(values[:num_units], dtype=float)
    interactions = None
    if with_interactions:
        matrix = numpy.zeros((num_units, num_units))
        for (i, j), both in zip(pairs, values[num_units:]):
            matrix[i, j] = matrix[j, i] = whole - without[i] - without[j] + both
        interactions = Interactions(matrix)
    return UnitScores(whole - without, len(subsets) - 1, interactions=interactions)
