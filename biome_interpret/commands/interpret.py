"""`allennlp interpret`: explains a whole file of texts."""

import argparse
import logging
import sys
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Optional

from allennlp.commands.subcommand import Subcommand
from allennlp.common import logging as common_logging
from allennlp.common.checks import ConfigurationError
from allennlp.predictors import Predictor

from biome_interpret.commands import arguments as cli
from biome_interpret.commands import loading
from biome_interpret.commands.jobs.destination import Destination, check_paths, open_destination
from biome_interpret.commands.jobs.explaining import RecordMaker
from biome_interpret.commands.jobs.job import FirstFailure, Job
from biome_interpret.commands.jobs.progress import ProgressBar
from biome_interpret.commands.jobs.records import Written
from biome_interpret.commands.jobs.signals import Stopped, StopSignals
from biome_interpret.commands.jobs.sinks import WriteError
from biome_interpret.commands.jobs.sources import JsonLines, ReaderInstances, Source, SourceError
from biome_interpret.commands.report import make_report
from biome_interpret.visualization.terminal import clean

logger = logging.getLogger(__name__)

FAILED, WRONG_USE, INTERRUPTED, CLOSED_PIPE = 1, 2, 130, 141


@Subcommand.register("interpret")
class Interpret(Subcommand):
    """
    Explains each text of a file: `allennlp interpret ARCHIVE INPUT`. `--help` tells the rest.
    """

    def add_subparser(self, parser: argparse._SubParsersAction) -> argparse.ArgumentParser:
        subparser = parser.add_parser(
            self.name,
            usage=cli.USAGE,
            description=cli.DESCRIPTION,
            epilog=cli.EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            help="Explain what a trained model says of each text.",
        )
        cli.add_arguments(subparser)
        subparser.set_defaults(func=partial(_exit_with_status, subparser.prog))
        return subparser


def _exit_with_status(program: str, arguments: argparse.Namespace) -> None:
    status = interpret(arguments, program)
    if status:
        sys.exit(status)


def interpret(arguments: argparse.Namespace, program: str = "interpret") -> int:
    """
    Does what the arguments say.

    # Returns

    `int`
        The exit status, as told in the epilog of `--help`.
    """
    common_logging.FILE_FRIENDLY_LOGGING = arguments.file_friendly_logging
    with StopSignals() as signals:
        try:
            if arguments.silent and not (arguments.output_file or arguments.html):
                print("--silent specified without --output-file or --html.")
                print("Exiting early because no output will be created.")
                return 0
            return _Run(arguments, signals).status()
        except (ConfigurationError, SourceError) as error:
            logger.debug("where that came from", exc_info=True)
            _say(f"{program}: error: {error}")
            return WRONG_USE
        except Stopped as stopped:
            _say("interrupted before anything was written")
            return stopped.exit_status


class _Run:
    """One run of the command."""

    def __init__(self, arguments: argparse.Namespace, signals: StopSignals) -> None:
        self._arguments = arguments
        self._signals = signals

    def status(self) -> int:
        arguments = self._arguments
        cli.check_together(arguments)
        check_paths(arguments)
        settings = loading.interpreter_settings(arguments)
        predictor = loading.load_predictor(arguments)
        source = self._source(predictor)
        interpreters = loading.make_interpreters(settings, predictor)
        maker = RecordMaker(source, interpreters, arguments.targets, arguments.target_field)
        job = Job(source, maker, arguments.batch_size, arguments.fail_fast)
        total = source.count()
        job.look_at_first_texts()
        with ExitStack() as stack:
            try:
                destination = open_destination(arguments, settings, source, stack)
            except WriteError as error:
                raise ConfigurationError(str(error)) from error
            status = self._carry_out(job, destination, total)
        return status

    def _source(self, predictor: Predictor) -> Source:
        path = self._arguments.input_file
        if self._arguments.use_dataset_reader:
            reader = predictor._dataset_reader
            return ReaderInstances(reader, path, self._arguments.multitask_head)
        return JsonLines(predictor, path)

    def _carry_out(self, job: Job, destination: Destination, total: Optional[int]) -> int:
        before = destination.before
        try:
            with closing(ProgressBar(total, before.texts, not destination.is_printed)) as progress:
                job.run(destination.sinks, self._signals, progress, before)
            _say(_summary(job.written, before))
            self._write_report(destination)
        except WriteError as error:
            if error.is_closed_pipe:
                return CLOSED_PIPE
            return _cut_short(job.written, destination, str(error), FAILED)
        except (FirstFailure, SourceError) as error:
            return _cut_short(job.written, destination, str(error), FAILED)
        except Stopped as stopped:
            self._signals.ignore()
            return _cut_short(job.written, destination, "interrupted", stopped.exit_status)
        return FAILED if job.written.failed else 0

    def _write_report(self, destination: Destination) -> None:
        if self._arguments.html is None:
            return
        assert destination.records is not None
        title = None if self._arguments.input_file == "-" else Path(self._arguments.input_file).name
        make_report(destination.records, self._arguments.html, title)
        _say(f"report: {self._arguments.html}")


def _cut_short(written: Written, destination: Destination, reason: str, status: int) -> int:
    _say(reason)
    _say(_summary(written, destination.before))
    if destination.is_resumable:
        _say("the same command with --resume goes on from there")
    return status


def _summary(written: Written, before: Written) -> str:
    texts = "1 text" if written.good == 1 else f"{written.good} texts"
    summary = f"{texts} interpreted, {written.failed} failed"
    if written.failed:
        lines = ", ".join(map(str, written.failed_lines))
        more = ", ..." if written.failed > len(written.failed_lines) else ""
        summary += f" (line{'' if written.failed == 1 else 's'} {lines}{more})"
    if before.texts:
        summary += f"; {before.texts} of them before this run"
    return summary


def _say(message: str) -> None:
    try:
        print(clean(message), file=sys.stderr, flush=True)
    except OSError:  # Nobody listens.
        pass
