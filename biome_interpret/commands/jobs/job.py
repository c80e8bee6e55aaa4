"""A job: all texts of a source, batch by batch, to where they are wanted."""

import sys
from contextlib import nullcontext
from itertools import chain
from typing import Iterator, List, Optional, Sequence

from biome_interpret.commands.jobs.explaining import RecordMaker
from biome_interpret.commands.jobs.progress import ProgressBar
from biome_interpret.commands.jobs.records import Record, Written
from biome_interpret.commands.jobs.signals import StopSignals
from biome_interpret.commands.jobs.sinks import Sink
from biome_interpret.commands.jobs.sources import Source, Text


class FirstFailure(Exception):
    """
    A text failed where none may.

    # Parameters

    record : `Record`
        Which is not written.
    """

    def __init__(self, record: Record) -> None:
        super().__init__(f"line {record.line}: {record.error}")
        self.record = record


class Job:
    """
    # Parameters

    source : `Source`
    maker : `RecordMaker`
    batch_size : `int`
        Lines of the source that are explained together.
    fail_fast : `bool`, optional (default = `False`)
        Whether to stop at the first text that fails.
    """

    def __init__(
        self, source: Source, maker: RecordMaker, batch_size: int, fail_fast: bool = False
    ) -> None:
        self._source = source
        self._maker = maker
        self._batch_size = batch_size
        self._fail_fast = fail_fast
        self._batches: Optional[Iterator[List[Text]]] = None
        self.written = Written()

    def look_at_first_texts(self) -> None:
        """
        Before anything is written.

        # Raises

        `ConfigurationError`
            If what every text shall be explained for is unknown to the model.
        """
        batches = self._source.batches(self._batch_size)
        first = list(next(batches, []))
        self._maker.refuse_unknown_targets(first)
        # A source that cannot be read again has given these texts for good.
        self._batches = chain([first] if first else [], batches)

    def run(
        self, sinks: Sequence[Sink], signals: StopSignals, progress: ProgressBar, written: Written
    ) -> None:
        """
        Writes a record of each text; `self.written` says of how many, also after an exception.

        # Parameters

        written : `Written`
            What the sinks have already.

        # Raises

        `FirstFailure`, `SourceError`, `WriteError`, `Stopped`
        """
        self.written = written
        done = written.last_line
        is_first = True
        for batch in self._batches or self._source.batches(self._batch_size):
            if batch[-1].line <= done:
                continue
            if is_first and done:
                self._warm_up(batch[0].line)
            records = [one for one in self._maker.records(batch) if one.line > done]
            if is_first and not done:
                _warn_if_all_failed(records)
            is_first = False
            failed = [one for one in records if one.error is not None] if self._fail_fast else []
            good = [one for one in records if one.line < failed[0].line] if failed else records
            self._write(good, sinks, signals, progress)
            if failed:
                raise FirstFailure(failed[0])

    def _write(
        self,
        records: List[Record],
        sinks: Sequence[Sink],
        signals: StopSignals,
        progress: ProgressBar,
    ) -> None:
        # People at a terminal are not kept waiting for a pipe that nobody reads from.
        whole_lines = all(sink.keeps_lines for sink in sinks)
        with signals.held() if whole_lines else nullcontext():
            for sink in sinks:
                sink.write(records)
            self.written = self.written.plus(records)
            progress.advance(records)

    def _warm_up(self, before: int) -> None:
        """
        Interpreters learn from their first texts how the rows of a model's batch relate. Where a
        job goes on they look at the same ones as if it had never stopped.
        """
        for batch in self._source.batches(self._batch_size):
            if batch[0].line >= before:
                return
            if any(record.error is None for record in self._maker.records(batch)):
                return


def _warn_if_all_failed(records: List[Record]) -> None:
    if len(records) > 1 and all(record.error is not None for record in records):
        message = f"all of the first {len(records)} texts failed; the first: {records[0].error}"
        print(message, file=sys.stderr)
