"""`biome-interpret evaluate`: compares methods on the texts of a file."""

import argparse
import json
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Mapping

from allennlp.common.checks import ConfigurationError

from biome_interpret.commands import arguments as cli
from biome_interpret.commands import loading
from biome_interpret.commands.description import description
from biome_interpret.commands.evaluating.maker import StudyMaker, texts_in, written_in
from biome_interpret.commands.evaluating.rows import Named, make_study, row_configs
from biome_interpret.commands.jobs import files, fingerprint
from biome_interpret.commands.jobs.destination import (
    Destination,
    output_file,
    refuse_existing_output,
    temporary_file,
)
from biome_interpret.commands.jobs.explaining import RecordMaker
from biome_interpret.commands.jobs.job import FirstFailure, Job, exit_status
from biome_interpret.commands.jobs.messages import CLOSED_PIPE, FAILED, discard, say
from biome_interpret.commands.jobs.signals import Stopped, StopSignals
from biome_interpret.commands.jobs.sinks import WriteError
from biome_interpret.commands.jobs.sources import Source, SourceChanged, SourceError
from biome_interpret.commands.jobs.text_files import text_file
from biome_interpret.evaluation.methods.ours import WORDS
from biome_interpret.evaluation.studies.gathering import Gathered
from biome_interpret.evaluation.studies.rationales import RationaleField
from biome_interpret.evaluation.studies.summary import Summary, summary_of
from biome_interpret.visualization.comparison.page import write_page
from biome_interpret.visualization.comparison.terminal import drawn
from biome_interpret.visualization.files import replacing

# What a job's output depends on besides what `interpret` depends on.
_OWN = ["baselines", "leave_out", "removals", "figures", "most_words", "rationales", "steps"]
_OWN += ["seed", "random_seeds", "limit", "randomization", "sensitivity"]


def evaluate(arguments: argparse.Namespace, program: str = "evaluate") -> int:
    """Carries out the command and returns its exit status. The end of `--help` lists them."""
    return exit_status(arguments, program, _prepare_and_run)


def _check(arguments: argparse.Namespace) -> None:
    cli.check(arguments)
    if len(arguments.targets) > 1:
        raise ConfigurationError("--target: give one label. Run the command for each label")
    if arguments.input_file == "-":
        raise ConfigurationError("DATA must be a file: standard input cannot be read again")


def _prepare_and_run(arguments: argparse.Namespace, signals: StopSignals) -> int:
    _check(arguments)
    configs = row_configs(arguments)
    written = [*files.written_by_interpret(arguments)]
    if arguments.summary_file is not None:
        written.append(files.NamedFile("--summary-file", Path(arguments.summary_file)))
    files.refuse_overwriting(files.read_by_interpret(arguments, configs), written)
    refuse_existing_output(arguments)
    loading.check_archive(arguments)
    predictor = loading.load_predictor(arguments)
    loading.set_threads(predictor._model, arguments.threads)
    source = text_file(predictor, arguments.input_file, arguments.input_format, arguments.fields)
    source.limit = arguments.limit
    named = make_study(arguments, configs, predictor)
    job = Job(
        source,
        _maker(arguments, source, named),
        arguments.batch_size,
        arguments.fail_fast,
        "evaluating",
        has_reader=False,
    )
    total = source.count()
    if total == 0:
        raise ConfigurationError(f"{arguments.input_file} has no texts")
    job.check_first_texts(total)
    for name, reason in named.study.left_out.items():
        say(f"left out: {name} ({reason})")
    about = {
        **description(arguments, [_without_words(config) for config in configs], predictor),
        "Removed by": ", ".join(named.study.removals),
        "Seed": str(arguments.seed),
    }
    with ExitStack() as stack:
        try:
            destination = _open(arguments, configs, source, named, about, stack)
        except WriteError as error:
            raise ConfigurationError(str(error)) from error
        try:
            job.run(destination, signals, total)
            status = _finish(arguments, named, destination, job)
        except (FirstFailure, SourceError, WriteError) as error:
            if isinstance(error, WriteError) and error.is_closed_pipe:
                return CLOSED_PIPE
            # The changed input would be refused.
            is_resumable = destination.is_resumable and not isinstance(error, SourceChanged)
            return _cut_short(is_resumable, str(error), FAILED)
        except Stopped as stopped:
            signals.ignore()
            return _cut_short(destination.is_resumable, "interrupted", stopped.exit_status)
    return status


def _without_words(config: Dict[str, Any]) -> Dict[str, Any]:
    """The head of a page need not say of each row that it scores words."""
    return {option: value for option, value in config.items() if option not in WORDS}


def _maker(arguments: argparse.Namespace, source: Source, named: Named) -> StudyMaker:
    return StudyMaker(
        source,
        named.study,
        arguments.targets[0] if arguments.targets else None,
        [RationaleField(key, field or "") for key, field in arguments.rationales],
        RecordMaker(source, [*named.interpreters.values()], arguments.targets),
    )


def _open(
    arguments: argparse.Namespace,
    configs: List[Dict[str, Any]],
    source: Source,
    named: Named,
    about: Mapping[str, str],
    stack: ExitStack,
) -> Destination:
    if arguments.output_file is None:
        return temporary_file(about, stack)
    names = named.study.names

    def of_job() -> fingerprint.Fingerprint:
        own = {f"--{name.replace('_', '-')}": getattr(arguments, name) for name in _OWN}
        return {**fingerprint.of_job(arguments, configs, source), **own, "rows": names}

    return output_file(arguments, source, about, stack, of_job, partial(written_in, rows=names))


def _finish(arguments: argparse.Namespace, named: Named, destination: Destination, job: Job) -> int:
    """Prints the summary and writes the page. Returns the exit status."""
    assert destination.records is not None
    study = named.study
    signed = [row.name for row in study.rows if row.is_signed]
    gathered = Gathered(signed)
    for records in texts_in(destination.records):
        gathered.add(records)
    notes = {row.name: row.note for row in study.rows}
    unsigned = [row.name for row in study.rows if not row.is_signed]
    summary = summary_of(gathered, notes, study.left_out, unsigned, arguments.seed)
    _show(arguments, summary, gathered, destination)
    wanted = {*(arguments.removals or []), *named.interpreters}
    is_missing = not wanted.isdisjoint(study.left_out)
    return FAILED if job.written.failed or is_missing else 0


def _show(
    arguments: argparse.Namespace,
    summary: Summary,
    gathered: Gathered,
    destination: Destination,
) -> None:
    _print(summary)
    if arguments.summary_file is not None:
        _write_json(Path(arguments.summary_file), {"about": destination.about, **summary.to_json()})
    if arguments.html is None:
        return
    title = Path(arguments.input_file).name
    try:
        write_page(summary, gathered.disagreements, arguments.html, title, destination.about)
    except OSError as error:
        raise WriteError(str(arguments.html), error) from error
    say(f"page: {arguments.html}")


def _write_json(path: Path, value: Any) -> None:
    try:
        with replacing(path) as file:
            file.write(json.dumps(value, indent=1) + "\n")
    except OSError as error:
        raise WriteError(str(path), error) from error


def _print(summary: Summary) -> None:
    # Rows may hold characters that the stream cannot encode.
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
    try:
        sys.stdout.write(drawn(summary))
        sys.stdout.flush()
    except OSError as error:
        discard(sys.stdout)
        raise WriteError("standard output", error) from error


def _cut_short(is_resumable: bool, reason: str, status: int) -> int:
    say(reason)
    if is_resumable:
        say("the same command with --resume continues the job")
    return status
