"""The plan of a study: which texts, rows and removals, and what is asked of the model."""

import logging
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

import numpy
from allennlp.common.checks import ConfigurationError

from biome_interpret.attribution.coalitions import Answer, Inquiry, Removed, Units
from biome_interpret.errors import InterpretationError, NothingLabelled, reason_of
from biome_interpret.evaluation import Metric
from biome_interpret.evaluation.inquiries import Figure, Limits, Settings, together
from biome_interpret.evaluation.limits import MAX_EXACT, find_limits, scores_of_order
from biome_interpret.evaluation.methods import Row, Scores, Text
from biome_interpret.evaluation.studies.results import (
    BEST,
    WORST,
    Case,
    Figures,
    RemovalFigures,
    Result,
)
from biome_interpret.evaluation.studies.robustness import Robustness, Scored, Stability
from biome_interpret.interpreters.perturber import Perturber, Question
from biome_interpret.models.objectives import Target

logger = logging.getLogger(__name__)

# The number of first texts that show what the model allows.
_NUM_TRIED = 5


@dataclass
class Study:
    """
    # Parameters

    rows : `List[Row]`
    removals : `Dict[str, Perturber]`
        By name.
    settings : `Settings`
        Of the metrics. The study gives each text a seed of its own, and its limits.
    metrics : `Dict[str, Metric]`
        By name.
    most_words : `int`
        The best and the worst order are searched for texts of at most so many words.
    has_oracle : `bool`
        Whether these orders are rows too.
    robustness : `Robustness`, optional
        Explains the model with other weights too.
    left_out : `Dict[str, str]`
        Rows and removals that this model does not allow, with the reason. See `prepare`.
    """

    rows: List[Row]
    removals: Dict[str, Perturber]
    settings: Settings
    metrics: Dict[str, Metric]
    most_words: int
    has_oracle: bool = True
    robustness: Optional[Robustness] = None
    left_out: Dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> List[str]:
        """Of all rows, in the order of the results of a text."""
        return [row.name for row in self.rows] + [BEST, WORST] * self.has_oracle

    @property
    def learnt(self) -> List[Any]:
        """As that of `PlannedInterpreter`, of all rows and removals."""
        rows = [row.learnt for row in self.rows]
        return rows + [perturber.learnt for perturber in self.removals.values()]

    @property
    def _uses_limits(self) -> bool:
        return self.has_oracle or any(name.startswith("naopc") for name in self.metrics)

    def prepare(self, cases: Sequence[Case]) -> List[Text]:
        """
        Leaves out rows and removals that fail on all of the first texts. Returns a few of these
        that have words, and none if they cannot be read.
        """
        texts: List[Text] = []
        for name, perturber in [*self.removals.items()]:
            read = self._read(cases, perturber)
            with_words = [one for one in read if isinstance(one, Text) and one.units.num]
            texts = texts or with_words[:_NUM_TRIED]
            wrong = [one for one in read if isinstance(one, ConfigurationError)]
            if wrong and len(wrong) == len(read):  # The model does not have this baseline.
                self.left_out[name] = reason_of(wrong[0])
                del self.removals[name]
        if not texts:  # It is the texts that are wrong. The error of each says how.
            return []
        for name, perturber in [*self.removals.items()]:
            error = _error_on_all(texts, partial(_removed_one, perturber))
            if error is not None:
                self.left_out[name] = reason_of(error)
                del self.removals[name]
        for row in [*self.rows]:
            error = _error_on_all(texts, partial(_scores_of, row))
            if error is not None and row.instead is not None:
                self.rows[self.rows.index(row)] = row = row.instead
                error = _error_on_all(texts, partial(_scores_of, row))
            if error is not None:
                self.left_out[row.name] = reason_of(error)
                self.rows.remove(row)
        return texts

    def results(self, cases: Sequence[Case]) -> List[List[Result]]:
        """For each text the result of each row, in the order of `names`. All texts share passes."""
        texts = self._read(cases, next(iter(self.removals.values())))
        good = [one for one in texts if isinstance(one, Text)]
        scored: List[Dict[str, Union[Scores, Exception]]] = [{} for _ in good]
        seconds: Dict[str, float] = {}
        for row in self.rows:
            start = time.perf_counter()
            for by_row, found in zip(scored, row.scores(good)):
                by_row[row.name] = _finite(found)
            seconds[row.name] = (time.perf_counter() - start) / max(1, len(good))
        figures = {
            name: self._figures(perturber, good, scored)
            for name, perturber in self.removals.items()
        }
        targets = [_target_of(by_row) for by_row in scored]
        stable: List[Dict[str, Stability]] = [{} for _ in good]
        if self.robustness is not None:
            names = [row.name for row in self.rows]
            stable = self.robustness.of(good, scored, targets, names)
        place = {text.line: position for position, text in enumerate(good)}
        results = []
        for case, text in zip(cases, texts):
            if isinstance(text, Exception):
                results.append(self.failed(case.line, text, case.inputs))
                continue
            i = place[case.line]
            by_removal = {name: found[i] for name, found in figures.items()}
            own = self._of_text(text, scored[i], by_removal, seconds)
            results.append(
                [one._replace(target=targets[i], stability=stable[i].get(one.row)) for one in own]
            )
        return results

    def _read(self, cases: Sequence[Case], perturber: Perturber) -> List[Union[Text, Exception]]:
        """The words of each text, and what the model says of it; or its error."""
        found = _ask(perturber, cases, [_whole] * len(cases))
        return [
            one if isinstance(one, Exception) else Text(*case, units=one[0], answer=one[1])
            for case, one in zip(cases, found)
        ]

    def _figures(
        self,
        perturber: Perturber,
        texts: Sequence[Text],
        scored: Sequence[Dict[str, Union[Scores, Exception]]],
    ) -> List[Union[Dict[str, RemovalFigures], Exception]]:
        """For each text the figures of each row, all asked for at once."""
        asks = []
        for text, by_row in zip(texts, scored):
            good = {n: one.draws for n, one in by_row.items() if isinstance(one, Scores)}
            seed = self.settings.seed * 1_000_003 + text.line
            asks.append(partial(self._inquire, good, self.settings._replace(seed=seed)))
        return _ask(perturber, [Case(t.line, t.inputs, t.target) for t in texts], asks)

    def _inquire(
        self, draws: Dict[str, List[List[float]]], settings: Settings, units: Units
    ) -> "Inquiry[Dict[str, RemovalFigures]]":
        """All metrics of all rows as one inquiry, which asks for each subset once."""
        known: Dict[Removed, Answer] = {}
        limits: Optional[Limits] = None
        if self._uses_limits and 0 < units.num <= self.most_words:
            [limits] = yield from together([find_limits(units.num)], known)
        settings = settings._replace(limits=limits)
        oracles: Dict[str, List[float]] = {}
        if self.has_oracle and limits is not None and limits.exact:
            oracles = {
                BEST: scores_of_order(limits.best_order),
                WORST: scores_of_order(limits.worst_order),
            }
        wanted = {**draws, **{name: [scores] for name, scores in oracles.items()}}
        inquiries = [
            metric.ask(scores, settings)
            for row_draws in wanted.values()
            for scores in row_draws
            for metric in self.metrics.values()
        ]
        found = iter((yield from together(inquiries, known)))
        return {
            name: RemovalFigures(
                mean_figures([{metric: next(found) for metric in self.metrics} for _ in row_draws]),
                oracles.get(name),
            )
            for name, row_draws in wanted.items()
        }

    def _of_text(
        self,
        text: Text,
        scored: Dict[str, Union[Scores, Exception]],
        by_removal: Dict[str, Union[Dict[str, RemovalFigures], Exception]],
        seconds: Dict[str, float],
    ) -> List[Result]:
        results = []
        for name in self.names:
            found = scored.get(name)
            if isinstance(found, Exception):
                reason = reason_of(found, text.inputs)
                results.append(Result(text.line, name, text, error=reason))
                continue
            removals: Dict[str, Union[RemovalFigures, str]] = {}
            for removal, figures in by_removal.items():
                if isinstance(figures, Exception):
                    removals[removal] = reason_of(figures, text.inputs)
                elif name in figures:
                    removals[removal] = figures[name]
            skipped = None
            if found is None and not removals:
                most = min(self.most_words, MAX_EXACT)
                skipped = f"it has more than {most} words, or the model gives no finite probability"
            time_of = seconds.get(name, 0.0)
            results.append(Result(text.line, name, text, found, time_of, removals, None, skipped))
        return results

    def failed(self, line: int, error: Exception, inputs: Any = None) -> List[Result]:
        """The results of a text that cannot be read, or in which nothing is labelled."""
        if isinstance(error, NothingLabelled):
            skipped = "the model labels nothing in this text"
            return [Result(line, name, skipped=skipped) for name in self.names]
        reason = reason_of(error, inputs)
        return [Result(line, name, error=reason) for name in self.names]


