"""A job explains the texts of a source, batch by batch, and writes their records."""

import logging
from argparse import Namespace
from contextlib import closing, nullcontext
from dataclasses import dataclass
from itertools import chain
from typing import Any, Callable, Iterator, List, Optional, Protocol

from allennlp.common import Tqdm
from allennlp.common import logging as common_logging
from allennlp.common.checks import ConfigurationError

from biome_interpret.commands.jobs.destination import Destination
from biome_interpret.commands.jobs.explaining import advice_on
from biome_interpret.commands.jobs.messages import WRONG_USE, optional_standard_error, say
from biome_interpret.commands.jobs.records import Record, Written
from biome_interpret.commands.jobs.signals import Stopped, StopSignals
from biome_interpret.commands.jobs.sources import Source, SourceError, SourceLine

logger = logging.getLogger(__name__)


def exit_status(
    arguments: Namespace, program: str, run: Callable[[Namespace, StopSignals], int]
) -> int:
    """Carries out a command with a job. Says why, if it is refused or stopped before its job."""
    common_logging.FILE_FRIENDLY_LOGGING = arguments.file_friendly_logging
    with optional_standard_error(), StopSignals() as signals:
        try:
            return run(arguments, signals)
        except (ConfigurationError, SourceError) as error:
            logger.debug("the command was refused", exc_info=True)
            say(f"{program}: error: {error}")
            return WRONG_USE
        except Stopped as stopped:
            say("interrupted before the first record was written")
            return stopped.exit_status


class Maker(Protocol):
    """Makes the records of texts, such as `RecordMaker`."""

    @property
    def learnt(self) -> Any:
        """What texts have shown about the model. It differs if further texts showed more."""

    def records(self, batch: List[SourceLine]) -> List[Record]: ...

    def check_first_texts(self, first: List[SourceLine]) -> None: ...


class FirstFailure(Exception):
    """A text failed in a job that stops at the first failure."""


@dataclass
class Job:
    """
    Explains `batch_size` lines together. `fail_fast` stops it at the first text that fails. `doing`
    is what the progress bar says. `has_reader` tells whether the command can use the model's
    dataset reader.
    """

    source: Source
    maker: Maker
    batch_size: int
    fail_fast: bool = False
    doing: str = "interpreting"
    has_reader: bool = True
    written: Written = Written()

    def __post_init__(self) -> None:
        self._batches = self.source.batches(self.batch_size)

    def check_first_texts(self, total: Optional[int]) -> None:
        """
        Raises `ConfigurationError` if the first texts show that none can be explained: their format
        is another one, or the model does not know a target that all texts share.
        """
        first = next(self._batches, [])
        self.source.refuse_another_format(first, total)
        self.maker.check_first_texts(first)
        # The batch is put back, since a pipe gives it only once.
        self._batches = chain([first] if first else [], self._batches)

    def run(self, destination: Destination, signals: StopSignals, total: Optional[int]) -> None:
        """
        Writes the records. `self.written` counts them, also after an exception. The progress bar
        shows `total`, the number of texts, if it is known. Raises `FirstFailure`, `SourceError`,
        `WriteError` or `Stopped`; `WriteError` or `SourceChanged` at the end if the output is not
        all that was written, or if the input has changed.
        """
        self.written = destination.before
        bar = Tqdm.tqdm(
            total=total,
            initial=self.written.texts,
            unit="text",
            desc=self.doing,
            disable=destination.is_printed,
        )
        with closing(bar):
            for records in self._records(destination, bar):
                failed = [one for one in records if one.error is not None and self.fail_fast]
                if failed:
                    records = [one for one in records if one.line < failed[0].line]
                self._write(records, destination, signals, bar)
                if failed:
                    raise FirstFailure(f"line {failed[0].line}: {failed[0].error}")
        for sink in destination.sinks:
            sink.check()
        self.source.check()

    def _records(self, destination: Destination, bar: Any) -> Iterator[List[Record]]:
        """
        The records of each batch, without those of earlier runs. What a batch shows about the model
        may change the notes of later ones. So it is noted where something was learnt. A resumed job
        explains these batches again, and then knows what the earlier runs knew.
        """
        done = destination.before.last_line
        is_first = True
        again: List[List[SourceLine]] = []
        for batch in self._batches:
            first = batch[0].number
            if batch[-1].number <= done:
                again += [batch] * (first in destination.learnt)
                continue
            while again:
                self.maker.records(again.pop(0))
            learnt = self.maker.learnt
            records = [one for one in self.maker.records(batch) if one.line > done]
            errors = [one.error for one in records if one.error is not None]
            if is_first and not done and len(errors) == len(records):
                bar.clear()  # Otherwise the message would stand behind it.
                self._explain_failures(errors)
            is_first = False
            # Before the records: if they are there, so is this.
            if self.maker.learnt != learnt:
                destination.add_learnt(first)
            yield records

    def _write(
        self, records: List[Record], destination: Destination, signals: StopSignals, bar: Any
    ) -> None:
        # At a terminal or a pipe, the reader may have stopped reading. A signal does not wait.
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

    def _explain_failures(self, errors: List[str]) -> None:
        """The first batch has failed. What went wrong is likely to be the same for all texts."""
        advice = advice_on(errors[0], self.source, self.has_reader)
        if len(errors) > 1:
            say(f"all of the first {len(errors)} texts failed; the first: {errors[0]}")
        if advice is not None:
            say(advice)
