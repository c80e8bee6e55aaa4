"""Where texts come from: a file of texts, see `text_files`, or a dataset reader."""

import os
import stat
from itertools import islice
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from allennlp.common.checks import ConfigurationError
from allennlp.data import DatasetReader, Instance, Token
from allennlp.data.dataset_readers import MultiTaskDatasetReader
from allennlp.data.fields import LabelField, MultiLabelField, SequenceLabelField

from biome_interpret.commands.jobs.files import STANDARD_INPUT
from biome_interpret.errors import reason_of
from biome_interpret.models.alignment.source_text import touch, unmarked
from biome_interpret.models.alignment.text_fields import texts_of

# The usual names of the field with the label.
_LABEL_NAMES = ("label", "labels", "tags")


class SourceError(Exception):
    """The source cannot be read to its end."""


class SourceChanged(SourceError):
    """Another program has changed the source while it was read."""


class SourceLine(NamedTuple):
    """
    A text as it was read.

    number : the number of its (first) line, or of its instance, from 1.
    content : the line, the row of a table, or the instance; or why a row could not be read.
    """

    number: int
    content: Union[bytes, List[str], Instance, Exception]


class Source:
    # The format of its lines, if they are not JSON.
    format: Optional[str] = None
    # For messages: what reads it, if that is not this package.
    by = ""

    def __init__(self, path: Optional[Path]) -> None:
        self.path = path
        # Whether it can be read again, which `--resume` requires.
        self.is_repeatable = path is not None and path.is_file()
        # The number of texts to read; `None` for all.
        self.limit: Optional[int] = None
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

    def refuse_another_format(self, first: List[SourceLine], total: Optional[int]) -> None:
        """Raises `ConfigurationError` if the first lines show that the format is another one."""

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
        for line in self.readable_lines():
            if batch and (line.number - 1) // size != (batch[0].number - 1) // size:
                yield batch
                batch = []
            batch.append(line)
            if line.number % size == 0:
                yield batch
                batch = []
        if batch:
            yield batch

    def readable_lines(self) -> Iterator[SourceLine]:
        """The lines. Raises `SourceError` where they cannot be read."""
        line = None
        try:
            for line in islice(self.lines(), self.limit):
                yield line
        except ConfigurationError:
            raise
        except Exception as error:
            place = f" after line {line.number}" if line else ""
            reason = reason_of(error)
            raise SourceError(f"the input cannot be read{self.by}{place}: {reason}") from error


class ReaderInstances(Source):
    """The instances that a dataset reader makes from a path."""

    def __init__(self, reader: DatasetReader, path: str, multitask_head: Optional[str]) -> None:
        super().__init__(Path(path))
        self._reader = reader
        self._path = path
        self.by = f" by the dataset reader {type(reader).__name__}"
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


def inputs_of(instance: Instance) -> Dict[str, str]:
    """The text of each field, with the spaces that the offsets of its tokens show."""
    texts = [text for name in instance.fields for text in texts_of(instance, name)]
    return {text.name: _written(text.field.tokens) for text in texts}


def gold_of(instance: Instance) -> Any:
    """The label, the list of labels or the tags of the words; `None` if there are none."""
    names = [name for name in _LABEL_NAMES if name in instance.fields] or [*instance.fields]
    for name in names:
        field = instance.fields[name]
        if isinstance(field, LabelField):
            return field.label
        if isinstance(field, (MultiLabelField, SequenceLabelField)):
            return list(field.labels)
    return None


def _written(tokens: Sequence[Token]) -> str:
    parts: List[str] = []
    for i, token in enumerate(tokens):
        is_joined = i == 0 or touch(tokens[i - 1], token)
        parts.append(("" if is_joined else " ") + unmarked(token))
    return "".join(parts)
