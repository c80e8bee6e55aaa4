"""Makes the record of each text from the results of all interpreters, or from an error."""

import logging
import re
from dataclasses import dataclass, replace
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from allennlp.common.checks import ConfigurationError
from allennlp.data import Instance

from biome_interpret.commands.jobs.records import Record, make_record
from biome_interpret.commands.jobs.sources import (
    ReaderInstances,
    Source,
    SourceLine,
    gold_of,
    inputs_of,
)
from biome_interpret.errors import InterpretationError, reason_of, shown
from biome_interpret.interpretation import Interpretation
from biome_interpret.interpreters import PlannedInterpreter, options
from biome_interpret.models.labelling import GOLD, TargetSpec
from biome_interpret.models.labelling.targets import DatasetNumber

logger = logging.getLogger(__name__)

Targets = Union[TargetSpec, List[TargetSpec]]
Result = Union[List[Interpretation], Exception]


class NamedInterpreter(NamedTuple):
    """
    method : the name that its results get; `None` for its registered name.
    target : the target in its own parameters. The targets of the job replace it.
    """

    interpreter: PlannedInterpreter
    method: Optional[str] = None
    target: TargetSpec = None


@dataclass(frozen=True)
class RecordMaker:
    """
    Puts the results of all interpreters into one record of each text.

    targets : the targets of every text. If empty, each interpreter uses its own.
    gold_field : the key in each text's JSON that holds its own label.
    target_field : the key in each text's JSON that holds its target or a list of targets, instead
        of `targets`. If `null` is there, each interpreter uses its own.
    """

    source: Source
    interpreters: Sequence[NamedInterpreter]
    targets: List[TargetSpec]
    target_field: Optional[str] = None
    gold_field: Optional[str] = None

    @property
    def learnt(self) -> List[Any]:
        return [one.interpreter.learnt for one in self.interpreters]

    def records(self, batch: List[SourceLine]) -> List[Record]:
        """One for each text, in order. A text that fails does not affect the others."""
        failed: Dict[int, Record] = {}
        inputs: Dict[int, Any] = {}
        targets: Dict[int, List[Targets]] = {}
        for line in batch:
            number = line.number
            try:
                inputs[number] = self.source.inputs(line)
                targets[number] = self._targets_of(inputs[number])
            except Exception as error:
                failed[number] = self._failure(number, inputs.get(number), error)
        found: Dict[int, List[Interpretation]] = {number: [] for number in targets}
        for i, (interpreter, method, _) in enumerate(self.interpreters):
            left = [number for number in found if number not in failed]
            results = _interpret_each(
                interpreter, [inputs[number] for number in left], [targets[n][i] for n in left]
            )
            for number, result in zip(left, results):
                if isinstance(result, Exception):
                    failed[number] = self._failure(number, inputs[number], result, method)
                else:
                    found[number] += [replace(one, method=method or one.method) for one in result]
        return [
            failed.get(number) or self._record(number, inputs[number], found[number])
            for number, _ in batch
        ]

    def _record(
        self,
        number: int,
        inputs: Any,
        found: Sequence[Interpretation] = (),
        error: Optional[str] = None,
    ) -> Record:
        if isinstance(inputs, Instance):
            return make_record(number, inputs_of(inputs), found, error, gold_of(inputs))
        gold = inputs.get(self.gold_field) if isinstance(inputs, dict) else None
        return make_record(number, inputs, found, error, gold)

    def _failure(
        self, number: int, inputs: Any, error: Exception, method: Optional[str] = None
    ) -> Record:
        logger.debug("the text of line %d failed", number, exc_info=error)
        reason = reason_of(error, inputs) + (f" ({method})" if method else "")
        return self._record(number, inputs, error=reason)

    def check_first_texts(self, first: List[SourceLine]) -> None:
        """Raises `ConfigurationError` if they show that an option is wrong for all texts."""
        self._refuse_missing_gold(first)
        self.refuse_unknown_targets(first)

    def _refuse_missing_gold(self, batch: List[SourceLine]) -> None:
        """Raises `ConfigurationError` if no text has the key `gold_field`."""
        if self.gold_field is None:
            return
        keys: Dict[str, None] = {}
        for line in batch:
            try:
                keys.update(dict.fromkeys(self.source.inputs(line)))
            except Exception:  # `records` reports it later.
                continue
        if keys and self.gold_field not in keys:
            raise ConfigurationError(
                f"--gold-field {self.gold_field}: no text has this key; the keys are "
                f"{', '.join(map(repr, keys))}"
            )

    def refuse_unknown_targets(self, batch: List[SourceLine]) -> None:
        """
        Raises `ConfigurationError` if a target that all texts share is not a label. The labels are
        those of the first text that can be explained.
        """
        if self.target_field is not None:
            return
        own = [interpreter.target for interpreter in self.interpreters]
        targets = [t for t in self.targets or own if t is not None and t != GOLD]
        if not targets:
            return
        interpret = self.interpreters[0].interpreter.interpret_each
        inputs, labels = self._labels(batch)
        for target in targets if labels else []:
            is_known = target in labels if isinstance(target, str) else target < len(labels)
            if not is_known:
                [found] = interpret([inputs], [target])
                if isinstance(found, Exception):
                    raise ConfigurationError(str(found)) from found

    def _labels(self, batch: List[SourceLine]) -> Tuple[Any, List[str]]:
        """An input, and the model's labels for it; an empty list if they cannot be found."""
        interpret = self.interpreters[0].interpreter.interpret_each
        for line in batch:
            try:
                inputs = self.source.inputs(line)
                # Every set of labels has the index 0.
                [result] = interpret([inputs], [0])
            except Exception:  # `records` reports it later.
                continue
            if not isinstance(result, Exception) and result:
                return inputs, [*(result[0].probabilities or {})]
        return None, []

    def _targets_of(self, inputs: Any) -> List[Targets]:
        """Those of each interpreter."""
        given = self._given_targets(inputs)
        found = [one.target if given is None else given for one in self.interpreters]
        if self.gold_field is None or not any(map(_is_for_gold, found)):
            return found
        gold = self._gold_label_of(inputs)
        return [_with_gold(targets, gold) for targets in found]

    def _given_targets(self, inputs: Any) -> Targets:
        """Those of the text or the job; `None` if each interpreter uses its own."""
        if self.target_field is None:
            return self.targets[0] if len(self.targets) == 1 else self.targets or None
        if self.target_field not in inputs:
            raise InterpretationError(
                f"the text has no key '{self.target_field}', which should hold its target"
            )
        own: Targets = inputs[self.target_field]
        for target in own if isinstance(own, list) else [own]:
            options.target(target)
        return own

    def _gold_label_of(self, inputs: Any) -> TargetSpec:
        found = inputs.get(self.gold_field)
        if found is None:  # In a table, a column is in each row.
            raise InterpretationError(
                f"the text has no key '{self.gold_field}', which should hold its gold label, or "
                f"it is null"
            )
        try:
            gold = options.target(found)
        except ConfigurationError as error:
            raise InterpretationError(
                f"the gold label in '{self.gold_field}' is {shown(found)}; it must be the name of "
                f"a label or its index"
            ) from error
        return DatasetNumber(gold) if isinstance(gold, int) else gold


