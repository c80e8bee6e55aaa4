"""What every part is given: settings, models and their texts; and how a part is declared."""

from dataclasses import dataclass
from typing import Callable, Dict, List, Sequence, Tuple

from allennlp.common import JsonDict
from allennlp.predictors import Predictor

from benchmarks import data
from benchmarks.figures import Outcome
from benchmarks.models import BenchModel
from benchmarks.references import References
from benchmarks.settings import Settings


@dataclass(frozen=True)
class Bench:
    """
    One model under one set of settings.

    # Parameters

    model : `BenchModel`
        Trained.
    settings : `Settings`
    """

    model: BenchModel
    settings: Settings

    def predictor(self) -> Predictor:
        """A new one at each call: competitors share no model."""
        return self.model.load()

    def inputs(self, purpose: str) -> List[JsonDict]:
        """The dev texts as they come; a seeded sample of them where all are too many."""
        number = self.settings.texts(purpose, self.model.is_transformer)
        return data.sample(self.model.inputs(), number)

    @property
    def repeats(self) -> int:
        return self.settings.repeats(self.model.is_transformer)

    def references(self, predictor: Predictor, objective: str) -> References:
        return References(self.model, predictor, objective, self.settings.reference_nodes)


@dataclass(frozen=True)
class Part:
    """
    # Parameters

    name : `str`
        As on the command line.
    title : `str`
    explanation : `str`
        What is compared with what, for the report.
    models : `Tuple[str, ...]`
    run : `Callable[[Bench], Outcome]`
    """

    name: str
    title: str
    explanation: str
    models: Tuple[str, ...]
    run: Callable[[Bench], Outcome]


def by_name(parts: Sequence[Part]) -> Dict[str, Part]:
    return {part.name: part for part in parts}
