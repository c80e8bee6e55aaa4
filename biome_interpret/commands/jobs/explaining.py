"""From texts to records: what several interpreters say of each, or why they cannot."""

import logging
from dataclasses import replace
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Union

from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance

from biome_interpret.commands.jobs.records import Record, completed, reason_of
from biome_interpret.commands.jobs.sources import Source, Text
from biome_interpret.errors import InterpretationError
from biome_interpret.interpretation import Interpretation
from biome_interpret.interpreters import PathInterpreter, options
from biome_interpret.models.labelling import GOLD, TargetSpec

logger = logging.getLogger(__name__)

Targets = Union[TargetSpec, List[TargetSpec]]
Result = Union[List[Interpretation], Exception]


class NamedInterpreter(NamedTuple):
    """
    interpreter : one of those asked for.
    method : what its results are called; `None` for its registered name.
    target : its own, for texts that are given none.
    """

    interpreter: PathInterpreter
    method: Optional[str] = None
    target: TargetSpec = None


class RecordMaker:
    """
    # Parameters

    source : `Source`
        Which reads the texts.
    interpreters : `Sequence[NamedInterpreter]`
        Their results stand side by side in a text's record.
    targets : `List[Union[str, int]]`
        For every text; none for the interpreters' own.
    target_field : `str`, optional
        In place of `targets`, the key of each text's JSON that holds its target, or a list of
        them; `null` there for the interpreters' own.
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

    def records(self, batch: List[Text]) -> List[Record]:
        """One for each text, in their order; a text that fails does not affect the others."""
        failed: Dict[int, Record] = {}
        inputs: Dict[int, Any] = {}
        targets: Dict[int, Targets] = {}
        for text in batch:
            try:
                inputs[text.line] = self._source.inputs(text)
                targets[text.line] = self._targets_of(inputs[text.line])
            except Exception as error:
                failed[text.line] = _failure(text.line, inputs.get(text.line), error)
        found: Dict[int, List[Interpretation]] = {line: [] for line in targets}
        for named in self._interpreters:
            lines = [line for line in found if line not in failed]
            results = _interpret_each(
                named.interpreter, [inputs[n] for n in lines], [targets[n] for n in lines]
            )
            for line, result in zip(lines, results):
                if isinstance(result, Exception):
                    failed[line] = _failure(line, inputs[line], result, named.method)
                else:
                    found[line] += _called(named.method, result)
        return [
            failed.get(text.line)
            or completed(Record(text.line, _json(inputs[text.line]), found[text.line]))
            for text in batch
        ]

    def refuse_unknown_targets(self, batch: List[Text]) -> None:
        """
        Looks at the labels that the model has for the first text that can be explained.

        # Raises

        `ConfigurationError`
            If a target that is meant for every text is none of them.
        """
        own = [named.target for named in self._interpreters]
        wanted = [t for t in self._targets or own if t is not None and t != GOLD]
        labels = self._labels(batch) if wanted and self._target_field is None else []
        for target in wanted:
            is_known = target in labels if isinstance(target, str) else target < len(labels)
            if labels and not is_known:
                known = ", ".join(repr(label) for label in labels)
                raise ConfigurationError(
                    f"unknown target {target!r}: the labels are {known}, their indices 0 to "
                    f"{len(labels) - 1}"
                )

    def _labels(self, batch: List[Text]) -> List[str]:
        """The model's; none where it gives its texts no such labels."""
        interpret = self._interpreters[0].interpreter.interpret_each
        for text in batch:
            try:
                # Whatever the labels are, one has the index 0.
                [result] = interpret([self._source.inputs(text)], [0])
            except Exception:  # That is told in its turn.
                continue
            if not isinstance(result, Exception) and result:
                return sorted(result[0].probabilities or {})
        return []

    def _targets_of(self, inputs: Any) -> Targets:
        if self._target_field is None:
            return self._targets[0] if len(self._targets) == 1 else self._targets or None
        if self._target_field not in inputs:
            raise InterpretationError(f"the text has no '{self._target_field}' to take as target")
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
        # What all failed of together, such as a want of memory, need not stop one alone.
        logger.debug("a batch failed as a whole", exc_info=True)
        if len(inputs) == 1:
            return [error]
        alone = zip(inputs, targets)
        return [_interpret_each(interpreter, [one], [target])[0] for one, target in alone]


def _called(method: Optional[str], result: List[Interpretation]) -> List[Interpretation]:
    return result if method is None else [replace(one, method=method) for one in result]


def _failure(line: int, inputs: Any, error: Exception, method: Optional[str] = None) -> Record:
    logger.debug("the text of line %d failed", line, exc_info=error)
    reason = reason_of(error, inputs)
    reason = reason if method is None else f"{reason} ({method})"
    return completed(Record(line, _json(inputs), [], reason))


def _json(inputs: Any) -> Optional[Dict[str, Any]]:
    return None if isinstance(inputs, Instance) else inputs
