"""Where a job's records go, and how one goes on with what an earlier run of it has written."""

import tempfile
from argparse import Namespace
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path

from biome_interpret.commands.jobs import fingerprint
from biome_interpret.commands.jobs.fingerprint import Fingerprint
from biome_interpret.commands.jobs.records import Written
from biome_interpret.commands.jobs.sinks import RecordFile, Sink, TerminalView
from biome_interpret.commands.jobs.sources import Source, digest_of


class Destination(NamedTuple):
    """
    sinks : what takes the records.
    records : the file of records that a report can be made of.
    before : what an earlier run has written.
    is_resumable : whether a later run could go on.
    """

    sinks: List[Sink]
    records: Optional[Path]
    before: Written = Written()
    is_resumable: bool = False

    @property
    def is_printed(self) -> bool:
        return any(isinstance(sink, TerminalView) for sink in self.sinks)


def check_paths(arguments: Namespace) -> None:
    """
    So that a long job does not fail at its end, nor writes over its own input.

    # Raises

    `ConfigurationError`
        If a file is not there, or cannot be where it is asked for.
    """
    if not arguments.use_dataset_reader and arguments.input_file != "-":
        try:
            cached_path(arguments.input_file)
        except Exception as error:
            raise ConfigurationError(f"the input cannot be read: {error}") from error
    taken = {"the input": arguments.input_file, "the archive": arguments.archive_file}
    for name in ("output_file", "html"):
        given = getattr(arguments, name)
        if given is None:
            continue
        flag, path = "--" + name.replace("_", "-"), Path(given)
        if path.is_dir():
            raise ConfigurationError(f"{flag} {path} is a folder")
        if not path.absolute().parent.is_dir():
            raise ConfigurationError(f"{flag} {path}: there is no folder {path.parent}")
        for what, other in taken.items():
            if _is_same(path, Path(other)):
                raise ConfigurationError(f"{flag} {path} is {what}, which it would overwrite")
        taken[flag] = given


def open_destination(
    arguments: Namespace, settings: List[Dict[str, Any]], source: Source, stack: ExitStack
) -> Destination:
    """
    # Parameters

    settings : `List[Dict[str, Any]]`
        The parameters of the interpreters.
    stack : `ExitStack`
        Which closes what is opened.

    # Raises

    `ConfigurationError`
        If there is an output to go on with which another job began.
    `WriteError`
        If the output cannot be written.
    """
    if arguments.output_file is not None:
        path = Path(arguments.output_file)
        return _output_file(path, arguments, settings, source, stack)
    sinks: List[Sink] = [] if arguments.silent else [TerminalView()]
    if arguments.html is None:
        return Destination(sinks, None)
    # A report is made of records in a file, of which there may be more than memory holds.
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="biome-interpret-"))
    path = Path(folder) / "records.jsonl"
    sinks.append(stack.enter_context(closing(RecordFile(path))))
    return Destination(sinks, path)


def _output_file(
    path: Path,
    arguments: Namespace,
    settings: List[Dict[str, Any]],
    source: Source,
    stack: ExitStack,
) -> Destination:
    is_file = path.is_file() or not path.exists()
    is_resumable = is_file and source.is_repeatable
    if arguments.resume and not is_resumable:
        what = str(path) if source.is_repeatable else arguments.input_file
        raise ConfigurationError(f"there is no --resume here, since {what} is no ordinary file")
    if arguments.html is not None and not is_file:
        raise ConfigurationError(
            f"--html is made of the lines in --output-file, which {path} does not keep"
        )
    job = _fingerprint(arguments, settings, source) if is_resumable else None
    if arguments.resume and path.exists() and path.stat().st_size:
        assert job is not None
        fingerprint.check(job, path)
        before = Written.read(path)
        file = stack.enter_context(closing(RecordFile(path, before.size)))
        return Destination([file], path, before, is_resumable)
    # Emptied first: what is left when the process is killed between these two is begun anew.
    file = stack.enter_context(closing(RecordFile(path)))
    if job is not None:
        fingerprint.save(job, path)
    elif is_file:
        fingerprint.forget(path)
    return Destination([file], path if is_file else None, Written(), is_resumable)


def _fingerprint(
    arguments: Namespace, settings: List[Dict[str, Any]], source: Source
) -> Fingerprint:
    weights = arguments.weights_file
    return {
        "archive": fingerprint.digest_of_archive(arguments.archive_file),
        "--weights-file": weights and {"sha256": digest_of(Path(cached_path(weights)))},
        "input": {"sha256": source.digest()},
        "--use-dataset-reader": arguments.use_dataset_reader,
        "--dataset-reader-choice": arguments.dataset_reader_choice,
        "--multitask-head": arguments.multitask_head,
        "--overrides": arguments.overrides,
        "--predictor": arguments.predictor,
        "--predictor-args": arguments.predictor_args,
        "--interpreter": settings,
        "file named by an interpreter": {"sha256": fingerprint.digests_of_files_in(settings)},
        "--target": arguments.targets,
        "--target-field": arguments.target_field,
        "--batch-size": arguments.batch_size,
        "--cuda-device": arguments.cuda_device,
        "version": fingerprint.versions(),
    }


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except (OSError, ValueError):  # One of them is not there, or no path at all.
        return path.absolute() == other.absolute()
