"""Where texts come from: lines of a file, lines of standard input, or a dataset reader."""

import json
import os
import stat
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, NamedTuple, Optional, Tuple, Union

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path, open_compressed
from allennlp.data import DatasetReader, Instance
from allennlp.data.dataset_readers import MultiTaskDatasetReader
from allennlp.predictors import Predictor

from biome_interpret.commands.jobs.files import STANDARD_INPUT
from biome_interpret.errors import reason_of


class SourceError(Exception):
    """The source cannot be read to its end."""


class SourceChanged(SourceError):
    """Another program has changed the source while it was read."""


class SourceLine(NamedTuple):
    """
    A text as it was read.

    number : the number of its line, or of its instance, from 1.
    """

    number: int
    content: Union[bytes, Instance]


class Source:
    def __init__(self, path: Optional[Path]) -> None:
        self.path = path
        # Whether it can be read again, which `--resume` requires.
        self.is_repeatable = path is not None and path.is_file()
        # Whether a person types the texts and waits for each answer.
        self.is_interactive = False
        self._state = self._current_state()

    def lines(self) -> Iterator[SourceLine]:
        raise NotImplementedError

    def inputs(self, line: SourceLine) -> Any:
        """The predictor's inputs. If the line is malformed, this may raise any `Exception`."""
        raise NotImplementedError

    def count(self) -> Optional[int]:
        """The number of texts, or `None` if counting is expensive. May raise `SourceError`."""
        return None

    def check(self) -> None:
        """Raises `SourceChanged` if the file is not what it was at first."""
        if self._current_state() != self._state:
            raise SourceChanged(
                "the input was changed while it was read: texts may be missing from the output. "
                "Run the job again, with --overwrite if it has an --output-file"
            )

    def _current_state(self) -> Optional[Tuple[int, int]]:
        """Size and time of the last change of an ordinary file. `None` for all else."""
        try:
            status = os.stat(self.path or STANDARD_INPUT)
        except OSError:
            return None
        is_ordinary = stat.S_ISREG(status.st_mode)
        return (status.st_size, status.st_mtime_ns) if is_ordinary else None

    def batches(self, size: int) -> Iterator[List[SourceLine]]:
        """
        Groups the texts of each `size` lines. The groups depend on line numbers alone, so a resumed
        job makes the same batches. A batch is yielded as soon as its last line is read.
        """
        if self.is_interactive:
            size = 1
        batch: List[SourceLine] = []
        for line in self._readable():
            if batch and (line.number - 1) // size != (batch[0].number - 1) // size:
                yield batch
                batch = []
            batch.append(line)
            if line.number % size == 0:
                yield batch
                batch = []
        if batch:
            yield batch

    def _readable(self) -> Iterator[SourceLine]:
        line = None
        try:
            for line in self.lines():
                yield line
        except Exception as error:
            place = f" after line {line.number}" if line else ""
            reason = reason_of(error)
            raise SourceError(f"the input cannot be read{place}: {reason}") from error


class JsonLines(Source):
    """
    A file with a JSON object in each line, plain or compressed (.gz, .bz2, .xz, .zip). The name `-`
    is standard input. Blank lines are skipped.
    """

    def __init__(self, predictor: Predictor, name: str) -> None:
        super().__init__(None if name == "-" else Path(cached_path(name)))
        self._predictor = predictor
        self._name = name
        self.is_interactive = name == "-" and sys.stdin.isatty()
        if self.path is not None and self.path.is_dir():
            raise ConfigurationError(f"{name} is a folder; the input must be a file")

    def lines(self) -> Iterator[SourceLine]:
        with self._open() as file:
            for number, raw in enumerate(file, start=1):
                if not raw.decode("utf-8", "replace").isspace():
                    yield SourceLine(number, raw)

    def inputs(self, line: SourceLine) -> Dict[str, Any]:
        raw = line.content
        assert isinstance(raw, bytes)
        # Only the first line may begin with a byte order mark.
        text = raw.decode("utf-8-sig" if line.number == 1 else "utf-8")
        try:
            inputs = self._predictor.load_line(text)
            if not isinstance(inputs, dict):
                raise ValueError(f"the line is JSON, but not an object: {json.dumps(inputs)[:40]}")
        except RecursionError as error:
            raise ValueError("the line is nested too deeply to be read") from error
        return inputs

    def count(self) -> Optional[int]:
        return sum(1 for _ in self._readable()) if self.is_repeatable else None

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        if self.path is None:
            yield sys.stdin.buffer
        elif self._name.endswith(".zip"):
            with zipfile.ZipFile(self.path) as archive:
                members = [name for name in archive.namelist() if not name.endswith("/")]
                if len(members) != 1:
                    raise ConfigurationError(
                        f"{self._name} holds {len(members)} files; it must hold one"
                    )
                with archive.open(members[0]) as file:
                    yield file
        else:
            # The given name decides on the compression: a cached download has no suffix.
            with open_compressed(self._name, "rb", encoding=None) as file:
                yield file


class ReaderInstances(Source):
    """The instances that a dataset reader makes from a path."""

    def __init__(self, reader: DatasetReader, path: str, multitask_head: Optional[str]) -> None:
        super().__init__(Path(path))
        self._reader = reader
        self._path = path
        is_multitask = isinstance(reader, MultiTaskDatasetReader)
        if multitask_head is not None and not is_multitask:
            raise ConfigurationError(
                f"--multitask-head only works with a multitask dataset reader, not with "
                f"{type(reader).__name__}"
            )
        if is_multitask and multitask_head is None:
            raise ConfigurationError("a multitask dataset reader needs --multitask-head")
        self._options = {"force_task": multitask_head} if is_multitask else {}

    def lines(self) -> Iterator[SourceLine]:
        instances = self._reader.read(self._path, **self._options)
        for number, instance in enumerate(instances, start=1):
            yield SourceLine(number, instance)

    def inputs(self, line: SourceLine) -> Instance:
        assert isinstance(line.content, Instance)
        return line.content