def _error_on_all(texts: Sequence[Text], run: Callable[[Text], Any]) -> Optional[Exception]:
    """The first error, unless one of the texts has none. They are tried one by one."""
    errors: List[Exception] = []
    for text in texts:
        found = run(text)
        if not isinstance(found, Exception):
            return None
        errors.append(found)
    return errors[0]


def _target_of(scored: Scored) -> Optional[Target]:
    targets = (one.target for one in scored.values() if isinstance(one, Scores))
    return next((one for one in targets if one is not None), None)


def _finite(found: Union[Scores, Exception]) -> Union[Scores, Exception]:
    """Otherwise the scores of one row would spoil the inquiry of all."""
    if isinstance(found, Exception) or numpy.isfinite(found.draws).all():
        return found
    return InterpretationError("the scores are not finite")


def _scores_of(row: Row, text: Text) -> Any:
    return _finite(row.scores([text])[0])


def _removed_one(perturber: Perturber, text: Text) -> Any:
    return _ask(perturber, [Case(text.line, text.inputs, text.target)], [_with_one_removed])[0]


def mean_figures(draws: Sequence[Figures]) -> Figures:
    """The means over several draws of one row, over those that have a value."""
    return {name: _mean([draw[name] for draw in draws]) for name in draws[0]}


def _mean(figures: Sequence[Figure]) -> Figure:
    good = [one for one in figures if one.value is not None]
    if len(figures) == 1 or not good:
        return figures[0]
    values = [one.value for one in good if one.value is not None]
    curve = numpy.mean([one.curve for one in good], axis=0).tolist()
    return Figure(float(numpy.mean(values)), good[0].left_out, good[0].note, curve)


def _whole(units: Units) -> "Inquiry[Tuple[Units, Answer]]":
    [answer] = yield [frozenset()]
    return units, answer


def _with_one_removed(units: Units) -> "Inquiry[None]":
    if units.num == 0:
        raise InterpretationError("the text has no words")
    yield [frozenset([0])]


def _ask(perturber: Perturber, cases: Sequence[Case], asks: Sequence[Any]) -> List[Any]:
    questions = [Question(case.inputs, ask, case.target) for case, ask in zip(cases, asks)]
    if not questions:
        return []
    try:
        return perturber.results(questions)
    except Exception as error:
        # All failed, for example for lack of memory. Each text alone may succeed.
        logger.debug("texts failed together", exc_info=True)
        if len(questions) == 1:
            return [error]
        alone = zip(cases, asks)
        return [_ask(perturber, [case], [ask])[0] for case, ask in alone]
