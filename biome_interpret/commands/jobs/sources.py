"""Where texts come from: the lines of a file or of standard input, or a dataset reader."""

import hashlib
import json
import os
import stat
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Dict, Iterator, List, NamedTuple, Optional, Union

from allennlp.common.checks import ConfigurationError
from allennlp.common.file_utils import cached_path, open_compressed
from allennlp.data import DatasetReader, Instance
from allennlp.data.dataset_readers import MultiTaskDatasetReader
from allennlp.predictors import Predictor

from biome_interpret.commands.jobs.records import reason_of

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_CHUNK = 1 << 20


class SourceError(Exception):
    """The source broke off: no text behind that place can be had."""


class Text(NamedTuple):
    """
    A text as it was found.

    line : its line in the input, from 1, or its number among the instances.
    raw : the line, or the instance.
    """

    line: int
    raw: Union[bytes, Instance]


class Source:
    """Texts, one after another."""

    # Whether it can be read more than once, so that a job can go on where it was stopped.
    is_repeatable = False

    def texts(self) -> Iterator[Text]:
        raise NotImplementedError

    def inputs(self, text: Text) -> Any:
        """
        What the predictor takes.

        # Raises

        `Exception`
            Of any kind, if the text cannot be read.
        """
        raise NotImplementedError

    def count(self) -> Optional[int]:
        """
        How many texts there are, where that is cheaply known.

        # Raises

        `SourceError`
            If they cannot be read to the end.
        """
        return None

    def digest(self) -> str:
        """The same for the same contents, where the source is repeatable."""
        raise NotImplementedError

    def batches(self, size: int) -> Iterator[List[Text]]:
        """
        The texts of each `size` lines: where a batch begins depends on line numbers alone, so that
        a text has the same company whenever a job is taken up again. A batch is given as soon as
        its last line is there.
        """
        batch: List[Text] = []
        for text in self._readable():
            if batch and (text.line - 1) // size != (batch[0].line - 1) // size:
                yield batch
                batch = []
            batch.append(text)
            if text.line % size == 0:
                yield batch
                batch = []
        if batch:
            yield batch

    def _readable(self) -> Iterator[Text]:
        text = None
        try:
            for text in self.texts():
                yield text
        except Exception as error:
            behind = f" behind line {text.line}" if text else ""
            reason = reason_of(error)
            raise SourceError(f"the input cannot be read{behind}: {reason}") from error


class JsonLines(Source):
    """
    A file with a JSON object in each line, plain or compressed (.gz, .bz2, .xz, .zip); `-` for
    standard input. Blank lines are passed over.
    """

    def __init__(self, predictor: Predictor, path: str) -> None:
        self._predictor = predictor
        self._path = path
        self._file = None if path == "-" else Path(cached_path(path))
        if self._file is not None and self._file.is_dir():
            raise ConfigurationError(f"{path} is a folder; the input must be a file")
        self.is_repeatable = self._file is not None and _is_regular(self._file)

    def texts(self) -> Iterator[Text]:
        with self._open() as file:
            for number, raw in enumerate(file, start=1):
                if not raw.decode("utf-8", "replace").isspace():
                    yield Text(number, raw)

    def inputs(self, text: Text) -> Dict[str, Any]:
        assert isinstance(text.raw, bytes)
        raw = text.raw
        if text.line == 1 and raw.startswith(_BYTE_ORDER_MARK):
            raw = raw[len(_BYTE_ORDER_MARK) :]
        inputs = self._predictor.load_line(raw.decode("utf-8"))
        if not isinstance(inputs, dict):
            raise ValueError(f"the line is JSON, but no object: {json.dumps(inputs)[:40]}")
        return inputs

    def count(self) -> Optional[int]:
        return sum(1 for _ in self._readable()) if self.is_repeatable else None

    def digest(self) -> str:
        assert self._file is not None
        return digest_of(self._file)

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        if self._file is None:
            yield sys.stdin.buffer
        elif self._path.endswith(".zip"):
            with zipfile.ZipFile(self._file) as archive:
                names = [name for name in archive.namelist() if not name.endswith("/")]
                if len(names) != 1:
                    raise ConfigurationError(
                        f"{self._path} holds {len(names)} files; it must be one"
                    )
                with archive.open(names[0]) as file:
                    yield file
        else:
            # By the name that was given: a download is kept under a name without an ending.
            with open_compressed(self._path, "rb", encoding=None) as file:
                yield file


class ReaderInstances(Source):
    """The instances that a dataset reader makes of a path."""

    def __init__(self, reader: DatasetReader, path: str, multitask_head: Optional[str]) -> None:
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
        self.is_repeatable = os.path.isfile(path)

    def texts(self) -> Iterator[Text]:
        instances = self._reader.read(self._path, **self._options)
        for number, instance in enumerate(instances, start=1):
            yield Text(number, instance)

    def inputs(self, text: Text) -> Instance:
        assert isinstance(text.raw, Instance)
        return text.raw

    def digest(self) -> str:
        return digest_of(Path(self._path))


def digest_of(path: Path) -> str:
    """The SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK), b""):
            digest.update(chunk)
    return digest.hexdigest()


def _is_regular(path: Path) -> bool:
    return stat.S_ISREG(path.stat().st_mode)
