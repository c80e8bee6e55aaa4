"""Converged integrals, and how many steps AllenNLP's rule needs to come near them; kept on disk."""

import math
from typing import Callable, Dict, List, Sequence

import numpy
from allennlp.common import JsonDict
from allennlp.data import Instance
from allennlp.predictors import Predictor

from benchmarks.bare import BareText, label
from benchmarks.cache import Store, digest
from benchmarks.errors import relative_error
from benchmarks.models import BenchModel
from benchmarks.objectives import OBJECTIVES
from benchmarks.progress import following

# AllenNLP's rule is given up at so many steps.
MOST_STEPS = 8192


def gauss_legendre(n: int) -> Sequence[numpy.ndarray]:
    nodes, weights = numpy.polynomial.legendre.leggauss(n)
    return (nodes + 1) / 2, weights / 2


def midpoints(n: int) -> Sequence[numpy.ndarray]:
    return (numpy.arange(n) + 0.5) / n, numpy.full(n, 1 / n)


def left(n: int) -> Sequence[numpy.ndarray]:
    return numpy.arange(n) / n, numpy.full(n, 1 / n)


class References:
    """
    # Parameters

    model : `BenchModel`
    predictor : `Predictor`
    objective : `str`
        "logits" or "loss".
    nodes : `int`
        Of Gauss-Legendre; with kinks in the way four times as many midpoints, since there all
        rules converge alike.
    """

    def __init__(
        self, model: BenchModel, predictor: Predictor, objective: str, nodes: int = 512
    ) -> None:
        self._model, self._predictor, self._objective = model, predictor, objective
        self.rule, self.nodes = (
            (midpoints, 4 * nodes) if model.has_kinks else (gauss_legendre, nodes)
        )
        name = f"{model.name}-{model.fingerprint}-{objective}-{self.rule.__name__}-{self.nodes}"
        self._store = Store(f"references-{name}")
        self._steps_store = Store(f"steps-{name}")
        self._fewest_store = Store(f"fewest-{name}")

    def of_all(self, inputs: Sequence[JsonDict]) -> List[List[List[float]]]:
        label = f"{self._model.title}, references for {self._objective}"
        return [self.of(one) for one in following(label, inputs)]

    def of(self, inputs: JsonDict) -> List[List[float]]:
        """For each labelled instance, the scores of all fields side by side."""
        key = digest(inputs)
        if key not in self._store:
            instances = label(self._predictor, inputs)
            self._store[key] = [self.integral(i, self.rule, self.nodes) for i in instances]
        return self._store[key]

    def again(self, inputs: JsonDict, nodes: int) -> List[List[float]]:
        """The same with another number of nodes, not kept."""
        instances = label(self._predictor, inputs)
        return [self.integral(instance, self.rule, nodes) for instance in instances]

    def describe(self) -> str:
        rule = "midpoints" if self.rule is midpoints else "Gauss-Legendre nodes"
        return f"{self.nodes} {rule}"

    def integral(self, instance: Instance, rule: Callable, nodes: int) -> List[float]:
        output = OBJECTIVES[self._objective](self._model, self._predictor, instance)
        text = BareText(self._predictor, [instance], keep_labels=self._objective == "loss")
        return text.integral(*rule(nodes), output).tolist()

    def steps_needed(self, inputs: JsonDict, error: float) -> int:
        """
        The number of steps from which on AllenNLP's rule, the left Riemann sum, stays within an
        error on a text's first instance, to 3 %. Its error is close to c/n: each guess follows
        from the one before.
        """
        key = digest(inputs, error)
        if key not in self._steps_store:
            self._steps_store[key] = self._search(inputs, error)
        return self._steps_store[key]

    def fewest_nodes(self, inputs: JsonDict, error: float) -> int:
        """The smallest number of Gauss-Legendre nodes that comes within an error on a text."""
        key = digest(inputs, error)
        if key not in self._fewest_store:
            [instance, *_], [reference, *_] = label(self._predictor, inputs), self.of(inputs)
            self._fewest_store[key] = next(
                nodes
                for nodes in range(1, MOST_STEPS)
                if relative_error(self.integral(instance, gauss_legendre, nodes), reference)
                <= error
            )
        return self._fewest_store[key]

    def _search(self, inputs: JsonDict, wanted: float) -> int:
        [instance, *_], [reference, *_] = label(self._predictor, inputs), self.of(inputs)
        errors: Dict[int, float] = {}

        def reached(n: int) -> bool:
            if n not in errors:
                errors[n] = relative_error(self.integral(instance, left, n), reference)
            return errors[n] <= wanted

        enough = 16
        while not reached(enough) and enough < MOST_STEPS:
            # The law, with a little on top so that it does not creep up from below.
            guess = math.ceil(1.02 * enough * errors[enough] / wanted)
            enough = min(MOST_STEPS, max(guess, enough + 1))
        short = max([n for n in errors if not reached(n)], default=0)
        while enough - short > max(1, 0.03 * enough):
            law = int(enough * errors[enough] / wanted)
            middle = min(max(law, short + 1), enough - 1)
            # Where the law does not bring the ends together, halves do.
            if middle - short > 0.9 * (enough - short) and middle < 0.97 * enough:
                middle = (short + enough) // 2
            if reached(middle):
                enough = middle
            else:
                short = middle
        return enough
