"""`interpret --engine ray`: explains whole files on many machines and writes Parquet files."""

import logging
from argparse import Namespace
from itertools import islice
from pathlib import Path
from typing import Any, Dict, List, Sequence

from biome_interpret.commands import loading
from biome_interpret.commands.description import description
from biome_interpret.commands.jobs.explaining import advice_on
from biome_interpret.commands.jobs.files import (
    NamedFile,
    read_by_interpret,
    refuse_overwriting,
    written_by_interpret,
)
from biome_interpret.commands.jobs.fingerprint import ABOUT
from biome_interpret.commands.jobs.messages import FAILED, say
from biome_interpret.commands.jobs.signals import Stopped, StopSignals
from biome_interpret.commands.jobs.sinks import WriteError
from biome_interpret.commands.jobs.sources import SourceLine
from biome_interpret.commands.jobs.text_files import JsonLines
from biome_interpret.commands.places import require
from biome_interpret.commands.report import make_report
from biome_interpret.commands.tables import Folder
from biome_interpret.distributed.actor import Explanation
from biome_interpret.distributed.cluster import connected, new_counter, progress_of
from biome_interpret.distributed.dataset import MODEL_OPTIONS, interpret_dataset
from biome_interpret.distributed.output import Output, fingerprint_of
from biome_interpret.distributed.texts import JSON, TextFile, tables_of, text_files
from biome_interpret.errors import reason_of

logger = logging.getLogger(__name__)

# The number of failed texts that the end of a job names.
_NUM_NAMED = 5
# The number of texts that are tried before the job begins.
_NUM_TRIED = 4
# What Ray adds to the traceback: an exception of its own, and how to try a task again.
_CAUSED, _BY_RAY = "\nThe above exception was the direct cause", "UserCodeException"
_ADVICE = "\nFailed to apply UDF transform"


def run(arguments: Namespace, signals: StopSignals) -> int:
    """
    Carries out the command and returns its exit status. Raises `ConfigurationError` if something is
    wrong before the first text, and `Stopped` if a signal comes before it.
    """
    require("ray", "pyarrow")
    configs = loading.interpreter_configs(arguments)
    JsonLines.check_renamings(arguments.fields)
    loading.check_archive(arguments)
    files = text_files([arguments.input_file, *arguments.more_input_files])
    read = [NamedFile("the input", Path(file.name)) for file in files]
    refuse_overwriting(
        [*read_by_interpret(arguments, configs), *read], written_by_interpret(arguments)
    )
    about = _check_model(arguments, configs, files)
    output = Output(arguments.output_dir)
    try:
        job = {ABOUT: about, **fingerprint_of(arguments, configs, files)}
        if output.begin(job, arguments.resume):
            say("the job is finished already")
        else:
            status = _explain(arguments, configs, files, output, signals)
            if status:
                return status
        return _conclude(arguments, output)
    except WriteError as error:
        say(str(error))
        return FAILED


def _check_model(
    arguments: Namespace, configs: List[Dict[str, Any]], files: Sequence[TextFile]
) -> Dict[str, str]:
    """
    Makes what each actor will make. What is wrong with all texts is said before they start. Returns
    the description of the job.
    """
    maker = Explanation(
        {
            **_model_of(arguments),
            "archive_file": arguments.archive_file,
            "cuda_device": arguments.cuda_device,
        },
        configs,
        arguments.targets,
        arguments.target_field,
        arguments.gold_field,
        arguments.fields,
        arguments.threads,
    ).record_maker()
    tables = (table for file in files for table in tables_of(file.name))
    rows = (row for table in tables for row in table.to_pylist() if row[JSON] is not None)
    first = [SourceLine(i, row[JSON]) for i, row in enumerate(islice(rows, _NUM_TRIED))]
    maker.check_first_texts(first)
    errors = [record.error for record in maker.records(first) if record.error is not None]
    if len(errors) == len(first) > 1:
        say(f"all of the first {len(errors)} texts failed; the first: {errors[0]}")
        advice = advice_on(errors[0], maker.source, has_reader=False)
        if advice is not None:
            say(advice)
    return description(arguments, configs, maker.interpreters[0].interpreter.predictor)


def _explain(
    arguments: Namespace,
    configs: List[Dict[str, Any]],
    files: Sequence[TextFile],
    output: Output,
    signals: StopSignals,
) -> int:
    """Returns the exit status if the job was cut short, or 0."""
    # Again, since Ray has replaced the handlers of signals.
    with connected(arguments, signals) as actors, signals:
        from ray.data import DataContext
        from ray.data.checkpoint import CheckpointConfig

        from biome_interpret.distributed.source import read_texts, readers_sent_whole

        counter = new_counter()
        context = DataContext.get_current()
        context.checkpoint_config = CheckpointConfig(
            "id", output.checkpoint, delete_checkpoint_on_success=False
        )
        rows = interpret_dataset(
            read_texts(files),
            arguments.archive_file,
            configs,
            target=arguments.targets,
            target_field=arguments.target_field,
            gold_field=arguments.gold_field,
            fields=dict(arguments.fields),
            json_column=JSON,
            batch_size=arguments.batch_size,
            actors=actors,
            gpus_per_actor=arguments.gpus_per_actor,
            threads=arguments.threads,
            include_packages=getattr(arguments, "include_package", ()),
            counter=counter,
            **_model_of(arguments),
        )
        try:
            with readers_sent_whole(), progress_of(counter):
                rows.write_parquet(output.name, min_rows_per_file=arguments.rows_per_file)
        except Stopped as stopped:
            signals.ignore()
            return _cut_short("interrupted", stopped.exit_status)
        except Exception as error:
            logger.debug("the job failed", exc_info=True)
            return _cut_short(_reason(error), FAILED)
        finally:
            context.checkpoint_config = None
    output.finish()
    return 0


def _model_of(arguments: Namespace) -> Dict[str, Any]:
    return {name: getattr(arguments, name) for name in MODEL_OPTIONS}


def _cut_short(reason: str, status: int) -> int:
    say(reason)
    say("the same command with --resume continues the job")
    return status


def _reason(error: BaseException) -> str:
    """What went wrong in a task or an actor: the last line of the traceback in Ray's own error."""
    text = str(error).split(_ADVICE)[0]
    before, _, after = text.rpartition(_CAUSED)
    if before and _BY_RAY in after:
        text = before
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if len(lines) > 1 else reason_of(error)


def _conclude(arguments: Namespace, output: Output) -> int:
    folder = Folder(output.name)
    texts, failed = folder.num_texts(), folder.num_failed()
    summary = f"{texts - failed} {'text' if texts - failed == 1 else 'texts'} interpreted"
    summary += f", {failed} failed"
    say(summary)
    for row in folder.first_failed(_NUM_NAMED):
        say(f"  {row['file']} line {row['line']}: {row['error']}")
    if failed > _NUM_NAMED:
        say("  ...")
    if failed:
        say("--resume tries none of these again: mend them, and give them to a job of their own")
    status = FAILED if failed else 0
    if arguments.html is not None:
        try:
            status = make_report(output.name, arguments.html) or status
        except Stopped as stopped:
            say("interrupted while the report was made: `biome-interpret report` makes it")
            return stopped.exit_status
        say(f"report: {arguments.html}")
    return status
