"""
Quadrature rules on [0, 1]: functions from a number of nodes to (nodes, weights). The weights sum to
one for every number of nodes, so that a constant is integrated exactly.
"""

from functools import lru_cache
from typing import Callable, Dict, Tuple

import numpy
from numpy.typing import NDArray

Rule = Tuple[NDArray[numpy.float64], NDArray[numpy.float64]]


@lru_cache(maxsize=64)
def gauss_legendre(n: int) -> Rule:
    """Exact for polynomials of degree 2n - 1, on open nodes."""
    nodes, weights = numpy.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / weights.sum()


@lru_cache(maxsize=64)
def gauss_radau(n: int) -> Rule:
    """
    Exact for polynomials of degree 2n - 2, with 1 among the nodes (Abramowitz and Stegun, Handbook
    of Mathematical Functions, 1964, §25.4.31, mirrored).
    """
    # On [-1, 1] the nodes are the roots of P_{n-1} − P_n; 1 is the largest.
    last, difference = [*[0.0] * (n - 1), 1.0], [*[0.0] * (n - 1), 1.0, -1.0]
    nodes = numpy.sort(numpy.polynomial.legendre.legroots(difference).real)
    nodes[-1] = 1.0
    weights = (1 + nodes) / numpy.polynomial.legendre.legval(nodes, last) ** 2
    return (nodes + 1) / 2, weights / weights.sum()


def riemann_left(n: int) -> Rule:
    """0, 1/n, ..., (n - 1)/n: AllenNLP's rule for integrated gradients."""
    return numpy.arange(n) / n, numpy.full(n, 1 / n)


def riemann_right(n: int) -> Rule:
    """1/n, 2/n, ..., 1."""
    return numpy.arange(1, n + 1) / n, numpy.full(n, 1 / n)


def riemann_middle(n: int) -> Rule:
    """The centres of n equal intervals."""
    return (numpy.arange(n) + 0.5) / n, numpy.full(n, 1 / n)


def trapezoid(n: int) -> Rule:
    """n equidistant nodes, both ends included; a single node is in the middle."""
    if n == 1:
        return riemann_middle(1)
    weights = numpy.full(n, 1 / (n - 1))
    weights[[0, -1]] /= 2
    return numpy.linspace(0, 1, n), weights


RULES: Dict[str, Callable[[int], Rule]] = {
    "gauss-radau": gauss_radau,
    "gauss-legendre": gauss_legendre,
    "riemann-left": riemann_left,
    "riemann-right": riemann_right,
    "riemann-middle": riemann_middle,
    "trapezoid": trapezoid,
}
