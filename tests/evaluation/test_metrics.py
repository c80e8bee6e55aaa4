"""The metrics as a study asks for them: all of all methods in one inquiry."""

from typing import Any, Dict, List

import numpy
import pytest

from biome_interpret.attribution.coalitions import Answer
from biome_interpret.evaluation import METRICS
from biome_interpret.evaluation.inquiries import Figure, Settings, together
from biome_interpret.evaluation.limits import find_limits
from tests.evaluation.answering import answered, linear

WEIGHTS = [0.3, -0.2, 0.25, 0.1, 0.05, -0.1]
F = linear(WEIGHTS, bias=0.4)
ROWS = {
    "weights": WEIGHTS,
    "reverse": [-weight for weight in WEIGHTS],
    "random": numpy.random.default_rng(0).normal(size=6).tolist(),
}


def study(rows: Dict[str, List[float]], num_words: int) -> Any:
    known: Dict[Any, Answer] = {}
    [limits] = yield from together([find_limits(num_words)], known)
    settings = Settings(limits=limits)
    keys = [(row, name) for row in rows for name in METRICS]
    asked = [METRICS[name].ask(rows[row], settings) for row, name in keys]
    figures = yield from together(asked, known)
    return dict(zip(keys, figures))


@pytest.fixture(scope="module")
def figures() -> Any:
    return answered(study(ROWS, 6), F, 6)


@pytest.mark.parametrize("name", METRICS)
def test_each_metric_prefers_the_weights_of_a_linear_model(name: str, figures: Any) -> None:
    better = {"higher": 1, "lower": -1}[METRICS[name].better]
    value = {row: better * figures[row, name].value for row in ROWS}
    assert value["weights"] >= value["random"] - 1e-12
    # A factor of -1 makes the reverse as good as the weights.
    assert value["weights"] > value["reverse"] or name == "infidelity_scaled"


@pytest.mark.parametrize("name", METRICS)
def test_asked_together_it_is_what_it_is_alone(name: str, figures: Any) -> None:
    limits = answered(find_limits(6), F, 6)
    for row, scores in ROWS.items():
        alone = answered(METRICS[name].ask(scores, Settings(limits=limits)), F, 6)
        assert figures[row, name] == alone


def test_no_subset_is_asked_for_twice() -> None:
    asked: List[List[Any]] = []
    answered(study(ROWS, 6), F, 6, asked)
    subsets = [subset for turn in asked for subset in turn]
    # The limits of 6 words have asked for all there are.
    assert len(subsets) == len({*subsets}) == 2**6


@pytest.mark.parametrize("name", METRICS)
def test_it_reads_the_number_that_it_says(name: str) -> None:
    """The other number of the answers is without a meaning here."""
    metric = METRICS[name]
    noise = numpy.random.default_rng(0)
    limits = answered(find_limits(6), F, 6)
    inquiry: Any = metric.ask(WEIGHTS, Settings(limits=limits))
    words = frozenset(range(6))
    subsets = next(inquiry)
    outputs = [F(words - subset) for subset in subsets]
    answers = [
        Answer(noise.random(), output) if metric.of == "probability" else Answer(output, None)
        for output in outputs
    ]
    with pytest.raises(StopIteration) as stop:
        inquiry.send(answers)
    expected = answered(metric.ask(WEIGHTS, Settings(limits=limits)), F, 6)
    assert stop.value.value == expected


@pytest.mark.parametrize("name", METRICS)
def test_figures_are_plain_numbers(name: str, figures: Any) -> None:
    found: Figure = figures["random", name]
    assert type(found.value) is float
    assert type(found.left_out) is int
    assert all(type(height) is float for height in found.curve)
