"""Answers inquiries: f of texts with some units removed."""

from typing import Any, Callable, Dict, List, Optional, Protocol, Sequence, Set, Tuple

from allennlp.data import Instance
from allennlp.models import Model

from biome_interpret.attribution.coalitions import Answer, Inquiry, Removed, Units
from biome_interpret.attribution.paths import Path
from biome_interpret.interpreters.engine.rows.checked_rows import CheckedRows
from biome_interpret.interpreters.engine.rows.overlap import Task
from biome_interpret.interpreters.engine.rows.points import AT_BASELINE, Row
from biome_interpret.interpreters.engine.rows.units import BatchUnits
from biome_interpret.models.execution.batching import run_in_passes
from biome_interpret.models.execution.comparison import HeldPasses
from biome_interpret.models.execution.deletion import launch_texts, without_tokens
from biome_interpret.models.execution.evaluation import ExplainedBatch
from biome_interpret.models.execution.row_values import AT_POINTS, Evaluation, answers_of

# An instance of the batch, and the units that are removed from it.
Asked = Tuple[int, Removed]


class Answering(Protocol):
    def answers(self, asked: Sequence[Asked]) -> Task[List[Answer]]:
        """f for each of some texts. All share passes. It stops when these are started."""


def answer_inquiries(
    makers: Sequence[Callable[[Units], "Inquiry[Any]"]], batch_units: BatchUnits, source: Answering
) -> Task[List[Any]]:
    """
    What the inquiry of each instance returns. They run side by side. The same question is answered
    once for each instance.
    """
    inquiries = [ask(batch_units.of(row)) for row, ask in enumerate(makers)]
    known: Dict[Asked, Answer] = {}
    results: Dict[int, Any] = {}
    # `None` starts a generator.
    given: Dict[int, Optional[List[Answer]]] = dict.fromkeys(range(len(inquiries)))
    while given:
        wanted: Dict[int, Sequence[Removed]] = {}
        for row, own in given.items():
            try:
                wanted[row] = inquiries[row].send(own)  # type: ignore[arg-type]
            except StopIteration as stop:
                results[row] = stop.value
        asked = {(row, one): None for row, subsets in wanted.items() for one in subsets}
        new = [one for one in asked if one not in known]
        if new:
            answers = yield from source.answers(new)
            known.update(zip(new, answers))
        given = {row: [known[row, one] for one in subsets] for row, subsets in wanted.items()}
    return [results[row] for row in range(len(inquiries))]


class ReplacedUnits:
    """
    Units are removed in embedding space: the baseline replaces their embeddings.

    # Parameters

    rows : `CheckedRows`
    rows_per_pass : `int`
    num_background : `int`
        The number of background texts; 0 for the baseline. Answers are means over them.
    """

    def __init__(self, rows: CheckedRows, rows_per_pass: int, num_background: int) -> None:
        self._rows = rows
        self._rows_per_pass = rows_per_pass
        self._paths = [
            Path([AT_BASELINE], [1.0], background)
            for background in ([*range(num_background)] or [None])
        ]
        # Instances that had a row with x in a pass.
        self._checked: Set[int] = set()

    def answers(self, asked: Sequence[Asked]) -> Task[List[Answer]]:
        rows = [
            Row(instance, path, AT_BASELINE, removed)
            for instance, removed in asked
            for path in (self._paths if removed else self._paths[:1])
        ]
        asked_texts = {row.instance for row in rows if row.is_input}
        unchecked = {row.instance for row in rows} - self._checked - asked_texts
        self._checked |= unchecked | asked_texts
        nothing: Removed = frozenset()
        rows += [Row(i, self._paths[0], AT_BASELINE, nothing) for i in sorted(unchecked)]
        passes = run_in_passes(rows, self._rows_per_pass, self._launch)
        yield
        by_row = self._collect(rows, passes)
        found, first = [], 0
        for _, removed in asked:
            count = len(self._paths) if removed else 1
            found.append(_mean(by_row[first : first + count]))
            first += count
        return found

    def _launch(self, rows: List[Row]) -> Evaluation:
        return self._rows.launch_values(rows, want_probabilities=True)

    def _collect(self, rows: Sequence[Row], passes: Sequence[Evaluation]) -> List[Answer]:
        """Fetches and checks what passes gave: one answer for each row."""
        answers = answers_of(passes, AT_POINTS)
        first = 0
        for one in passes:
            own = rows[first : first + len(one.values)]
            self._rows.check_inputs(own, one.values.cpu())
            first += len(own)
        return answers


class DeletedUnits:
    """
    Units are removed from the text: their tokens are left out of the TextField.

    # Parameters

    model : `Model`
    batch : `ExplainedBatch`
    units : `BatchUnits`
    rows_per_pass : `Callable[[int], int]`
        For a number of tokens, the number of texts in a pass.
    may_share, may_pad : `bool`
        Whether texts may share a pass, and whether one may be padded there.
    held : `HeldPasses`
        Of the model and the type of objective.
    """

    def __init__(
        self,
        model: Model,
        batch: ExplainedBatch,
        units: BatchUnits,
        rows_per_pass: Callable[[int], int],
        may_share: bool,
        may_pad: bool,
        held: HeldPasses,
    ) -> None:
        self._model = model
        self._batch = batch
        self._units = units
        self._rows_per_pass = rows_per_pass
        self._may_share = may_share
        self._may_pad = may_pad
        self._held = held

    def answers(self, asked: Sequence[Asked]) -> Task[List[Answer]]:
        batch = self._batch
        # Special tokens stay: a text without them only is the text itself.
        found = {
            one: Answer(batch.outputs[one[0]], batch.probabilities[one[0]])
            for one in asked
            if not any(self._units.tokens(*one).values())
        }
        changed = [one for one in asked if one not in found]
        passes = launch_texts(
            self._model,
            batch.objective,
            [self._without(*one) for one in changed],
            self._rows_per_pass if self._may_share else lambda length: 1,
            self._may_pad,
            self._held,
        )
        yield
        for places, evaluation in passes:
            found.update(zip((changed[place] for place in places), answers_of([evaluation])))
        return [found[one] for one in asked]

    def _without(self, row: int, removed: Removed) -> Instance:
        tokens = self._units.tokens(row, removed)
        return without_tokens(self._batch.instances[row], tokens, self._model.vocab)


def _mean(answers: Sequence[Answer]) -> Answer:
    if len(answers) == 1:
        return answers[0]
    probabilities = [one.probability for one in answers if one.probability is not None]
    size = len(answers)
    return Answer(
        sum(one.value for one in answers) / size,
        sum(probabilities) / size if len(probabilities) == size else None,
    )
