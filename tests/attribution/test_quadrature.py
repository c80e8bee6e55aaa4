import numpy
import pytest

from biome_interpret.attribution.quadrature import RULES


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("n", [1, 2, 3, 10, 50, 151])
def test_weights_sum_to_one_and_nodes_lie_on_the_path(rule: str, n: int) -> None:
    nodes, weights = RULES[rule](n)
    assert nodes.shape == weights.shape == (n,)
    assert weights.sum() == pytest.approx(1, abs=1e-14)
    assert (nodes >= 0).all() and (nodes <= 1).all()
    assert (numpy.diff(nodes) > 0).all()


@pytest.mark.parametrize(
    "rule, degree",
    [("gauss-radau", 18), ("gauss-legendre", 19), ("trapezoid", 1), ("riemann-middle", 1)],
)
def test_polynomials_are_integrated_exactly_up_to_the_rule_s_degree(rule: str, degree: int) -> None:
    nodes, weights = RULES[rule](10)
    for power in range(degree + 1):
        assert weights @ nodes**power == pytest.approx(1 / (power + 1), abs=1e-12)


@pytest.mark.parametrize(
    "rule, end", [("riemann-left", 0), ("riemann-right", 1), ("gauss-radau", 1)]
)
def test_one_sided_rules_include_their_end(rule: str, end: int) -> None:
    nodes, _ = RULES[rule](10)
    assert end in nodes and 1 - end not in nodes


@pytest.mark.parametrize("rule", RULES)
def test_rules_converge(rule: str) -> None:
    def error(n: int) -> float:
        nodes, weights = RULES[rule](n)
        return abs(weights @ numpy.exp(nodes) - (numpy.e - 1))

    assert error(300) < 4e-3
    assert error(300) < error(10) or error(10) < 1e-12
