"""A job: all texts of a source, batch by batch, to their destination."""

import sys
from contextlib import closing, nullcontext
from itertools import chain
from typing import Any, Iterator, List, Optional

from allennlp.common import Tqdm

from biome_interpret.commands.jobs.destination import Destination
from biome_interpret.commands.jobs.explaining import RecordMaker
from biome_interpret.commands.jobs.records import Record, Written
from biome_interpret.commands.jobs.signals import StopSignals
from biome_interpret.commands.jobs.sources import Source, SourceLine


class FirstFailure(Exception):
    """A text failed, and the job must stop at the first failure."""


class Job:
    """
    Explains `batch_size` lines of the source together. With `fail_fast` it stops at the first text
    that fails.
    """

    def __init__(
        self, source: Source, maker: RecordMaker, batch_size: int, fail_fast: bool = False
    ) -> None:
        self._source = source
        self._maker = maker
        self._batch_size = batch_size
        self._fail_fast = fail_fast
        self._batches: Iterator[List[SourceLine]] = source.batches(batch_size)
        self.written = Written()

    def check_first_texts(self) -> None:
        """
        To be called before anything is written.

        # Raises

        `ConfigurationError`
            If a target of every text is unknown to the model.
        """
        for first in self._batches:
            self._maker.refuse_unknown_targets(first)
            # The batch is put back, since a pipe gives it only once.
            self._batches = chain([first], self._batches)
            return

    def run(self, destination: Destination, signals: StopSignals, total: Optional[int]) -> None:
        """
        Writes a record of each text. `self.written` counts them, also after an exception. The
        progress bar shows the `total` number of texts, if it is known.

        # Raises

        `FirstFailure`, `SourceError`, `WriteError`, `Stopped`
        """
        self.written = destination.before
        bar = Tqdm.tqdm(
            total=total,
            initial=self.written.texts,
            unit="text",
            desc="interpreting",
            disable=destination.is_printed,
        )
        with closing(bar):
            for records in self._records(destination.before.last_line):
                failed = [one for one in records if one.error is not None and self._fail_fast]
                if failed:
                    records = [one for one in records if one.line < failed[0].line]
                self._write(records, destination, signals, bar)
                if failed:
                    raise FirstFailure(f"line {failed[0].line}: {failed[0].error}")

    def _records(self, done: int) -> Iterator[List[Record]]:
        """The records of each batch, for the lines after the first `done`."""
        is_first = True
        for batch in self._batches:
            if batch[-1].number <= done:
                continue
            if is_first and done:
                self._warm_up(batch[0].number)
            records = [one for one in self._maker.records(batch) if one.line > done]
            if is_first and not done:
                _warn_if_all_failed(records)
            is_first = False
            yield records

    def _write(
        self, records: List[Record], destination: Destination, signals: StopSignals, bar: Any
    ) -> None:
        # At a terminal or a pipe, a signal need not wait for a reader that does not read.
        keeps_lines = all(sink.keeps_lines for sink in destination.sinks)
        with signals.held() if keeps_lines else nullcontext():
            for sink in destination.sinks:
                sink.write(records)
            for record in records:
                self.written = self.written.plus(record.line, record.error is not None)
            failed = self.written.failed - destination.before.failed
            if failed:
                bar.set_postfix(failed=failed, refresh=False)
            bar.update(len(records))

    def _warm_up(self, before: int) -> None:
        """
        Interpreters learn from their first texts how the rows of a model's batch interact. A
        resumed job lets them see the same first texts as a job that was not stopped.
        """
        for batch in self._source.batches(self._batch_size):
            if batch[0].number >= before:
                return
            if any(record.error is None for record in self._maker.records(batch)):
                return


def _warn_if_all_failed(records: List[Record]) -> None:
    if len(records) > 1 and all(record.error is not None for record in records):
        message = f"all of the first {len(records)} texts failed; the first: {records[0].error}"
        print(message, file=sys.stderr)