def _is_for_gold(targets: Targets) -> bool:
    return GOLD in targets if isinstance(targets, list) else targets == GOLD


def _with_gold(targets: Targets, gold: TargetSpec) -> Targets:
    if isinstance(targets, list):
        return [gold if target == GOLD else target for target in targets]
    return gold if targets == GOLD else targets


def advice_on(reason: str, source: Source, has_reader: bool = True) -> Optional[str]:
    """
    What to do if texts fail for such a reason; `None` if that is not known. `has_reader` tells
    whether the job can use the model's dataset reader.
    """
    reads_instances = isinstance(source, ReaderInstances)
    reader = (
        ". The model's dataset reader may read the file as it is: --use-dataset-reader"
        if has_reader
        else ""
    )
    key = re.search(r"KeyError: '([^']+)'", reason)
    if key is not None and not reads_instances:
        name = key[1]
        field = name if source.format == "txt" else f"{name}=NAME"
        return f"the predictor needs '{name}': name what holds it with --field {field}{reader}"
    if f"target '{GOLD}' needs" in reason and not reads_instances:
        name = "name the key that holds it with --gold-field KEY"
        return f"the texts have no gold label: {name}{reader}"
    return None


def _interpret_each(
    interpreter: PlannedInterpreter, inputs: List[Any], targets: List[Targets]
) -> List[Result]:
    if not inputs:
        return []
    try:
        return interpreter.interpret_each(inputs, targets)
    except Exception as error:
        # The whole batch failed, for example for lack of memory. Each text alone may succeed.
        logger.debug("a batch failed as a whole", exc_info=True)
        if len(inputs) == 1:
            return [error]
        alone = zip(inputs, targets)
        return [_interpret_each(interpreter, [one], [target])[0] for one, target in alone]
