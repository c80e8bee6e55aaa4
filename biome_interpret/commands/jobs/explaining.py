"""From texts to records: what several interpreters find for each text, or why they fail."""

import logging
from dataclasses import replace
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Union

from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance

from biome_interpret.commands.jobs.records import Record, make_record, reason_of
from biome_interpret.commands.jobs.sources import Source, SourceLine
from biome_interpret.errors import InterpretationError
from biome_interpret.interpretation import Interpretation
from biome_interpret.interpreters import PathInterpreter, options
from biome_interpret.models.labelling import GOLD, TargetSpec

logger = logging.getLogger(__name__)

Targets = Union[TargetSpec, List[TargetSpec]]
Result = Union[List[Interpretation], Exception]


class NamedInterpreter(NamedTuple):
    """
    interpreter : one of the interpreters of the job.
    method : the name of its results; its registered name if `None`.
    target : its own target, for texts without another one.
    """

    interpreter: PathInterpreter
    method: Optional[str] = None
    target: TargetSpec = None


class RecordMaker:
    """
    Puts the results of all interpreters into one record of each text.

    targets : the targets of every text; the interpreters' own if empty.
    target_field : instead of `targets`, the key in each text's JSON that holds its target or a list
        of them; `null` there for the interpreters' own.
    """

    def __init__(
        self,
        source: Source,
        interpreters: Sequence[NamedInterpreter],
        targets: Sequence[TargetSpec] = (),
        target_field: Optional[str] = None,
    ) -> None:
        self._source = source
        self._interpreters = interpreters
        self._targets = list(targets)
        self._target_field = target_field

    def records(self, batch: List[SourceLine]) -> List[Record]:
        """One for each text, in order. A text that fails does not affect the others."""
        failed: Dict[int, Record] = {}
        inputs: Dict[int, Any] = {}
        targets: Dict[int, Targets] = {}
        for line in batch:
            number = line.number
            try:
                inputs[number] = self._source.inputs(line)
                targets[number] = self._targets_of(inputs[number])
            except Exception as error:
                failed[number] = _failure(number, inputs.get(number), error)
        found: Dict[int, List[Interpretation]] = {number: [] for number in targets}
        for interpreter, method, _ in self._interpreters:
            left = [number for number in found if number not in failed]
            results = _interpret_each(
                interpreter, [inputs[number] for number in left], [targets[n] for n in left]
            )
            for number, result in zip(left, results):
                if isinstance(result, Exception):
                    failed[number] = _failure(number, inputs[number], result, method)
                else:
                    found[number] += _with_method(result, method)
        return [
            failed.get(number) or make_record(number, _json(inputs[number]), found[number])
            for number, _ in batch
        ]

    def refuse_unknown_targets(self, batch: List[SourceLine]) -> None:
        """
        Checks the targets of every text against the labels of the first text that can be explained.

        # Raises

        `ConfigurationError`
            If the model has no such label.
        """
        if self._target_field is not None:
            return
        own = [interpreter.target for interpreter in self._interpreters]
        targets = [t for t in self._targets or own if t is not None and t != GOLD]
        labels = self._labels(batch) if targets else []
        for target in targets if labels else []:
            is_known = target in labels if isinstance(target, str) else target < len(labels)
            if not is_known:
                known = ", ".join(repr(label) for label in labels)
                raise ConfigurationError(
                    f"unknown target {target!r}: the labels are {known}, their indices 0 to "
                    f"{len(labels) - 1}"
                )

    def _labels(self, batch: List[SourceLine]) -> List[str]:
        """The model's labels; empty if it gives a text none."""
        interpret = self._interpreters[0].interpreter.interpret_each
        for line in batch:
            try:
                # Every set of labels has the index 0.
                [result] = interpret([self._source.inputs(line)], [0])
            except Exception:  # `records` reports it later.
                continue
            if not isinstance(result, Exception) and result:
                return sorted(result[0].probabilities or {})
        return []

    def _targets_of(self, inputs: Any) -> Targets:
        if self._target_field is None:
            return self._targets[0] if len(self._targets) == 1 else self._targets or None
        if self._target_field not in inputs:
            raise InterpretationError(
                f"the text has no key '{self._target_field}', which should hold its target"
            )
        targets = inputs[self._target_field]
        for target in targets if isinstance(targets, list) else [targets]:
            options.target(target)
        return targets


def _interpret_each(
    interpreter: PathInterpreter, inputs: List[Any], targets: List[Targets]
) -> List[Result]:
    if not inputs:
        return []
    try:
        return interpreter.interpret_each(inputs, targets)
    except Exception as error:
        # A failure of the whole batch, such as a lack of memory, need not hit each text alone.
        logger.debug("a batch failed as a whole", exc_info=True)
        if len(inputs) == 1:
            return [error]
        alone = zip(inputs, targets)
        return [_interpret_each(interpreter, [one], [target])[0] for one, target in alone]


def _with_method(result: List[Interpretation], method: Optional[str]) -> List[Interpretation]:
    return result if method is None else [replace(one, method=method) for one in result]


def _failure(number: int, inputs: Any, error: Exception, method: Optional[str] = None) -> Record:
    logger.debug("the text of line %d failed", number, exc_info=error)
    reason = reason_of(error, inputs)
    if method is not None:
        reason = f"{reason} ({method})"
    return make_record(number, _json(inputs), error=reason)


def _json(inputs: Any) -> Optional[Dict[str, Any]]:
    return None if isinstance(inputs, Instance) else inputs
