"""Opens the outputs of a job. A resumed job appends to the records of earlier runs."""

import tempfile
from argparse import Namespace
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional

from allennlp.common.checks import ConfigurationError

from biome_interpret.commands.jobs import fingerprint
from biome_interpret.commands.jobs.files import job_file
from biome_interpret.commands.jobs.records import Written
from biome_interpret.commands.jobs.sinks import RecordFile, Sink, TerminalView, WriteError
from biome_interpret.commands.jobs.sources import Source


class Destination(NamedTuple):
    """
    records : the file that a report can be made from.
    before : the records of earlier runs.
    is_resumable : whether a later run can continue this one.
    about : what a report says of the job.
    job : the content of the job file; `None` without one.
    """

    sinks: List[Sink]
    records: Optional[Path]
    before: Written = Written()
    is_resumable: bool = False
    about: Mapping[str, str] = {}
    job: Optional[fingerprint.Fingerprint] = None

    @property
    def learnt(self) -> List[int]:
        """The first lines of the batches that showed something about the model."""
        learnt: List[int] = [] if self.job is None else self.job[fingerprint.LEARNT]
        return learnt

    def add_learnt(self, first_line: int) -> None:
        """Keeps it for a later run that continues this one. May raise `WriteError`."""
        if self.job is None or self.records is None or first_line in self.learnt:
            return
        self.learnt.append(first_line)
        with fingerprint.saved(self.job, self.records):
            pass

    @property
    def is_printed(self) -> bool:
        return any(isinstance(sink, TerminalView) for sink in self.sinks)


def refuse_existing_output(arguments: Namespace) -> None:
    """
    Raises `ConfigurationError` if `--output-file` holds something, and neither `--resume` nor
    `--overwrite` is given: a command that is typed twice must not lose finished work.
    """
    path = None if arguments.output_file is None else Path(arguments.output_file)
    if path is not None and path.is_file() and path.stat().st_size:
        with closing(RecordFile(path)):  # It refuses a file that another job is writing to.
            _refuse_content(arguments, path)


def _refuse_content(arguments: Namespace, path: Path) -> None:
    if arguments.resume or arguments.overwrite or not path.is_file() or not path.stat().st_size:
        return
    can_continue = arguments.input_file != "-" and job_file(path).exists()
    resume = "--resume to continue its job, or " if can_continue else ""
    raise ConfigurationError(
        f"--output-file {path} is not empty: give {resume}--overwrite to replace it, or name "
        f"another file"
    )


def open_destination(
    arguments: Namespace,
    configs: List[Dict[str, Any]],
    source: Source,
    about: Mapping[str, str],
    stack: ExitStack,
) -> Destination:
    """
    Opens the outputs that the arguments name, until the `stack` is closed. Raises `WriteError` if
    they cannot be written, and `ConfigurationError` if they cannot be resumed.
    """
    if arguments.output_file is not None:
        of_job = partial(fingerprint.of_job, arguments, configs, source)
        return output_file(arguments, source, about, stack, of_job, Written.read)
    sinks: List[Sink] = [] if arguments.silent else [TerminalView()]
    if arguments.html is None:
        return Destination(sinks, None)
    kept = temporary_file(about, stack)
    return kept._replace(sinks=[*sinks, *kept.sinks])


def temporary_file(about: Mapping[str, str], stack: ExitStack) -> Destination:
    """A report is made from a file, since memory may not hold all records."""
    try:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="biome-interpret-"))
    except OSError as error:
        raise WriteError("a temporary folder", error) from error
    path = Path(folder) / "records.jsonl"
    return Destination([stack.enter_context(closing(RecordFile(path)))], path, about=about)


def output_file(
    arguments: Namespace,
    source: Source,
    about: Mapping[str, str],
    stack: ExitStack,
    of_job: Callable[[], fingerprint.Fingerprint],
    read: Callable[[Path], Written],
) -> Destination:
    """
    Opens `--output-file`, as `open_destination` does. `of_job` makes the fingerprint of the job,
    and `read` counts the records of earlier runs.
    """
    path = Path(arguments.output_file)
    is_file = path.is_file() or not path.exists()
    is_resumable = is_file and source.is_repeatable
    if arguments.resume and not is_resumable:
        culprit = path if source.is_repeatable else arguments.input_file
        raise ConfigurationError(f"--resume needs an ordinary file, and {culprit} is not one")
    if arguments.html is not None and not is_file:
        raise ConfigurationError(
            f"--html is made from the lines in --output-file, and {path} does not keep them"
        )
    job = None
    if is_resumable:
        job = {fingerprint.ABOUT: about, fingerprint.LEARNT: [], **of_job()}
    before = Written()
    file = stack.enter_context(closing(RecordFile(path)))
    _refuse_content(arguments, path)  # Another job may have written it since the first check.
    if arguments.resume and job is not None and path.stat().st_size:
        job = fingerprint.check(job, path)
        before = read(path)
        file.cut(before.size)
        about = fingerprint.described(path) or about
    elif job is not None:
        # If the process is killed inside the block, the output is as before, or empty: then
        # `--resume` starts again.
        with fingerprint.saved(job, path):
            file.cut()
    elif is_file:
        fingerprint.forget(path)
        file.cut()
    return Destination([file], path if is_file else None, before, is_resumable, about, job)
