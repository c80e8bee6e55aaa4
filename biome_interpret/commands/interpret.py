"""`allennlp interpret`: explains each text of a file."""

import argparse
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Callable, Dict

from allennlp.commands.subcommand import Subcommand
from allennlp.common.checks import ConfigurationError

from biome_interpret.commands import arguments as cli
from biome_interpret.commands import loading
from biome_interpret.commands.description import description
from biome_interpret.commands.jobs import files
from biome_interpret.commands.jobs.destination import (
    Destination,
    open_destination,
    refuse_existing_output,
)
from biome_interpret.commands.jobs.explaining import RecordMaker
from biome_interpret.commands.jobs.job import FirstFailure, Job, exit_status
from biome_interpret.commands.jobs.messages import CLOSED_PIPE, FAILED, say
from biome_interpret.commands.jobs.records import Written
from biome_interpret.commands.jobs.signals import Stopped, StopSignals
from biome_interpret.commands.jobs.sinks import WriteError
from biome_interpret.commands.jobs.sources import (
    ReaderInstances,
    Source,
    SourceChanged,
    SourceError,
)
from biome_interpret.commands.jobs.text_files import text_file
from biome_interpret.commands.ray_arguments import LOCAL
from biome_interpret.commands.report import make_report

# Other engines by their names. `distributed` adds its own, since it imports this module.
ENGINES: Dict[str, Callable[[argparse.Namespace, StopSignals], int]] = {}


@Subcommand.register("interpret")
class Interpret(Subcommand):
    """The subcommand `allennlp interpret ARCHIVE INPUT`. See its `--help`."""

    def add_subparser(
        self, parser: "argparse._SubParsersAction[argparse.ArgumentParser]"
    ) -> argparse.ArgumentParser:
        subparser = cli.add_subparser(parser, self.name)
        subparser.set_defaults(func=partial(_exit_with_status, subparser.prog))
        return subparser


def _exit_with_status(program: str, arguments: argparse.Namespace) -> None:
    status = interpret(arguments, program)
    if status:
        sys.exit(status)


def interpret(arguments: argparse.Namespace, program: str = "interpret") -> int:
    """Carries out the command and returns its exit status. The end of `--help` lists them."""
    return exit_status(arguments, program, _prepare_and_run)


def _prepare_and_run(arguments: argparse.Namespace, signals: StopSignals) -> int:
    cli.check(arguments)
    if arguments.engine != LOCAL:
        return ENGINES[arguments.engine](arguments, signals)
    configs = loading.interpreter_configs(arguments)
    files.refuse_overwriting(
        files.read_by_interpret(arguments, configs), files.written_by_interpret(arguments)
    )
    refuse_existing_output(arguments)
    loading.check_archive(arguments)
    predictor = loading.load_predictor(arguments)
    loading.set_threads(predictor._model, arguments.threads)
    path = arguments.input_file
    source: Source
    if arguments.use_dataset_reader:
        source = ReaderInstances(predictor._dataset_reader, path, arguments.multitask_head)
    else:
        source = text_file(predictor, path, arguments.input_format, arguments.fields)
    interpreters = loading.make_interpreters(configs, predictor)
    maker = RecordMaker(
        source,
        interpreters,
        arguments.targets,
        arguments.target_field,
        arguments.gold_field,
    )
    job = Job(source, maker, arguments.batch_size, arguments.fail_fast)
    total = source.count()
    job.check_first_texts(total)
    with ExitStack() as stack:
        try:
            about = description(arguments, configs, predictor)
            destination = open_destination(arguments, configs, source, about, stack)
        except WriteError as error:
            raise ConfigurationError(str(error)) from error
        try:
            job.run(destination, signals, total)
            status = _write_report(arguments, destination)
        except (FirstFailure, SourceError, WriteError) as error:
            if isinstance(error, WriteError) and error.is_closed_pipe:
                return CLOSED_PIPE
            # The changed input would be refused.
            if isinstance(error, SourceChanged):
                destination = destination._replace(is_resumable=False)
            return _cut_short(job, destination, str(error), FAILED)
        except Stopped as stopped:
            signals.ignore()
            return _cut_short(job, destination, "interrupted", stopped.exit_status)
        say(_summary(job.written, destination.before))
        if arguments.html is not None:
            say(f"report: {arguments.html}")
    return FAILED if job.written.failed else status


def _write_report(arguments: argparse.Namespace, destination: Destination) -> int:
    if arguments.html is None:
        return 0
    assert destination.records is not None
    title = None if arguments.input_file == "-" else Path(arguments.input_file).name
    return make_report(destination.records, arguments.html, title, destination.about)


def _cut_short(job: Job, destination: Destination, reason: str, status: int) -> int:
    say(reason)
    say(_summary(job.written, destination.before))
    if destination.is_resumable:
        say("the same command with --resume continues the job")
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
